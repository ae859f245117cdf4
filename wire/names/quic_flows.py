"""State of QUIC flows whose hello is not whole yet: a bounded pool, the least recently used goes first.

A flow's place is `slot = flow & mask`: serials count up, so a slot is taken over only when as many
newer flows have opened as there are slots. A slot says DONE (hello read or given up: further
datagrams are dropped at once) or which row of the pool holds the flow's CRYPTO stream.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from wire.kernel import kernel
from wire.names.quic_crypto import CONNECTION_ID_MAX, KEYS_BYTES

#: What a slot says; from ROW on, the row plus ROW.
UNSEEN, DONE, ROW = 0, 1, 2
NO_ROW = -1
_OLDEST, _NEWEST, _FREE, _HEADER_FIELDS = 0, 1, 2, 3
_SLOTS_MIN = 1 << 16

#: Why something was not read, and what was seen: the keys of QuicReader.counters, in order.
COUNTER_NAMES = (
    "initials",  # Initial packets decrypted or tried
    "hellos",  # ClientHellos whole
    "gquic_hellos",  # CHLOs whole
    "decrypt_failed",  # the tag fits neither the first connection id nor the packet's own
    "server_initial",  # sent by the server: not tried
    "crypto_overflow",  # CRYPTO data past the longest hello that is read
    "crypto_gap_at_end",  # the flow ended with a hello begun and not whole
    "evicted",  # a hello begun gave way to newer flows
    "too_many_packets",  # given up: as many Initials as are read, and no hello
    "not_client_hello",  # the CRYPTO stream starts with another message
    "malformed_header",
    "malformed_frames",
    "truncated",  # the capture cut the packet: its tag can't be checked
    "unknown_version",
    "version_negotiation",
    "retry",
)
(
    INITIALS, HELLOS, GQUIC_HELLOS, DECRYPT_FAILED, SERVER_INITIAL, CRYPTO_OVERFLOW, CRYPTO_GAP_AT_END,
    EVICTED, TOO_MANY_PACKETS, NOT_CLIENT_HELLO, MALFORMED_HEADER, MALFORMED_FRAMES, TRUNCATED,
    UNKNOWN_VERSION_SEEN, VERSION_NEGOTIATION, RETRY,
) = range(len(COUNTER_NAMES))  # fmt: skip


class QuicFlows(NamedTuple):
    """The flat arrays that kernels see. `words` and `bytes_` of a row are contiguous."""

    header: NDArray[np.int64]  # oldest row, newest row, free rows
    counters: NDArray[np.int64]  # COUNTER_NAMES
    slot_flow: NDArray[np.int64]
    slot_state: NDArray[np.int64]  # UNSEEN | DONE | ROW + row
    free: NDArray[np.int64]  # a stack of rows
    older: NDArray[np.int64]  # the list of rows in use, by last use
    newer: NDArray[np.int64]
    flow: NDArray[np.int64]
    version: NDArray[np.int64]
    direction: NDArray[np.uint8]
    proven: NDArray[np.uint8]  # 1: some packet's tag fitted
    packets: NDArray[np.int32]
    round_: NDArray[np.int64]  # the round that has a packet of this flow in hand
    prefix: NDArray[np.int64]  # bytes of the stream without a gap
    id_length: NDArray[np.int64]
    ids: NDArray[np.uint8]  # rows * CONNECTION_ID_MAX
    keys: NDArray[np.uint8]  # rows * KEYS_BYTES
    filled: NDArray[np.uint64]  # rows * words, a bit for each byte of the stream
    stream: NDArray[np.uint8]  # rows * max_hello_bytes


def quic_flows(rows: int, max_hello_bytes: int) -> QuicFlows:
    """An empty pool of `rows` flows; `max_hello_bytes` is a multiple of 64."""
    slots = max(_SLOTS_MIN, 1 << (16 * rows - 1).bit_length())
    return QuicFlows(
        header=np.array([NO_ROW, NO_ROW, rows], np.int64),
        counters=np.zeros(len(COUNTER_NAMES), np.int64),
        slot_flow=np.zeros(slots, np.int64),
        slot_state=np.zeros(slots, np.int64),
        free=np.arange(rows - 1, -1, -1, dtype=np.int64),
        older=np.full(rows, NO_ROW, np.int64),
        newer=np.full(rows, NO_ROW, np.int64),
        flow=np.zeros(rows, np.int64),
        version=np.zeros(rows, np.int64),
        direction=np.zeros(rows, np.uint8),
        proven=np.zeros(rows, np.uint8),
        packets=np.zeros(rows, np.int32),
        round_=np.full(rows, -1, np.int64),
        prefix=np.zeros(rows, np.int64),
        id_length=np.zeros(rows, np.int64),
        ids=np.zeros(rows * CONNECTION_ID_MAX, np.uint8),
        keys=np.zeros(rows * KEYS_BYTES, np.uint8),
        filled=np.zeros(rows * (max_hello_bytes // 64), np.uint64),
        stream=np.zeros(rows * max_hello_bytes, np.uint8),
    )


@kernel
def state_of(flows, flow):  # type: ignore[no-untyped-def]
    """UNSEEN, DONE, or ROW + the flow's row."""
    slot = flow & (len(flows.slot_flow) - 1)
    return flows.slot_state[slot] if flows.slot_flow[slot] == flow else UNSEEN


