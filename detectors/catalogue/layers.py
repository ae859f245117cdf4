"""Which of several entries decides: the campus's own, then the longest, then the catalogue before lists."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path

from detectors.catalogue.entries import EXCEPTION, FORMS, HOST, IMPORTANT, Entries


class Layer(IntEnum):
    """Where an entry comes from; of entries of one length the lower decides."""

    OVERRIDE = 0
    CATALOGUE = 1
    LIST = 2


@dataclass(frozen=True, slots=True)
class Source:
    """A file of entries. `rank` orders lists among themselves, as the configuration names them."""

    path: Path
    layer: Layer
    rank: int


def deciding(found: Sequence[int], entries: Entries, sources: Sequence[Source]) -> int | None:
    """The entry that decides among those that hold for a name, or None when exceptions lift all.

    An override decides whatever its length. Else an exception of a list lifts that list's entries,
    unless they are important and it is not, as in AdGuard's DNS filtering; of what is left the longest
    decides, for the very name rather than as a suffix, and the catalogue before lists.
    """
    overrides = [index for index in found if sources[entries.sources[index]].layer is Layer.OVERRIDE]
    left = overrides or _not_lifted(found, entries)
    if not left:
        return None

    def order(index: int) -> tuple[int, bool, Layer, int]:
        source = sources[entries.sources[index]]
        exact = entries.flags[index] & FORMS == HOST
        return (-len(entries.name(index)), not exact, source.layer, source.rank)

    return min(left, key=order)


def _not_lifted(found: Sequence[int], entries: Entries) -> list[int]:
    """Entries that no exception of their own list lifts."""
    strongest: dict[int, int] = {}
    for index in found:
        if entries.flags[index] & EXCEPTION:
            source = entries.sources[index]
            important = entries.flags[index] & IMPORTANT
            strongest[source] = max(strongest.get(source, 0), important)
    return [
        index
        for index in found
        if not entries.flags[index] & EXCEPTION
        and (
            entries.sources[index] not in strongest
            or entries.flags[index] & IMPORTANT > strongest[entries.sources[index]]
        )
    ]
