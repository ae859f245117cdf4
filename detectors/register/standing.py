"""The standing of an app on a day, from all lists that are known."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from detectors.catalogue.catalogue import Catalogue
from detectors.register.lists import Entry, Fact, RegisterList
from detectors.register.matching import Matcher, Unmatched
from detectors.register.statuses import FILINGS, SEVERAL, STATUSES

UNKNOWN, NONE, EXPIRED = "unknown", "none", "expired"


@dataclass(frozen=True, slots=True)
class State:
    """One status on a day.

    `values`: what lists say; ("none",) where a complete list does not hold the app, ("unknown",) where
    nobody has said. `covered`: a complete list is in force. `since`, `document`, `source`: of the fact,
    or of the list that does not hold the app.
    """

    values: tuple[str, ...]
    covered: bool
    since: date | None = None
    document: str = ""
    source: str = ""

    @property
    def value(self) -> str:
        """The one value of a status that has no more."""
        return self.values[0]

    @property
    def known(self) -> bool:
        """Whether anybody has said."""
        return self.values != (UNKNOWN,)

    def has(self, value: str) -> bool:
        """Whether the status has this value."""
        return value in self.values


@dataclass(frozen=True, slots=True)
class Held:
    """A fact, and the list that it stands in."""

    fact: Fact
    of: RegisterList
    document: str


class Register:
    """All lists together. Nothing changes after it was made; a reload makes another.

    `schools`: the names under which this school stands in lists; an entry of another school is not
    about this campus. Facts of a list end where a later complete list of the same status, issuer and
    school begins.
    """

    def __init__(
        self,
        lists: Sequence[RegisterList],
        catalogue: Catalogue,
        bindings: Mapping[str, str] | None = None,
        schools: Sequence[str] = (),
    ) -> None:
        self.lists = tuple(dict.fromkeys(lists))  # a list that two paths hold stands once
        self._schools = frozenset(schools)
        self._complete = {id(each) for each in self.lists if self._is_complete(each)}
        matcher = Matcher(catalogue, bindings or {})
        matcher.learn(self.lists)
        self.unmatched: list[Unmatched] = []
        self._facts: dict[str, list[Held]] = {}
        self._cache: dict[tuple[str, date], dict[str, State]] = {}
        for each in self.lists:
            for entry in each.entries:
                if self._elsewhere(entry):
                    continue
                match = matcher.match(entry)
                if match.service is None:
                    named = entry.name or " ".join(entry.filings or entry.hosts)
                    self.unmatched.append(Unmatched(each.source, entry.row, named, match.why))
                    continue
                held = self._facts.setdefault(match.service, [])
                held.extend(Held(fact, each, entry.document) for fact in entry.facts)

    @property
    def services(self) -> tuple[str, ...]:
        """Ids of the services that a list holds."""
        return tuple(sorted(self._facts))

    def held(self, service: str) -> list[Held]:
        """Every fact of a service, by status and first day."""
        found = self._facts.get(service, [])
        return sorted(found, key=lambda each: (list(STATUSES).index(each.fact.status), str(each.fact.first)))

    def state(self, service: str, status: str, on: date) -> State:
        """One status of a service on a day."""
        return self.standing(service, on)[status]

    def standing(self, service: str, on: date) -> dict[str, State]:
        """Every status of a service on a day."""
        key = (service, on)
        if key not in self._cache:
            if len(self._cache) >= 1 << 16:
                self._cache.clear()
            self._cache[key] = {status: self._state(service, status, on) for status in STATUSES}
        return self._cache[key]

    def covered(self, status: str, on: date) -> RegisterList | None:
        """The complete list of a status that is in force on a day, the latest of them."""
        lists = [each for each in self.lists if each.told.status == status and self._covers(each, on)]
        return max(lists, key=lambda each: str(each.told.first), default=None)

    def _state(self, service: str, status: str, on: date) -> State:
        complete = self.covered(status, on)
        facts = [held for held in self._facts.get(service, []) if held.fact.status == status]
        facts = [held for held in facts if not self._superseded(held, on)]
        now = [held for held in facts if _holds(held.fact, on)]
        if now and status in SEVERAL:
            told = {held.fact.value for held in now}
            values = tuple(value for value in STATUSES[status] if value in told)
            latest = max(now, key=_age)
            return State(values, complete is not None, latest.fact.first, latest.document, latest.of.source)
        if now:
            latest = max(now, key=_age)
            return _stated(latest.fact.value, latest, complete)
        past = [held for held in facts if held.fact.last is not None and held.fact.last < on]
        if past and status in FILINGS and complete is not None:
            latest = max(past, key=lambda held: held.fact.last or date.min)
            ended = latest.fact.last or on
            return State((EXPIRED,), True, ended + timedelta(days=1), latest.document, latest.of.source)
        if complete is not None:
            whole = complete.told
            return State((NONE,), True, whole.first, whole.document or "", complete.source)
        return State((UNKNOWN,), False)

    def _elsewhere(self, entry: Entry) -> bool:
        """Whether an entry is about another school."""
        return bool(entry.school) and entry.school not in self._schools

    def _is_complete(self, each: RegisterList) -> bool:
        """Whether absence from the list means something for this school."""
        told = each.told
        if not told.complete or (told.school and told.school not in self._schools):
            return False
        # A list by schools says nothing while nobody has said which of them we are.
        return bool(self._schools) or not any(entry.school for entry in each.entries)

    def _covers(self, each: RegisterList, on: date) -> bool:
        first, last = each.told.first, each.told.last
        complete = id(each) in self._complete
        return complete and first is not None and first <= on and (last is None or on <= last)

    def _superseded(self, held: Held, on: date) -> bool:
        """Whether a later complete list of the same kind is in force, and so speaks instead."""
        mine = held.of.told
        for other in self.lists:
            told = other.told
            same = (told.status, told.issuer, told.school) == (mine.status, mine.issuer, mine.school)
            later = str(told.first or "") > str(mine.first or held.fact.first or "")
            if other is not held.of and same and later and self._covers(other, on):
                return held.fact.status == mine.status
        return False


def _holds(fact: Fact, on: date) -> bool:
    return (fact.first is None or fact.first <= on) and (fact.last is None or on <= fact.last)


def _age(held: Held) -> tuple[str, str, bool]:
    """Later facts win; of two of one day the one of the later list, then the worse."""
    first = str(held.fact.first or "")
    return first, str(held.of.told.first or ""), held.fact.value in ("revoked", "no")


def _stated(value: str, held: Held, complete: RegisterList | None) -> State:
    return State((value,), complete is not None, held.fact.first, held.document, held.of.source)


def changes(
    register: Register, before: date, after: date, services: Iterable[str]
) -> list[tuple[str, str, State, State]]:
    """Service, status, and its state on both days, where they differ."""
    found = []
    for service in services:
        then, now = register.standing(service, before), register.standing(service, after)
        for status in STATUSES:
            if then[status].values != now[status].values:
                found.append((service, status, then[status], now[status]))
    return found