@kernel
def _unlink(flows, row):  # type: ignore[no-untyped-def]
    older, newer = flows.older[row], flows.newer[row]
    if older == NO_ROW:
        flows.header[_OLDEST] = newer
    else:
        flows.newer[older] = newer
    if newer == NO_ROW:
        flows.header[_NEWEST] = older
    else:
        flows.older[newer] = older


@kernel
def _link_newest(flows, row):  # type: ignore[no-untyped-def]
    newest = flows.header[_NEWEST]
    flows.older[row] = newest
    flows.newer[row] = NO_ROW
    if newest == NO_ROW:
        flows.header[_OLDEST] = row
    else:
        flows.newer[newest] = row
    flows.header[_NEWEST] = row


@kernel
def touch(flows, row):  # type: ignore[no-untyped-def]
    """Make the row the most recently used."""
    _unlink(flows, row)
    _link_newest(flows, row)


@kernel
def _release(flows, row):  # type: ignore[no-untyped-def]
    _unlink(flows, row)
    flows.flow[row] = 0
    flows.free[flows.header[_FREE]] = row
    flows.header[_FREE] += 1


@kernel
def finish(flows, flow, state):  # type: ignore[no-untyped-def]
    """Give back the flow's row, if it has one, and let its slot say `state` (DONE or UNSEEN)."""
    slot = flow & (len(flows.slot_flow) - 1)
    if flows.slot_state[slot] >= ROW:
        holder = flows.slot_state[slot] - ROW
        if flows.slot_flow[slot] != flow and flows.proven[holder] == 1:
            flows.counters[EVICTED] += 1
        _release(flows, holder)
    flows.slot_flow[slot] = flow
    flows.slot_state[slot] = state


@kernel
def clear_stream(flows, row):  # type: ignore[no-untyped-def]
    """Forget the CRYPTO data of a row."""
    words = len(flows.filled) // len(flows.flow)
    for word in range(row * words, (row + 1) * words):
        flows.filled[word] = np.uint64(0)
    flows.prefix[row] = 0


@kernel
def open_row(flows, flow, version, direction):  # type: ignore[no-untyped-def]
    """A row for a flow that has none; the least recently used one gives way when all are in use."""
    if flows.header[_FREE] == 0:
        loser = flows.header[_OLDEST]
        flows.counters[EVICTED] += 1
        finish(flows, flows.flow[loser], UNSEEN)
    finish(flows, flow, UNSEEN)
    flows.header[_FREE] -= 1
    row = flows.free[flows.header[_FREE]]
    flows.slot_state[flow & (len(flows.slot_flow) - 1)] = ROW + row
    flows.flow[row] = flow
    flows.version[row] = version
    flows.direction[row] = direction
    flows.proven[row] = 0
    flows.packets[row] = 0
    flows.round_[row] = -1
    clear_stream(flows, row)
    _link_newest(flows, row)
    return row


@kernel
def forget_flows(flows, serials):  # type: ignore[no-untyped-def]
    """Drop the state of flows that are over; a hello that was begun is counted."""
    for i in range(len(serials)):
        state = state_of(flows, serials[i])
        if state >= ROW:
            if flows.proven[state - ROW] == 1:
                flows.counters[CRYPTO_GAP_AT_END] += 1
            finish(flows, serials[i], UNSEEN)
