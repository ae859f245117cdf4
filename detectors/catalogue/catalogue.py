"""The loaded catalogue: from a host name to the service it belongs to, and why."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from detectors.catalogue.categories import CATEGORIES
from detectors.catalogue.entries import (
    BELOW,
    EXCEPTION,
    FORMS,
    HOST,
    LABEL,
    SUFFIX,
    WORD,
    Entries,
    EntryIndex,
)
from detectors.catalogue.label_words import LabelWords
from detectors.catalogue.layers import Layer, Source, deciding
from detectors.catalogue.lists.reading import ListReport, read_list
from detectors.catalogue.lookalikes import KnownDomains
from detectors.catalogue.name_scan import NameScan
from detectors.catalogue.public_suffixes import is_registrable
from detectors.catalogue.schema import CatalogueError, Service, read_file
from detectors.catalogue.settings import CatalogueSettings, ListSettings
from wire.names.strings import StringTable

NO_SERVICE = -1
#: Entries of these say whose a domain is; what its label `ads` or `log` says of a host is nearer.
_YIELDING = tuple(map(CATEGORIES.index, ("education", "game", "platform")))
#: Labels of public suffixes under which schools and academies stand.
_SCHOOLS = frozenset(("edu", "ac", "gov"))
_GENERAL = CATEGORIES.index("general")
#: The operator of services in which many small ones stand together.
_VARIOUS = "various"
_OF_NETWORKS = ("advertising", "tracking")
_DIGITS = "0123456789"
_KEPT_LABELS = 1 << 12
_FILE_FORMS = (SUFFIX, HOST, LABEL, WORD)


@dataclass(frozen=True, slots=True)
class Match:
    """Why a name is what it is.

    `service` is the index into `Catalogue.services`, `category` the index into CATEGORIES, `entry` the
    suffix or host that matched, `source` the file, `file` its name, `line` where in it the entry stands.
    `lifts` is true of an exception of a list, which decides nothing by itself.
    """

    service: int
    category: int
    entry: str
    source: str
    line: int
    lifts: bool = False

    @property
    def file(self) -> str:
        """The source's last part."""
        return Path(self.source).name


