"""A bounded table of records keyed by a flow's serial.

Probing is linear and removal shifts back, so no tombstones gather; serials count up, and taken as
they are would fill the index in one long run, which every removal would walk: so they are
scattered first. The table grows by doubling up to a bound; beyond it a flow gets no record, which
the caller counts.

A record has the fields `flow` (0 when it is free) and `next_free`; `heads`, a record itself, has
`free_state` (the first free one, -1 without) and `used_states`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from wire.kernel import kernel

#: 2^64 divided by the golden ratio, made odd.
_SCATTER = np.uint64(0x9E3779B97F4A7C15)


def empty_index(capacity: int) -> NDArray[np.int32]:
    """Slots for `capacity` records: place + 1 by serial, 0 empty; length a power of two."""
    return np.zeros(1 << (2 * capacity - 1).bit_length(), np.int32)


def empty_states(dtype: np.dtype[Any], capacity: int, first: int = 0) -> NDArray[np.void]:
    """Free records; from `first` on each points to the next, the last to -1."""
    states = np.zeros(capacity, dtype)
    states["next_free"][first:] = np.arange(first + 1, capacity + 1)
    states["next_free"][-1] = -1
    return states


@kernel
def _home(flow, mask):  # type: ignore[no-untyped-def]
    """Where a serial's probing starts (Fibonacci hashing: neighbours lie far apart)."""
    high = (np.uint64(flow) * _SCATTER) >> np.uint64(32)
    return np.int64((high * np.uint64(mask + 1)) >> np.uint64(32))


@kernel
def find_state(index, states, flow):  # type: ignore[no-untyped-def]
    """The place of a flow's record, -1 without one."""
    mask = len(index) - 1
    at = _home(flow, mask)
    while index[at] != 0:
        state = np.int64(index[at]) - 1
        if states[state].flow == flow:
            return state
        at = (at + 1) & mask
    return np.int64(-1)


@kernel
def claim_state(index, states, blank, heads, flow):  # type: ignore[no-untyped-def]
    """A record like blank[0] for a flow that has none; -1 when the table is full."""
    state = np.int64(heads.free_state)
    if state < 0:
        return np.int64(-1)
    heads.free_state = states[state].next_free
    heads.used_states += 1
    states[state] = blank[0]
    states[state].flow = flow
    mask = len(index) - 1
    at = _home(flow, mask)
    while index[at] != 0:
        at = (at + 1) & mask
    index[at] = state + 1
    return state


@kernel
def drop_state(index, states, heads, state):  # type: ignore[no-untyped-def]
    """Give a record back; what it holds elsewhere must have been released before."""
    mask = len(index) - 1
    at = _home(states[state].flow, mask)
    while index[at] != state + 1:
        if index[at] == 0:
            return
        at = (at + 1) & mask
    hole = at
    at = (at + 1) & mask
    while index[at] != 0:
        home = _home(states[np.int64(index[at]) - 1].flow, mask)
        # The entry may move into the hole unless its home lies cyclically within (hole, at].
        if ((at - home) & mask) >= ((at - hole) & mask):
            index[hole] = index[at]
            hole = at
        at = (at + 1) & mask
    index[hole] = 0
    states[state].flow = 0
    states[state].next_free = heads.free_state
    heads.free_state = state
    heads.used_states -= 1


@kernel
def fill_index(index, states):  # type: ignore[no-untyped-def]
    """Enter every record in use into an empty index."""
    mask = len(index) - 1
    for state in range(len(states)):
        flow = np.int64(states[state].flow)
        if flow != 0:
            at = _home(flow, mask)
            while index[at] != 0:
                at = (at + 1) & mask
            index[at] = state + 1


def grow(states: NDArray[np.void], heads: NDArray[np.void], capacity: int) -> NDArray[np.void]:
    """The same records and `capacity` - len(states) free ones in front of the free list."""
    old = len(states)
    larger = empty_states(states.dtype, capacity, old)
    larger[:old] = states
    larger["next_free"][-1] = heads["free_state"][0]
    heads["free_state"] = old
    return larger
