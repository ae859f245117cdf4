"""The flow table's memory: flat arrays, their dtypes, and what each cell means."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from wire.flows.duplicates import recent_packets
from wire.flows.fragments import fragment_table
from wire.flows.packet import REJECT_REASONS, packet_scratch
from wire.flows.records import FIRST_PACKETS

#: Each list is ordered by last packet; its head is the longest idle of its kind.
LIST_TCP_OPENING, LIST_TCP_ESTABLISHED, LIST_TCP_CLOSED, LIST_UDP, LIST_OTHER = range(5)
LISTS = 5

NO_SLOT = -1

MINUTE_NS = 60_000_000_000

#: Bits of SLOT.state.
STATE_MIDSTREAM, STATE_FRAGMENTS, STATE_FIN_CLIENT, STATE_FIN_SERVER = 1, 2, 4, 8
STATE_RESET, STATE_ESTABLISHED, STATE_ANSWERED, STATE_NEW_DELTA = 16, 32, 64, 128
STATE_CLOSED = 256  # both FINs, in either order, before any RST

#: Bits of HALF.state.
HALF_HAS_NEXT, HALF_HAS_BASE, HALF_SYN = 1, 2, 4
HALF_SEEN = 8  # a TCP packet of this direction was seen
HALF_GOES_ON = 16  # after its SYN this side went on: it has heard the other, whether we have or not
HALF_BYPASSED = 32  # some packets of this row were only counted

#: What the two directions of a flow share.
SLOT = np.dtype(
    [
        ("client_hi", "u8"),
        ("client_lo", "u8"),
        ("server_hi", "u8"),
        ("server_lo", "u8"),
        ("serial", "i8"),  # 0: the slot is free
        ("first_ns", "i8"),
        ("last_ns", "i8"),
        ("row_start_ns", "i8"),
        ("syn_ns", "i8"),  # of the newest SYN; 0 unseen
        ("rtt_ms", "f4"),
        ("hash", "u4"),
        ("delta_minute", "i4"),
        ("touched_minute", "i4"),
        ("client_port", "u2"),
        ("server_port", "u2"),
        ("state", "u2"),
        ("vlan", "i2"),
        ("vlan_inner", "i2"),
        ("interface", "u2"),
        ("protocol", "u1"),
        ("tunnel", "u1"),
        ("list", "u1"),
        ("first_count", "u1"),
    ],
    align=True,
)

#: One direction of a flow: 2 * slot is client to server, 2 * slot + 1 server to client.
HALF = np.dtype(
    [
        ("first_ns", "i8"),
        ("last_ns", "i8"),
        ("bytes", "i8"),
        ("payload_bytes", "i8"),
        ("size_squares", "f8"),  # bytes squared, summed
        ("gap_squares", "f8"),  # milliseconds squared, summed
        ("gap_min_ms", "f4"),
        ("gap_max_ms", "f4"),
        ("next_sequence", "u4"),
        ("base_sequence", "u4"),  # of the stream's first byte
        ("packets", "u4"),
        ("size_min", "i4"),
        ("size_max", "i4"),
        ("delta_packets", "u4"),  # counters as the last delta left them, modulo 2^32
        ("delta_bytes", "u4"),
        ("delta_payload", "u4"),
        ("budget", "i4"),  # payload bytes of the stream that names still wants
        ("retransmissions", "u2"),
        ("zero_windows", "u2"),
        ("flags", "u1"),
        ("ttl_min", "u1"),
        ("ttl_max", "u1"),
        ("state", "u1"),
    ],
    align=True,
)

#: Cells of TableArrays.numbers.
(
    CLOCK_NS,  # the event clock; 0 before the first packet
    JUMP_NS,  # a lone packet's time far ahead, waiting for the next to confirm it; 0 none
    JUMP_SLOT,  # the flow of that packet
    NEXT_SERIAL,
    FREE_HEAD,  # free list of slots, NO_SLOT when empty
    FRESH_SLOT,  # slots from here on were never used
    ACTIVE,
    TOUCHED_COUNT,
    DRAIN_TOUCHED,  # next entry of `touched` to emit while a minute closes
    DRAIN_MINUTE,  # the minute the clock has entered; deltas of touched flows are due
    EXPIRE_AT_NS,  # the clock time of the next look at idle flows
    NUMBERS,
) = range(12)

#: Cells of TableArrays.counters, and their names.
COUNTERS = (
    "packets",
    "bytes",
    "decoded",
    "late_packets",  # behind the event clock
    "clock_jumps_held",
    "flows_opened",
    "flows_evicted",
    "fragments",
    "truncated_payloads",
    "duplicates",  # copies of a packet that was decoded
    "elephant_packets",  # only counted to their flow (count.py)
)
(
    COUNT_PACKETS,
    COUNT_BYTES,
    COUNT_DECODED,
    COUNT_LATE,
    COUNT_JUMPS,
    COUNT_OPENED,
    COUNT_EVICTED,
    COUNT_FRAGMENTS,
    COUNT_TRUNCATED,
    COUNT_DUPLICATES,
    COUNT_ELEPHANTS,
) = range(11)


class TableArrays(NamedTuple):
    """Everything that the table's kernels read and write."""

    slots: NDArray[np.void]  # (max_flows,) SLOT
    halves: NDArray[np.void]  # (2 * max_flows,) HALF
    first_sizes: NDArray[np.int16]  # (max_flows * FIRST_PACKETS,)
    first_gaps_us: NDArray[np.uint32]  # (max_flows * FIRST_PACKETS,)
    previous: NDArray[np.int32]  # (max_flows,) neighbours in the slot's list, NO_SLOT at an end;
    following: NDArray[np.int32]  # apart from SLOT, so that relinking stays in the cache
    index: NDArray[np.int32]  # type: ignore[assignment]  # open addressing, slot + 1, 0 empty; length a power of two
    touched: NDArray[np.int32]  # (max_flows,) slots with an open delta in this minute
    heads: NDArray[np.int32]  # (LISTS,)
    tails: NDArray[np.int32]  # (LISTS,)
    numbers: NDArray[np.int64]
    counters: NDArray[np.int64]
    rejects: NDArray[np.int64]  # by REJECT_REASONS
    fragments: NDArray[np.void]
    recent: NDArray[np.void]  # packets of the last moments (duplicates.py)
    packet: NDArray[np.void]


