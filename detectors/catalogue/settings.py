"""What the catalogue is made from. Needs no NumPy: the configuration is read without it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

#: The forms of lists from elsewhere; docs/catalogue.md tells what of each is read.
LIST_FORMATS = (
    "plain",
    "hosts",
    "adblock",
    "dnsmasq",
    "v2fly",
    "disconnect",
    "tracker-radar",
    "adguard-companies",
    "rpz",
)


@dataclass(frozen=True, slots=True)
class ListSettings:
    """A list from elsewhere, bound to a category.

    id: its names become the service `list-<id>`. path: the file; of `v2fly` also what it includes is
    looked for beside it. kind: as an entry of that category needs one. groups: the parts that are
    taken, by the list's own words (Disconnect and AdGuard categories, v2fly attributes); empty: all.
    exact: plain names stand for themselves alone, not for what is below. strict: a line that cannot
    be read refuses the list; without, up to a tenth of the lines may be unreadable.
    """

    id: str
    format: str
    category: str
    path: Path
    kind: str | None = None
    groups: tuple[str, ...] = ()
    exact: bool = False
    strict: bool = False
    max_bytes: int = 64 << 20


@dataclass(frozen=True, slots=True)
class CatalogueSettings:
    """Files of the catalogue, the campus's own that win over all, and lists, the first before the next."""

    paths: tuple[Path, ...]
    overrides: tuple[Path, ...] = ()
    lists: tuple[ListSettings, ...] = ()
