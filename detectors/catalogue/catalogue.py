"""The loaded catalogue: from a host name to the service it belongs to, and why."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from detectors.catalogue.categories import CATEGORIES
from detectors.catalogue.schema import CatalogueError, Service, read_file

NO_SERVICE = -1


@dataclass(frozen=True, slots=True)
class Match:
    """Why a name is what it is.

    `service` is the index into `Catalogue.services`, `category` the index into CATEGORIES,
    `entry` the suffix or host that matched, `file` and `line` where it stands.
    """

    service: int
    category: int
    entry: str
    file: str
    line: int


class Catalogue:
    """Services by name. The longest entry wins, and an entry holds at label boundaries only."""

    def __init__(self, services: Sequence[Service]) -> None:
        """Index `services`. Raises CatalogueError when an id or a name stands twice."""
        self.services: tuple[Service, ...] = tuple(sorted(services, key=lambda each: each.id))
        self.ids: tuple[str, ...] = tuple(service.id for service in self.services)
        self._suffixes: dict[str, Match] = {}
        self._hosts: dict[str, Match] = {}
        errors = self._refuse_repeated_ids()
        for index, service in enumerate(self.services):
            category = CATEGORIES.index(service.category)
            names = service.suffixes + service.hosts
            for at, (name, line) in enumerate(zip(names, service.lines, strict=True)):
                table = self._suffixes if at < len(service.suffixes) else self._hosts
                other = self._suffixes.get(name) or self._hosts.get(name)
                if other is not None:
                    errors.append(
                        f"{service.file}:{line}: `{name}` stands already in {other.file}:{other.line}"
                    )
                table[name] = Match(index, category, name, service.file, line)
        if errors:
            raise CatalogueError(errors)

    @classmethod
    def load(cls, paths: Iterable[Path]) -> Catalogue:
        """Read files, and every *.yaml of folders. Raises CatalogueError with all errors at once."""
        errors: list[str] = []
        services: list[Service] = []
        for path in paths:
            files = sorted(path.glob("*.yaml")) if path.is_dir() else [path]
            if not files:
                errors.append(f"{path}:0: holds no *.yaml file")
            for file in files:
                services.extend(read_file(file, errors))
        if errors:
            raise CatalogueError(errors)
        return cls(services)

    def __len__(self) -> int:
        return len(self.services)

    def match(self, name: str) -> Match | None:
        """The entry that decides a lower-case host name, or None when no entry knows it."""
        host = self._hosts.get(name)
        if host is not None:
            return host
        suffixes = self._suffixes
        at = 0
        while True:
            found = suffixes.get(name[at:] if at else name)
            if found is not None:
                return found
            at = name.find(".", at) + 1
            if at == 0:
                return None

    def explain(self, name: str) -> list[Match]:
        """Every entry that holds for a name: the one that decides, then those it overrules."""
        found = [self._hosts[name]] if name in self._hosts else []
        labels = name.split(".")
        for at in range(len(labels)):
            match = self._suffixes.get(".".join(labels[at:]))
            if match is not None:
                found.append(match)
        return found

    def entries(self) -> list[Match]:
        """Every suffix and host, in the order of the services."""
        return sorted([*self._suffixes.values(), *self._hosts.values()], key=lambda each: each.service)

    def _refuse_repeated_ids(self) -> list[str]:
        return [
            f"{later.file}:{later.line}: id `{later.id}` stands already in {first.file}:{first.line}"
            for first, later in zip(self.services, self.services[1:], strict=False)
            if first.id == later.id
        ]