def table_arrays(max_flows: int) -> TableArrays:
    """Empty arrays for `max_flows` flows. Pages are touched only as flows need them."""
    index_size = 1 << max(4, (2 * max_flows - 1).bit_length())
    numbers = np.zeros(NUMBERS, np.int64)
    numbers[NEXT_SERIAL] = 1
    numbers[FREE_HEAD] = NO_SLOT
    numbers[JUMP_SLOT] = NO_SLOT
    return TableArrays(
        slots=np.zeros(max_flows, SLOT),
        halves=np.zeros(2 * max_flows, HALF),
        first_sizes=np.zeros(max_flows * FIRST_PACKETS, np.int16),
        first_gaps_us=np.zeros(max_flows * FIRST_PACKETS, np.uint32),
        previous=np.zeros(max_flows, np.int32),
        following=np.zeros(max_flows, np.int32),
        index=np.zeros(index_size, np.int32),
        touched=np.zeros(max_flows, np.int32),
        heads=np.full(LISTS, NO_SLOT, np.int32),
        tails=np.full(LISTS, NO_SLOT, np.int32),
        numbers=numbers,
        counters=np.zeros(len(COUNTERS), np.int64),
        rejects=np.zeros(len(REJECT_REASONS), np.int64),
        fragments=fragment_table(),
        recent=recent_packets(),
        packet=packet_scratch(),
    )
