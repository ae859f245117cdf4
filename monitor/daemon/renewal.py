"""A process whose table of names is nearly full begins anew: ids are never reused within one life.

A year of names fits no table. A worker ends its flows as at a stop; analysis goes on from its state,
which holds only names that something still refers to. Not more often than every few hours: a flood
of made-up names fills a table in minutes, and what does not fit then is refused and counted.
"""

from __future__ import annotations

from wire.names.strings import StringTable

NEARLY_FULL = 0.9
LEAST_LIFE_SECONDS = 6 * 3600.0


class Renewal:
    """Tells when. strings: the table. born: monotonic seconds when the process began."""

    def __init__(self, strings: StringTable, born: float) -> None:
        self._strings = strings
        self._born = born

    def due(self, now: float) -> bool:
        """Whether the process should begin anew."""
        return now - self._born >= LEAST_LIFE_SECONDS and filling(self._strings) >= NEARLY_FULL


def filling(strings: StringTable) -> float:
    """How full a table is, by strings or by bytes: 1 when no more fit."""
    arrays, count = strings.arrays, len(strings)
    return max(count / max(len(arrays.hashes), 1), int(arrays.starts[count]) / max(len(arrays.arena), 1))
