"""How a flow begins and ends: who is the client, which slot it takes, what it leaves behind."""

from __future__ import annotations

import numpy as np

from wire.flows.emit import clear_row_counters, emit_delta, emit_row, tcp_end_of
from wire.flows.index import insert, remove
from wire.flows.lists import append, longest_idle, next_expired, unlink
from wire.flows.payload import first_budget
from wire.flows.records import CLIENT_TO_SERVER, END_EVICTED, END_TIMEOUT, SERVER_TO_CLIENT, TCP, UDP
from wire.flows.slots import (
    ACTIVE,
    COUNT_EVICTED,
    COUNT_OPENED,
    FREE_HEAD,
    FRESH_SLOT,
    LIST_OTHER,
    LIST_TCP_ESTABLISHED,
    LIST_TCP_OPENING,
    LIST_UDP,
    NEXT_SERIAL,
    NO_SLOT,
    STATE_ANSWERED,
    STATE_ESTABLISHED,
    STATE_MIDSTREAM,
    STATE_NEW_DELTA,
)
from wire.kernel import kernel

_SYN, _ACK = 2, 16


@kernel
def end_flow(table, slot, out, tcp_end, secret):  # type: ignore[no-untyped-def]
    """Write the flow's last delta and row, and free its slot."""
    ended = tcp_end_of(table.slots[slot], tcp_end)
    emit_delta(table, slot, out, 1, ended)
    emit_row(table, slot, out, 0, ended, secret)
    remove(table, slot)
    unlink(table, slot)
    flow = table.slots[slot]
    flow.serial = 0
    table.following[slot] = table.numbers[FREE_HEAD]
    table.numbers[FREE_HEAD] = slot
    table.numbers[ACTIVE] -= 1


@kernel(inline=True)
def take_slot(table, out, idle_ns, clock_ns, secret):  # type: ignore[no-untyped-def]
    """A free slot; when the table is full, an expired flow's or the longest idle one's."""
    if table.numbers[FREE_HEAD] == NO_SLOT and table.numbers[FRESH_SLOT] < len(table.slots):
        slot = table.numbers[FRESH_SLOT]
        table.numbers[FRESH_SLOT] = slot + 1
        table.slots[slot].touched_minute = -1
        return slot
    if table.numbers[FREE_HEAD] == NO_SLOT:
        victim = next_expired(table, clock_ns, idle_ns)
        if victim != NO_SLOT:
            end_flow(table, victim, out, END_TIMEOUT, secret)
        else:
            table.counters[COUNT_EVICTED] += 1
            end_flow(table, longest_idle(table), out, END_EVICTED, secret)
    slot = table.numbers[FREE_HEAD]
    table.numbers[FREE_HEAD] = table.following[slot]
    return slot


@kernel(inline=True)
def opening_direction(packet, service_ports):  # type: ignore[no-untyped-def]
    """Direction of a flow's first packet: the client is who opened.

    A SYN says so; otherwise the first packet does, unless only its source port is a service's.
    """
    if packet.protocol == TCP and (packet.flags & _SYN) != 0:
        return SERVER_TO_CLIENT if (packet.flags & _ACK) != 0 else CLIENT_TO_SERVER
    if packet.protocol == TCP or packet.protocol == UDP:
        if service_ports[packet.src_port] != 0 and service_ports[packet.dst_port] == 0:
            return SERVER_TO_CLIENT
        return CLIENT_TO_SERVER
    return SERVER_TO_CLIENT if packet.reply == 1 else CLIENT_TO_SERVER


@kernel(inline=True)
def open_flow(table, slot, packet, hashed, interface, timestamp_ns, service_ports):  # type: ignore[no-untyped-def]
    """Fill a slot for a new flow; returns the direction of its first packet."""
    direction = opening_direction(packet, service_ports)
    flow = table.slots[slot]
    if direction == CLIENT_TO_SERVER:
        flow.client_hi = packet.src_hi
        flow.client_lo = packet.src_lo
        flow.server_hi = packet.dst_hi
        flow.server_lo = packet.dst_lo
        flow.client_port = packet.src_port
        flow.server_port = packet.dst_port
    else:
        flow.client_hi = packet.dst_hi
        flow.client_lo = packet.dst_lo
        flow.server_hi = packet.src_hi
        flow.server_lo = packet.src_lo
        flow.client_port = packet.dst_port
        flow.server_port = packet.src_port
    flow.serial = table.numbers[NEXT_SERIAL]
    table.numbers[NEXT_SERIAL] += 1
    flow.first_ns = timestamp_ns
    flow.last_ns = timestamp_ns
    flow.row_start_ns = timestamp_ns
    flow.syn_ns = 0
    flow.rtt_ms = np.nan
    flow.hash = hashed
    flow.delta_minute = 0
    flow.vlan = packet.vlan
    flow.vlan_inner = packet.vlan_inner
    flow.interface = interface
    flow.protocol = packet.protocol
    flow.tunnel = packet.tunnel
    flow.first_count = 0
    flow.state = STATE_NEW_DELTA
    kind = LIST_OTHER
    if packet.protocol == UDP:
        kind = LIST_UDP
    elif packet.protocol == TCP:
        kind = LIST_TCP_OPENING
        if (packet.flags & _SYN) == 0 or (packet.flags & _ACK) != 0:
            flow.state |= STATE_MIDSTREAM
            if (packet.flags & _SYN) == 0:
                flow.state |= STATE_ESTABLISHED | STATE_ANSWERED
                kind = LIST_TCP_ESTABLISHED
    for side in range(2):
        half = table.halves[2 * slot + side]
        clear_row_counters(half)
        half.state = 0
        half.next_sequence = 0
        half.base_sequence = 0
        half.budget = first_budget(packet.protocol, side, flow.client_port, flow.server_port)
    insert(table, slot, hashed)
    append(table, slot, kind)
    table.numbers[ACTIVE] += 1
    table.counters[COUNT_OPENED] += 1
    return direction
