"""Which entries hold for many names at once, in one pass over each name.

Suffixes are hashed from a name's end, so that the hash of one is part of the next. What a hash is made
with is drawn anew by each process: no list and no name can be made to collide.
"""

from __future__ import annotations

import secrets
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from detectors.catalogue.entries import BELOW, FORMS, HOST, SUFFIX, Entries
from wire.kernel import kernel
from wire.names.strings import StringTable

_DOT = 46
_FORMS, _SUFFIX, _HOST, _BELOW = np.uint8(FORMS), np.uint8(SUFFIX), np.uint8(HOST), np.uint8(BELOW)


class _Tables(NamedTuple):
    """Entries as kernels see them; bucket b holds order[starts[b]:starts[b + 1]].

    keys: uint64[2], the second odd; text, ends, flags: as in Entries.
    """

    keys: NDArray[np.uint64]
    text: NDArray[np.uint8]
    ends: NDArray[np.uint32]
    flags: NDArray[np.uint8]
    order: NDArray[np.int32]
    starts: NDArray[np.int32]


class NameScan:
    """Entries by the hash of their names. The entries must not change afterwards."""

    def __init__(self, entries: Entries) -> None:
        count = len(entries)
        keys = np.array([secrets.randbits(64), secrets.randbits(64) | 1], np.uint64)
        text = np.frombuffer(entries.names or bytearray(1), np.uint8)
        ends, flags = entries.column("ends"), entries.column("flags")
        buckets = np.zeros(count, np.int64)
        bits = max(1, (count - 1).bit_length())
        hash_entries(keys, text, ends, np.uint64(64 - bits), buckets)
        starts = np.zeros((1 << bits) + 1, np.int32)
        np.cumsum(np.bincount(buckets, minlength=1 << bits), out=starts[1:])
        order = np.argsort(buckets, kind="stable").astype(np.int32)
        self._shift = np.uint64(64 - bits)
        self._tables = _Tables(keys, text, ends, flags, order, starts)

    def holding(
        self, strings: StringTable, names: NDArray[np.int32]
    ) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
        """How many entries hold for each string id (>= 0), and one of them, -1 where there is none."""
        count, one = np.zeros(len(names), np.int32), np.full(len(names), -1, np.int32)
        arrays = strings.arrays
        find_holding(self._tables, self._shift, arrays.arena, arrays.starts, names, count, one)
        return count, one


@kernel
def hash_entries(keys, text, ends, shift, buckets):  # type: ignore[no-untyped-def]
    """Write the bucket of each entry."""
    start = np.int64(0)
    for entry in range(len(buckets)):
        value = keys[0]
        for at in range(np.int64(ends[entry]) - 1, start - 1, -1):
            value = _mixed(keys, value, text[at])
        buckets[entry] = np.int64(value >> shift)
        start = np.int64(ends[entry])


@kernel
def find_holding(tables, shift, arena, starts, names, count, one):  # type: ignore[no-untyped-def]
    """Fill count and one, int32[n], for the ids int32[n] of a string table."""
    for n in range(len(names)):
        start, end = starts[names[n]], starts[names[n] + 1]
        value = tables.keys[0]
        at = end
        while at >= start:
            if at < end:
                value = _mixed(tables.keys, value, arena[at])
            if at == start or arena[at - 1] == _DOT:
                bucket = np.int64(value >> shift)
                for place in range(tables.starts[bucket], tables.starts[bucket + 1]):
                    entry = tables.order[place]
                    form = tables.flags[entry] & _FORMS
                    holds = form == _SUFFIX or (form == _HOST and at == start)
                    holds = holds or (form == _BELOW and at > start)
                    if holds and _is_text(tables, entry, arena, at, end):
                        count[n] += 1
                        one[n] = entry
            at -= 1


@kernel(inline=True)
def _mixed(keys, value, byte):  # type: ignore[no-untyped-def]
    value = (value ^ np.uint64(byte)) * keys[1]
    return value ^ (value >> np.uint64(29))


@kernel
def _is_text(tables, entry, arena, start, end):  # type: ignore[no-untyped-def]
    """Whether arena[start:end] is the entry's name."""
    first = np.int64(tables.ends[entry - 1]) if entry > 0 else np.int64(0)
    if np.int64(tables.ends[entry]) - first != end - start:
        return False
    for i in range(end - start):
        if tables.text[first + i] != arena[start + i]:
            return False
    return True
