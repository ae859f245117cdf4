"""What a packet adds to its flow: counters, statistics, TCP state."""

from __future__ import annotations

import numpy as np

from wire.flows.packet import FRAGMENT_LATER, FRAGMENT_NONE
from wire.flows.payload import UNBOUNDED
from wire.flows.records import CLIENT_TO_SERVER, FIRST_PACKETS, SERVER_TO_CLIENT, TCP, UDP
from wire.flows.slots import (
    COUNT_ELEPHANTS,
    HALF_BYPASSED,
    HALF_GOES_ON,
    HALF_HAS_BASE,
    HALF_HAS_NEXT,
    HALF_SEEN,
    HALF_SYN,
    LIST_TCP_CLOSED,
    LIST_TCP_ESTABLISHED,
    STATE_ANSWERED,
    STATE_CLOSED,
    STATE_ESTABLISHED,
    STATE_FIN_CLIENT,
    STATE_FIN_SERVER,
    STATE_RESET,
)
from wire.kernel import kernel

_FIN, _SYN, _RST, _ACK = 1, 2, 4, 16
_SIZE_BOUND = 0x7FFF
_COUNT_BOUND = 0xFFFF


@kernel(inline=True)
def add_packet(table, slot, direction, packet, wire_bytes, timestamp_ns):  # type: ignore[no-untyped-def]
    """Count a packet in its direction."""
    flow = table.slots[slot]
    half = table.halves[2 * slot + direction]
    if flow.first_count < FIRST_PACKETS:
        at = slot * FIRST_PACKETS + flow.first_count
        if flow.first_count == 0:
            for k in range(FIRST_PACKETS):
                table.first_sizes[at + k] = 0
                table.first_gaps_us[at + k] = 0
        size = min(wire_bytes, _SIZE_BOUND)
        table.first_sizes[at] = size if direction == CLIENT_TO_SERVER else -size
        # Of whole microseconds, so that they add up to a packet's time (halves.py joins by it).
        gap_us = timestamp_ns // 1000 - flow.last_ns // 1000
        table.first_gaps_us[at] = min(max(gap_us, 0), 0xFFFFFFFF)
        flow.first_count += 1
    packets = half.packets
    size = np.float64(wire_bytes)
    half.packets = packets + np.uint32(1)
    half.bytes += wire_bytes
    half.payload_bytes += packet.payload_bytes
    half.size_squares += size * size
    if packets == 0:
        half.size_min = wire_bytes
        half.size_max = wire_bytes
        half.ttl_min = packet.ttl
        half.ttl_max = packet.ttl
        half.first_ns = timestamp_ns
        half.last_ns = timestamp_ns
    else:
        half.size_min = min(half.size_min, wire_bytes)
        half.size_max = max(half.size_max, wire_bytes)
        half.ttl_min = min(half.ttl_min, packet.ttl)
        half.ttl_max = max(half.ttl_max, packet.ttl)
        gap_ms = max(timestamp_ns - half.last_ns, 0) / 1e6
        half.gap_squares += gap_ms * gap_ms
        if packets == 1:
            half.gap_min_ms = gap_ms
            half.gap_max_ms = gap_ms
        else:
            half.gap_min_ms = min(half.gap_min_ms, np.float32(gap_ms))
            half.gap_max_ms = max(half.gap_max_ms, np.float32(gap_ms))
        half.last_ns = max(half.last_ns, timestamp_ns)
    flow.last_ns = max(flow.last_ns, timestamp_ns)
    if direction == SERVER_TO_CLIENT:
        flow.state |= STATE_ANSWERED


@kernel(inline=True)
def is_new_connection(table, slot, direction, packet):  # type: ignore[no-untyped-def]
    """Whether a SYN on a known 5-tuple opens another connection (RFC 9293 section 3.6.1).

    It does when the old one is over, or when its initial sequence number is another than that of
    the SYN seen before; a repeated SYN does not. Where only the server is seen, its SYN-ACK has to
    say so.
    """
    if packet.protocol != TCP or packet.fragment == FRAGMENT_LATER:
        return False
    half = table.halves[2 * slot + direction]
    another = np.int64(half.base_sequence) != ((packet.sequence + 1) & 0xFFFFFFFF)
    if (packet.flags & (_SYN | _ACK)) == (_SYN | _ACK):
        alone = table.halves[2 * slot + 1 - direction].state == 0
        return alone and (half.state & HALF_SYN) != 0 and another
    if (packet.flags & _SYN) == 0:
        return False
    state = table.slots[slot].state
    if (state & (STATE_CLOSED | STATE_RESET)) != 0:
        return True
    if (half.state & HALF_SYN) != 0:
        return another
    return direction == CLIENT_TO_SERVER or (state & STATE_ESTABLISHED) != 0


