"""Which service of the catalogue a list's entry is. What is not certain is left to a person."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from detectors.catalogue.catalogue import Catalogue
from detectors.register.lists import Entry, RegisterList
from detectors.register.names import names_within, plain_name

#: Kinds of services that a host in a list can name: the page of an app may lie on any other's host.
_HOST_CATEGORIES = ("education",)


@dataclass(frozen=True, slots=True)
class Match:
    """`service` is None where a person has to decide; `why` says what matched, or what stands against it."""

    service: str | None
    why: str


@dataclass(frozen=True, slots=True)
class Unmatched:
    """An entry that no service was found for."""

    source: str
    row: int
    name: str
    why: str

    def __str__(self) -> str:
        return f"{self.source}:{self.row}: {self.name or '(no name)'}: {self.why}"


class Matcher:
    """By a person's decision, filing number, exact name, alias, host; all that match must agree.

    `bindings`: decisions, from a filing number, plain name or host to a service id. Filing numbers
    are learnt from entries that another way has matched, so that a list with numbers alone is matched
    once any list has named the app.
    """

    def __init__(self, catalogue: Catalogue, bindings: Mapping[str, str]) -> None:
        self._catalogue = catalogue
        self._ids = frozenset(catalogue.ids)
        self._bindings = dict(bindings)
        self._filings: dict[str, set[str]] = {}
        self._names: dict[str, set[str]] = {}
        self._aliases: dict[str, set[str]] = {}
        for service in catalogue.services:
            for whole in (service.name_zh, service.name_en, service.id):
                self._names.setdefault(plain_name(whole), set()).add(service.id)
            for text in (service.name_zh, service.name_en):
                for name in names_within(text):
                    self._aliases.setdefault(name, set()).add(service.id)

    def learn(self, lists: Iterable[RegisterList]) -> None:
        """Learn the filing numbers of entries that their name or host matches."""
        for each in lists:
            for entry in each.entries:
                service = self.match(entry).service if entry.filings else None
                if service is not None:
                    for filing in entry.filings:
                        self._filings.setdefault(filing, set()).add(service)

    def match(self, entry: Entry) -> Match:
        """The service of an entry."""
        decided = self._decided(entry)
        if decided is not None:
            return decided
        ways = {
            "filing number": self._found(self._filings, entry.filings),
            "name": self._found(self._names, (plain_name(entry.name),) if entry.name else ()),
            "alias": self._by_alias(entry),
            "host": self._by_host(entry),
        }
        told = {way: services for way, services in ways.items() if services}
        if not told:
            return Match(None, "no service has this filing number, name, alias or host")
        agreed = set.intersection(*told.values())
        if len(agreed) == 1:
            return Match(agreed.pop(), " and ".join(told))
        words = "; ".join(f"{way}: {', '.join(sorted(services))}" for way, services in told.items())
        return Match(None, f"several services ({words})")

    def _decided(self, entry: Entry) -> Match | None:
        if entry.service:
            if entry.service in self._ids:
                return Match(entry.service, "service id")
            return Match(None, f"the catalogue has no service `{entry.service}`")
        keys = (*entry.filings, plain_name(entry.name), *entry.hosts)
        bound = {self._bindings[key] for key in keys if key in self._bindings}
        if not bound:
            return None
        if len(bound) == 1 and bound <= self._ids:
            return Match(bound.pop(), "decision")
        return Match(None, f"decisions name {', '.join(sorted(bound))}")

    @staticmethod
    def _found(table: Mapping[str, set[str]], keys: Iterable[str]) -> set[str]:
        return {service for key in keys for service in table.get(key, ())}

    def _by_alias(self, entry: Entry) -> set[str]:
        if plain_name(entry.name) in self._names:
            return set()  # the exact name says more
        return self._found(self._aliases, (plain_name(each) for each in (entry.name, *entry.aliases) if each))

    def _by_host(self, entry: Entry) -> set[str]:
        found = set()
        for host in entry.hosts:
            match = self._catalogue.match(host)
            if match is not None:
                service = self._catalogue.services[match.service]
                if service.category in _HOST_CATEGORIES:
                    found.add(service.id)
        return found