class Catalogue:
    """Services by name. The longest entry wins, and an entry holds at label boundaries only."""

    def __init__(
        self,
        services: Sequence[Service],
        overrides: Sequence[Service] = (),
        lists: CatalogueSettings | None = None,
        keep_ids: Sequence[str] = (),
    ) -> None:
        """Index services and the lists of `lists`. Ids in `keep_ids` get the indices they stand at.

        Raises CatalogueError when an id or a name stands twice, or a list cannot be read.
        """
        errors: list[str] = []
        of_lists = [_service_of(each) for each in (lists.lists if lists else ())]
        known = _by_id([*services, *of_lists], errors) | _by_id(overrides, errors)
        self.ids: tuple[str, ...] = (*keep_ids, *sorted(known.keys() - set(keep_ids)))
        #: A service whose entries went with a reload keeps its place, for rows that name it.
        self.services: tuple[Service, ...] = tuple(known.get(id_) or _gone(id_) for id_ in self.ids)
        self.reports: tuple[ListReport, ...] = ()
        self._place = {id_: at for at, id_ in enumerate(self.ids)}
        self._category = [CATEGORIES.index(service.category) for service in self.services]
        self._sources: list[Source] = []
        self._entries = Entries()
        self._add_files(overrides, Layer.OVERRIDE, errors)
        self._add_files(services, Layer.CATALOGUE, errors)
        self._words = self._label_words()
        if lists is not None:
            self.reports = tuple(self._add_list(each, errors) for each in lists.lists)
        if errors:
            raise CatalogueError(errors)
        self._index = EntryIndex(self._entries)
        self._scan = NameScan(self._entries)
        self._told_by = lru_cache(_KEPT_LABELS)(self._telling)  # hosts share their labels: www, api, cdn
        self._known = self._known_domains((*services, *overrides))

    @classmethod
    def load(cls, paths: Iterable[Path]) -> Catalogue:
        """Read files, and every *.yaml of folders. Raises CatalogueError with all errors at once."""
        return cls.of(CatalogueSettings(tuple(paths)))

    @classmethod
    def of(cls, settings: CatalogueSettings, keep_ids: Sequence[str] = ()) -> Catalogue:
        """Read all that the settings name. Raises CatalogueError with all errors at once."""
        errors: list[str] = []
        services = _read(settings.paths, errors)
        overrides = _read(settings.overrides, errors)
        try:
            made = cls(services, overrides, settings, keep_ids)
        except CatalogueError as error:
            errors.extend(error.errors)
        if errors:
            raise CatalogueError(errors)
        return made

    def __len__(self) -> int:
        return len(self.services)

    @property
    def entry_count(self) -> int:
        """Entries of all files and lists."""
        return len(self._entries)

    def match(self, name: str) -> Match | None:
        """The entry that decides a lower-case host name, or None when no entry knows it."""
        index = self.decide(name.encode("ascii", "replace"))
        return None if index < 0 else self._match(index)

    def decide(self, name: bytes) -> int:
        """As `match`, but the index of the entry, -1 without; `classes_of` tells more."""
        found = self._holding(name)
        if not found:
            best = -1
        elif len(found) == 1 and not self._entries.flags[found[0]] & EXCEPTION:
            best = found[0]
        else:
            decided = deciding(found, self._entries, self._sources)
            best = -1 if decided is None else decided
        by_label = self._by_label(name) if self._yields(best, name) else -1
        return by_label if by_label >= 0 else best

    def decide_all(self, strings: StringTable, names: NDArray[np.int32]) -> NDArray[np.int32]:
        """As `decide`, of many string ids (>= 0) at once; few are left to be looked at one by one."""
        count, best = self._scan.holding(strings, names)
        single = np.flatnonzero(count == 1)
        lifts, yields = self._exceptions_and_yielding(best[single], strings.lengths(names[single]))
        for at in (*np.flatnonzero(count > 1).tolist(), *single[lifts].tolist()):
            best[at] = self.decide(strings[int(names[at])])
        for at in (*np.flatnonzero(count == 0).tolist(), *single[yields & ~lifts].tolist()):
            by_label = self._by_label(strings[int(names[at])])
            if by_label >= 0:
                best[at] = by_label
        return best

    def classes_of(self, entries: NDArray[np.int32]) -> tuple[NDArray[np.int32], NDArray[np.uint8]]:
        """Service index and category code of entries; NO_SERVICE and `general` of -1."""
        service = np.full(len(entries), NO_SERVICE, np.int32)
        known = entries >= 0
        service[known] = self._entries.column("owners")[entries[known]]
        return service, np.array([*self._category, _GENERAL], np.uint8)[service]

    def category_of(self, entry: int) -> int:
        """The category code of an entry."""
        return self._category[self._entries.owners[entry]]

    def category_code(self, service: int) -> int:
        """The category code of a service."""
        return self._category[service]

    def explain(self, name: str) -> list[Match]:
        """Every entry that holds for a name: the one that decides, then those it overrules.

        When exceptions lift all, the first of the list is such an exception.
        """
        wire = name.encode("ascii", "replace")
        found, by_label, best = self._holding(wire), self._by_label(wire), self.decide(wire)
        if by_label >= 0:
            found.append(by_label)
        if best >= 0:
            found.remove(best)
            found.insert(0, best)
        return [self._match(index) for index in found]

    def entries(self) -> list[Match]:
        """Every entry, in the order of the services."""
        matches = [self._match(index) for index in range(len(self._entries))]
        return sorted(matches, key=lambda each: each.service)

    def _holding(self, name: bytes) -> list[int]:
        """Entries that hold for a name, the longest first."""
        found: list[int] = []
        find, flags = self._index.find, self._entries.flags
        at = 0
        while True:
            for index in find(name[at:] if at else name):
                form = flags[index] & FORMS
                if form == SUFFIX or (form == HOST and at == 0) or (form == BELOW and at > 0):
                    found.append(index)
            at = name.find(b".", at) + 1
            if at == 0:
                return found

    def _by_label(self, name: bytes) -> int:
        """The entry for a label below the registrable domain that says itself what the host is; else -1.

        The first label may, and any other of three letters or more (`dc1.ad.example.com` is a directory).
        No domain is believed that imitates a known one or shows one below itself, and none of a school,
        where `stat` is a department.
        """
        labels = name.decode("ascii", "replace").split(".")
        for at, label in enumerate(labels[:-1]):
            index = self._told_by(label) if at == 0 or len(label.rstrip(_DIGITS)) >= 3 else -1
            if index >= 0:
                return index if self._believed(labels, at) else -1
        return -1

    def _telling(self, label: str) -> int:
        """The entry for a label as a whole, else for a word in it; -1 without or when that says nothing."""
        for index in self._index.find(label.encode()):
            if self._entries.flags[index] & FORMS == LABEL:
                return -1 if self.category_of(index) == _GENERAL else index
        return self._words.find(label)

    def _known_domains(self, services: Sequence[Service]) -> KnownDomains:
        """The domains that others imitate; ad services and trackers of various operators are small ones."""
        known: list[str] = []
        obscure: list[str] = []
        for service in services:
            small = service.operator == _VARIOUS and service.category in _OF_NETWORKS
            names = obscure if small else known
            names += (*service.suffixes, *service.hosts)
        return KnownDomains(known, self._words.is_of_words, obscure)

    def _label_words(self) -> LabelWords:
        """The words of labels by service in the order of the files; those of category general are neutral."""
        entries = self._entries
        telling: dict[int, dict[str, int]] = {}
        neutral: list[str] = []
        for index in range(len(entries)):
            if entries.flags[index] & FORMS != WORD:
                continue
            word = entries.name(index).decode("ascii")
            if self.category_of(index) == _GENERAL:
                neutral.append(word)
            else:
                telling.setdefault(entries.owners[index], {})[word] = index
        return LabelWords(list(telling.values()), neutral)

    def _believed(self, labels: list[str], at: int) -> bool:
        """Whether the label at that place lies below a registrable domain that may be believed."""
        for below in range(len(labels) - 1):
            domain = ".".join(labels[below:])
            if is_registrable(domain):
                return (
                    at < below
                    and not _SCHOOLS.intersection(labels[below + 1 :])
                    and not self._known.imitated_by(domain)
                    and not self._known.shown_in(labels[:below], self._untelling(labels[:below], at))
                )
        return False

    def _untelling(self, labels: list[str], at: int) -> list[str]:
        """Labels with the telling one at `at` replaced by its parts that tell nothing: `cdn` of `cdn-ad2`."""
        parts = (
            [part for part in labels[at].split("-") if self._told_by(part) < 0] if "-" in labels[at] else []
        )
        return [*labels[:at], *parts, *labels[at + 1 :]]

    def _yields(self, best: int, name: bytes) -> bool:
        """Whether what decides otherwise is nothing, or tells whose the whole domain is."""
        if best < 0:
            return True
        shorter = self._entries.flags[best] & FORMS == SUFFIX and len(self._entries.name(best)) < len(name)
        overrides = self._sources[self._entries.sources[best]].layer is Layer.OVERRIDE
        return shorter and not overrides and self.category_of(best) in _YIELDING

    def _exceptions_and_yielding(
        self, entries: NDArray[np.int32], lengths: NDArray[np.int64]
    ) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """Of entries that hold for names of these lengths: exceptions, and where `_yields` says so."""
        column = self._entries.column
        flags, ends = column("flags")[entries], column("ends")
        own = ends[entries] - np.where(entries > 0, ends[entries - 1], 0)
        shorter = (flags & FORMS == SUFFIX) & (own < lengths)
        override = np.array([source.layer is Layer.OVERRIDE for source in self._sources], np.bool_)
        category = np.array(self._category, np.int64)[column("owners")[entries]]
        yields = shorter & ~override[column("sources")[entries]] & np.isin(category, _YIELDING)
        return flags & EXCEPTION != 0, yields

    def _match(self, index: int) -> Match:
        entries = self._entries
        service = entries.owners[index]
        return Match(
            service,
            self._category[service],
            entries.name(index).decode("ascii"),
            str(self._sources[entries.sources[index]].path),
            entries.lines[index],
            bool(entries.flags[index] & EXCEPTION),
        )

    def _add_files(self, services: Sequence[Service], layer: Layer, errors: list[str]) -> None:
        """Entries of a layer of files, in which a name may stand once: as a word of labels besides."""
        sources: dict[str, int] = {}
        seen: dict[tuple[str, bool], tuple[str, int]] = {}
        for service in services:
            if service.path not in sources:
                sources[service.path] = len(self._sources)
                self._sources.append(Source(Path(service.path), layer, 0))
            by_form = service.suffixes, service.hosts, service.labels, service.words
            forms = [form for form, names in zip(_FILE_FORMS, by_form, strict=True) for _ in names]
            names = [name for names in by_form for name in names]
            for name, form, line in zip(names, forms, service.lines, strict=True):
                other = seen.setdefault((name, form == WORD), (service.file, line))
                if other != (service.file, line):
                    where = f"{other[0]}:{other[1]}"
                    errors.append(
                        f"{service.file}:{line}: `{name}` stands already in {where}; keep one of them"
                    )
            owner, source = self._place[service.id], sources[service.path]
            self._entries.extend(names, forms, owner, source, service.lines)

    def _add_list(self, settings: ListSettings, errors: list[str]) -> ListReport:
        owner, source = self._place[f"list-{settings.id}"], len(self._sources)
        self._sources.append(Source(settings.path, Layer.LIST, source))
        return read_list(settings, self._entries, owner, source, errors)