@kernel(inline=True)
def follow_tcp(table, slot, direction, packet, timestamp_ns):  # type: ignore[no-untyped-def]
    """Advance the connection's state; returns the list that the flow now belongs to."""
    flow = table.slots[slot]
    half = table.halves[2 * slot + direction]
    flags = packet.flags
    half.flags |= flags & 0xFF
    half.state |= HALF_SEEN
    if packet.window == 0 and (flags & (_SYN | _RST | _FIN)) == 0:
        half.zero_windows = min(half.zero_windows + 1, _COUNT_BOUND)
    _follow_sequence(half, packet)
    if (flags & _SYN) != 0:
        half.state |= HALF_SYN | HALF_HAS_BASE
        half.base_sequence = np.uint32((packet.sequence + 1) & 0xFFFFFFFF)
        if (flags & _ACK) == 0:
            flow.syn_ns = timestamp_ns
    elif (flags & _RST) == 0:
        # Who goes on after its SYN has heard the other side. Only that other side's own SYN makes the
        # connection an established one; but one of which we see half must live as long.
        goes_on = (half.state & (HALF_SYN | HALF_GOES_ON)) == HALF_SYN and (flags & _ACK) != 0
        established = (flow.state & STATE_ESTABLISHED) == 0 and direction == CLIENT_TO_SERVER
        established = established and (table.halves[2 * slot + 1].state & HALF_SYN) != 0
        if goes_on:
            half.state |= HALF_GOES_ON
        if established:
            flow.state |= STATE_ESTABLISHED
        if direction == CLIENT_TO_SERVER and flow.syn_ns != 0 and (goes_on or established):
            flow.rtt_ms = max(timestamp_ns - flow.syn_ns, 0) / 1e6
    if (flags & _RST) != 0:
        flow.state |= STATE_RESET
    if (flags & _FIN) != 0:
        flow.state |= STATE_FIN_CLIENT if direction == CLIENT_TO_SERVER else STATE_FIN_SERVER
        both = STATE_FIN_CLIENT | STATE_FIN_SERVER
        if (flow.state & both) == both and (flow.state & STATE_RESET) == 0:
            flow.state |= STATE_CLOSED
    if (flow.state & (STATE_RESET | STATE_CLOSED)) != 0:
        return LIST_TCP_CLOSED
    if (flow.state & STATE_ESTABLISHED) != 0 or (half.state & HALF_GOES_ON) != 0:
        return LIST_TCP_ESTABLISHED
    return np.int64(flow.list)


@kernel(inline=True)
def is_elephant(half, packet, elephant_bytes):  # type: ignore[no-untyped-def]
    """Whether a packet needs only be counted: the row is large by now and the packet ordinary.

    Names have long had what they want of a stream by then; DNS, of which they want all, is none.
    """
    return (
        elephant_bytes > 0
        and half.bytes >= elephant_bytes
        and half.budget != UNBOUNDED
        and packet.fragment == FRAGMENT_NONE
        and (packet.protocol == UDP or (packet.flags & (_SYN | _FIN | _RST)) == 0)
    )


@kernel(inline=True)
def count_only(table, slot, direction, packet, wire_bytes, timestamp_ns):  # type: ignore[no-untyped-def]
    """Count an elephant's packet: no statistics of sizes and gaps, nothing of TCP but its flags."""
    flow = table.slots[slot]
    half = table.halves[2 * slot + direction]
    half.packets += np.uint32(1)
    half.bytes += wire_bytes
    half.payload_bytes += packet.payload_bytes
    half.last_ns = max(half.last_ns, timestamp_ns)
    half.state |= HALF_BYPASSED
    half.flags |= packet.flags & 0xFF
    if packet.protocol == TCP:
        half.next_sequence = np.uint32((packet.sequence + packet.payload_bytes) & 0xFFFFFFFF)
    flow.last_ns = max(flow.last_ns, timestamp_ns)
    table.counters[COUNT_ELEPHANTS] += 1


@kernel(inline=True)
def _follow_sequence(half, packet):  # type: ignore[no-untyped-def]
    """Count segments that bring no new byte. A keep-alive (RFC 9293 section 3.8.4) is none."""
    occupied = packet.payload_bytes
    if (packet.flags & _SYN) != 0:
        occupied += 1
    if (packet.flags & _FIN) != 0:
        occupied += 1
    if occupied == 0:
        return
    end = (packet.sequence + occupied) & 0xFFFFFFFF
    if (half.state & HALF_HAS_NEXT) == 0:
        half.state |= HALF_HAS_NEXT
        half.next_sequence = np.uint32(end)
        return
    ahead = (end - np.int64(half.next_sequence)) & 0xFFFFFFFF
    if ahead != 0 and ahead < 0x80000000:
        half.next_sequence = np.uint32(end)
        return
    before = (np.int64(half.next_sequence) - packet.sequence) & 0xFFFFFFFF
    if not (packet.payload_bytes <= 1 and before == 1 and (packet.flags & (_SYN | _FIN)) == 0):
        half.retransmissions = min(half.retransmissions + 1, _COUNT_BOUND)
