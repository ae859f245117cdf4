"""The bounded table of flows that names are being read for, keyed by the flow's serial.

Probing is linear and removal shifts back, so no tombstones gather; serials count up, and taken as
they are would fill the index in one long run, which every removal would walk: so they are
scattered first. The table grows by doubling up to a bound; beyond it a flow
gets no state, which is counted, and the flow stays unnamed.

Kernels pass one flow's record and the work record (work.py) along, which are two pointers;
a tuple of arrays in their place would cost more to hand over than the reading itself.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from wire.kernel import kernel
from wire.names.facts import FACTS
from wire.names.strings import ABSENT

#: What is known of one direction's stream. UNKNOWN looks only for a hello at the start of a
#: segment, DONE wants nothing, the others want more bytes.
PHASE_START = 0
PHASE_TUNNEL = 1  # as START, inside CONNECT, SOCKS or after STARTTLS
PHASE_TLS = 2
PHASE_REQUEST_LINE = 3
PHASE_HEADERS = 4
PHASE_CHUNKS = 5
PHASE_TEXT = 6
PHASE_SOCKS5 = 7
PHASE_DNS = 8
PHASE_SERVER_TLS = 9
PHASE_UNKNOWN = 10
PHASE_DONE = 11
PHASE_BODY = 13  # of a request, of which the first piece is looked at
PHASE_QUIC = 12  # UDP: some datagram looked like QUIC

#: Bits of `flags`: what the request being read has said so far.
FLAG_CONNECT, FLAG_CHUNKED, FLAG_HOST_TAKEN, FLAG_LAST_CHUNK = 1, 2, 4, 8

#: Bits of `doubt`: the client was given the server's address for several names; the name it was
#: given it for has an HTTPS record that offered ECH to this client.
DOUBT_SEVERAL_NAMES, DOUBT_ECH_ON_OFFER = 1, 2

#: Pairs stand for the two directions, client to server first.
FLOW_STATE = np.dtype(
    [
        ("facts", FACTS),  # its `flow` is 0 in a free state
        ("position", "i8", (2,)),  # bytes of the stream read so far
        ("slot", "i4", (2,)),  # reassembly slot or -1
        ("body", "i4"),  # bytes of the body that follows the headers being read
        ("queries", "i4"),  # head of the list of DNS names asked for
        ("next_free", "i4"),
        ("phase", "u1", (2,)),  # PHASE_*
        ("flags", "u1"),  # FLAG_*
        ("doubt", "u1"),  # DOUBT_*
    ]
)


#: 2^64 divided by the golden ratio, made odd.
_SCATTER = np.uint64(0x9E3779B97F4A7C15)


def _blank_state() -> NDArray[np.void]:
    blank = np.zeros(1, FLOW_STATE)
    for field in FACTS.names or ():
        if FACTS[field].base == np.dtype("i4"):
            blank["facts"][field] = ABSENT
    for field in ("slot", "queries"):
        blank[field] = -1
    return blank


#: One state of a flow that has said nothing.
BLANK_STATE = _blank_state()


def empty_index(capacity: int) -> NDArray[np.int32]:
    """Slots for `capacity` states: state + 1 by serial, 0 empty; length a power of two."""
    return np.zeros(1 << (2 * capacity - 1).bit_length(), np.int32)


def empty_states(capacity: int, first: int = 0) -> NDArray[np.void]:
    """Free states, FLOW_STATE[capacity]; from `first` on each points to the next, the last to -1."""
    states = np.zeros(capacity, FLOW_STATE)
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
    """The state of a flow's serial, -1 without one."""
    mask = len(index) - 1
    at = _home(flow, mask)
    while index[at] != 0:
        state = np.int64(index[at]) - 1
        if states[state].facts.flow == flow:
            return state
        at = (at + 1) & mask
    return np.int64(-1)


@kernel
def claim_state(index, states, blank, work, flow):  # type: ignore[no-untyped-def]
    """A fresh state for a flow that has none; -1 when the table is full."""
    state = np.int64(work.free_state)
    if state < 0:
        return np.int64(-1)
    work.free_state = states[state].next_free
    work.used_states += 1
    states[state] = blank[0]
    states[state].facts.flow = flow
    mask = len(index) - 1
    at = _home(flow, mask)
    while index[at] != 0:
        at = (at + 1) & mask
    index[at] = state + 1
    return state


@kernel
def drop_state(index, states, work, state):  # type: ignore[no-untyped-def]
    """Give a state back; its slots and queries must have been released before."""
    mask = len(index) - 1
    at = _home(states[state].facts.flow, mask)
    while index[at] != state + 1:
        if index[at] == 0:
            return
        at = (at + 1) & mask
    hole = at
    at = (at + 1) & mask
    while index[at] != 0:
        home = _home(states[np.int64(index[at]) - 1].facts.flow, mask)
        # The entry may move into the hole unless its home lies cyclically within (hole, at].
        if ((at - home) & mask) >= ((at - hole) & mask):
            index[hole] = index[at]
            hole = at
        at = (at + 1) & mask
    index[hole] = 0
    states[state].facts.flow = 0
    states[state].next_free = work.free_state
    work.free_state = state
    work.used_states -= 1


@kernel
def fill_index(index, states):  # type: ignore[no-untyped-def]
    """Enter every state in use into an empty index."""
    mask = len(index) - 1
    for state in range(len(states)):
        flow = np.int64(states[state].facts.flow)
        if flow != 0:
            at = _home(flow, mask)
            while index[at] != 0:
                at = (at + 1) & mask
            index[at] = state + 1


def grow(states: NDArray[np.void], work: NDArray[np.void], capacity: int) -> NDArray[np.void]:
    """The same states and `capacity` - len(states) free ones in front of the free list."""
    old = len(states)
    larger = empty_states(capacity, old)
    larger[:old] = states
    larger["next_free"][-1] = work["free_state"][0]
    work["free_state"] = old
    return larger