def _read(paths: Iterable[Path], errors: list[str]) -> list[Service]:
    services: list[Service] = []
    for path in paths:
        files = sorted(path.glob("*.yaml")) if path.is_dir() else [path]
        if not files:
            errors.append(f"{path}:0: holds no *.yaml file")
        for file in files:
            services.extend(read_file(file, errors))
    return services


def _by_id(services: Sequence[Service], errors: list[str]) -> dict[str, Service]:
    """Services by id; an id may stand once."""
    known: dict[str, Service] = {}
    for service in services:
        first = known.setdefault(service.id, service)
        if first is not service:
            where = f"{first.file}:{first.line}"
            errors.append(f"{service.file}:{service.line}: id `{service.id}` stands already in {where}")
    return known


def _service_of(settings: ListSettings) -> Service:
    """What the names of a list belong to."""
    return Service(
        id=f"list-{settings.id}",
        name_zh=settings.id,
        name_en=settings.id,
        operator="",
        category=settings.category,
        kind=settings.kind,
        suffixes=(),
        hosts=(),
        source=f"list {settings.id}",
        checked="",
        file=settings.path.name,
        line=0,
        lines=(),
        path=str(settings.path),
    )


def _gone(service_id: str) -> Service:
    """Stands for a service that a reload took away."""
    return Service(service_id, service_id, service_id, "", "general", None, (), (), "", "", "", 0, (), "")
