"""A list of apps that somebody has published: its entries, and what was told of it as a whole."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True, slots=True)
class Told:
    """What holds for a list as a whole; None where nobody has said.

    `status`: of STATUSES. `first`, `last`: days of the list itself; a row's own days win, and absence
    means something only from `first` on and up to `last`. `complete`: absence means `none`.
    """

    status: str | None = None
    document: str | None = None
    issuer: str | None = None
    school: str | None = None
    first: date | None = None
    last: date | None = None
    complete: bool | None = None
    sample: bool | None = None

    def or_else(self, other: Told) -> Told:
        """This, and where it says nothing, the other."""
        mine = {name: getattr(self, name) for name in self.__dataclass_fields__}
        return Told(
            **{name: getattr(other, name) if value is None else value for name, value in mine.items()}
        )


@dataclass(frozen=True, slots=True)
class Fact:
    """One status of one app, from `first` to `last`, both days included; None is open."""

    status: str
    value: str
    first: date | None
    last: date | None


@dataclass(frozen=True, slots=True)
class Entry:
    """One row: how it names the app, and what it says of it."""

    row: int
    name: str
    aliases: tuple[str, ...]
    filings: tuple[str, ...]
    hosts: tuple[str, ...]
    service: str
    operator: str
    school: str
    document: str
    facts: tuple[Fact, ...]


@dataclass(frozen=True, slots=True)
class RegisterList:
    """A whole list. `source`: the file's name; `digest`: SHA-256 of the file.

    `notes`: what a person should look at, a line each.
    """

    told: Told
    source: str
    digest: str
    title: str
    entries: tuple[Entry, ...]
    notes: tuple[str, ...]
