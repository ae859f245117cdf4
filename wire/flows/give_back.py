"""After a flood: the memory that its flows took goes back to the system."""

from __future__ import annotations

import ctypes
import mmap

import numpy as np
from numpy.typing import NDArray

from wire.flows.slots import DRAIN_MINUTE, FREE_HEAD, FRESH_SLOT, NO_SLOT, TableArrays

#: Of fewer free slots in a row next to nothing would go back.
_LEAST_RUN = 1_024
_PAGE = mmap.PAGESIZE


def give_back(table: TableArrays) -> None:
    """Return the pages of free slots, and let flows to come take the lowest free ones.

    Between two blocks alone. What the table does is the same as without. Where there is no
    madvise(2) the order changes and the memory stays.
    """
    fresh = int(table.numbers[FRESH_SLOT])
    kept = np.flatnonzero(_kept(table, fresh))
    end = int(kept[-1]) + 1 if len(kept) else 0
    if fresh - len(kept) < _LEAST_RUN:
        return
    for start, stop in _runs(kept, fresh):
        _discard(table, start, stop)
    table.numbers[FRESH_SLOT] = end
    free = np.flatnonzero(table.slots["serial"][:end] == 0)
    table.following[free] = np.append(free[1:], NO_SLOT)
    table.numbers[FREE_HEAD] = free[0] if len(free) else NO_SLOT


def _kept(table: TableArrays, fresh: int) -> NDArray[np.bool_]:
    """Slots of flows, and those that the list of the open minute may still name (`touched_minute`)."""
    slots = table.slots[:fresh]
    return np.asarray((slots["serial"] != 0) | (slots["touched_minute"] >= table.numbers[DRAIN_MINUTE]))


def _runs(kept: NDArray[np.int64], fresh: int) -> list[tuple[int, int]]:
    """Long stretches between kept slots, (first, end)."""
    starts = np.append(-1, kept) + 1
    stops = np.append(kept, fresh)
    long = stops - starts >= _LEAST_RUN
    return list(zip(starts[long].tolist(), stops[long].tolist(), strict=True))


def _discard(table: TableArrays, start: int, stop: int) -> None:
    """Zero the whole pages of these slots, by giving them back."""
    madvise = getattr(ctypes.CDLL(None), "madvise", None)
    if madvise is None:
        return
    madvise.argtypes = ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int
    slots = len(table.slots)
    for array in (table.slots, table.halves, table.first_sizes, table.first_gaps_us):
        of_slot = array.nbytes // slots
        first = -(-(array.ctypes.data + start * of_slot) // _PAGE) * _PAGE
        end = (array.ctypes.data + stop * of_slot) // _PAGE * _PAGE
        if first < end:
            madvise(first, end - first, mmap.MADV_DONTNEED)
