"""The kernel that carries a block's frames into the flow table, in event time."""

from __future__ import annotations

import numpy as np

from wire.flows.count import add_packet, count_only, follow_tcp, is_elephant, is_new_connection
from wire.flows.decode import decode_frame
from wire.flows.duplicates import is_copy
from wire.flows.emit import emit_delta, emit_row, has_room
from wire.flows.index import find, is_ours, key_hash
from wire.flows.lifecycle import end_flow, open_flow, take_slot
from wire.flows.lists import move_to_end, next_expired
from wire.flows.packet import FRAGMENT_LATER, FRAGMENT_NONE, OK, UNKNOWN_LINK_TYPE
from wire.flows.payload import announce, show_payload
from wire.flows.records import END_CAPTURE, END_NONE, END_TIMEOUT, TCP, UDP
from wire.flows.slots import (
    CLOCK_NS,
    COUNT_BYTES,
    COUNT_DECODED,
    COUNT_DUPLICATES,
    COUNT_FRAGMENTS,
    COUNT_JUMPS,
    COUNT_LATE,
    COUNT_PACKETS,
    COUNT_TRUNCATED,
    DRAIN_MINUTE,
    DRAIN_TOUCHED,
    EXPIRE_AT_NS,
    JUMP_NS,
    JUMP_SLOT,
    LISTS,
    MINUTE_NS,
    NO_SLOT,
    STATE_FRAGMENTS,
    TOUCHED_COUNT,
)
from wire.kernel import kernel
from wire.prefetch import LINE_BYTES, prefetch

_HOUR_NS = 3_600_000_000_000
_EXPIRE_EVERY_NS = 100_000_000
#: Fewer copies than one in so many packets come from repetitions that look alike, not from a mirror.
_RARE = 1000
#: So many frames before its turn a frame's headers are asked for: they take about as long as memory does.
_AHEAD = 8


@kernel(inline=True)
def advance_clock(table, timestamp_ns, counted):  # type: ignore[no-untyped-def]
    """Move the event clock: the highest time seen, but a lone jump of over an hour waits.

    The jump counts once the next packet does not fall back behind it. `counted`: 1, or 0 where
    another worker counts what the clock meets.
    """
    clock = table.numbers[CLOCK_NS]
    if clock == 0:
        table.numbers[CLOCK_NS] = max(timestamp_ns, 1)
        table.numbers[DRAIN_MINUTE] = timestamp_ns // MINUTE_NS
        return
    jump = table.numbers[JUMP_NS]
    if jump != 0:
        if timestamp_ns >= jump - _HOUR_NS:
            clock = jump
            table.numbers[CLOCK_NS] = clock
        elif table.numbers[JUMP_SLOT] != NO_SLOT:
            # Its flow must not stand as heard in the future: it would keep those behind it open.
            flow = table.slots[table.numbers[JUMP_SLOT]]
            flow.last_ns = min(flow.last_ns, clock)
        table.numbers[JUMP_NS] = 0
        table.numbers[JUMP_SLOT] = NO_SLOT
    if timestamp_ns < clock:
        table.counters[COUNT_LATE] += counted
    elif timestamp_ns - clock <= _HOUR_NS:
        table.numbers[CLOCK_NS] = timestamp_ns
    else:
        table.numbers[JUMP_NS] = timestamp_ns
        table.counters[COUNT_JUMPS] += counted


@kernel
def drain(table, out, idle_ns, secret):  # type: ignore[no-untyped-def]
    """Emit what the clock has made due: deltas of a closed minute, idle flows. False: no room."""
    clock = table.numbers[CLOCK_NS]
    minute = clock // MINUTE_NS
    if minute > table.numbers[DRAIN_MINUTE]:
        at = table.numbers[DRAIN_TOUCHED]
        while at < table.numbers[TOUCHED_COUNT]:
            if not has_room(out):
                table.numbers[DRAIN_TOUCHED] = at
                return False
            slot = table.touched[at]
            if table.slots[slot].serial != 0:
                emit_delta(table, slot, out, 0, END_NONE)
            at += 1
        table.numbers[DRAIN_TOUCHED] = 0
        table.numbers[TOUCHED_COUNT] = 0
        table.numbers[DRAIN_MINUTE] = minute
    if clock < table.numbers[EXPIRE_AT_NS]:
        return True
    slot = next_expired(table, clock, idle_ns)
    while slot != NO_SLOT:
        if not has_room(out):
            return False
        end_flow(table, slot, out, END_TIMEOUT, secret)
        slot = next_expired(table, clock, idle_ns)
    table.numbers[EXPIRE_AT_NS] = clock + _EXPIRE_EVERY_NS
    return True


@kernel(inline=True)
def _touch(table, slot, out, timestamp_ns):  # type: ignore[no-untyped-def]
    """Note that a flow has a delta open in the packet's minute."""
    flow = table.slots[slot]
    minute = timestamp_ns // MINUTE_NS
    if flow.delta_minute != minute:
        emit_delta(table, slot, out, 0, END_NONE)
        flow.delta_minute = minute
    open_minute = table.numbers[DRAIN_MINUTE]
    if flow.touched_minute != open_minute:
        flow.touched_minute = open_minute
        table.touched[table.numbers[TOUCHED_COUNT]] = slot
        table.numbers[TOUCHED_COUNT] += 1


@kernel(inline=True)
def _track(  # type: ignore[no-untyped-def]
    buffer, table, packet, hashed, found, frame, interface, wire_bytes, timestamp_ns, settings, idle_ns,
    service_ports, out,
):  # fmt: skip
    """Count a decoded packet to its flow (`found`: by index.find), opening and ending flows as it asks."""
    secret = settings.secret[0]
    slot = found >> 1
    direction = found & 1
    if found != NO_SLOT:
        flow = table.slots[slot]
        if flow.last_ns + idle_ns[flow.list] <= timestamp_ns:
            end_flow(table, slot, out, END_TIMEOUT, secret)
            found = NO_SLOT
        elif is_new_connection(table, slot, direction, packet):
            end_flow(table, slot, out, END_TIMEOUT, secret)
            found = NO_SLOT
        elif timestamp_ns - flow.row_start_ns >= settings.active_ns[0]:
            emit_delta(table, slot, out, 0, END_NONE)
            emit_row(table, slot, out, 1, END_NONE, secret)
            flow.row_start_ns = timestamp_ns
    if found != NO_SLOT and is_elephant(table.halves[found], packet, settings.elephant_bytes[0]):
        if table.numbers[JUMP_NS] != 0:
            table.numbers[JUMP_SLOT] = slot
        _touch(table, slot, out, timestamp_ns)
        count_only(table, slot, direction, packet, wire_bytes, timestamp_ns)
        move_to_end(table, slot, np.int64(table.slots[slot].list))
        return
    if found == NO_SLOT:
        slot = take_slot(table, out, idle_ns, table.numbers[CLOCK_NS], secret)
        direction = open_flow(table, slot, packet, hashed, interface, timestamp_ns, service_ports)
        announce(table.slots[slot], out, frame, timestamp_ns)
    if table.numbers[JUMP_NS] != 0:
        table.numbers[JUMP_SLOT] = slot
    _touch(table, slot, out, timestamp_ns)
    add_packet(table, slot, direction, packet, wire_bytes, timestamp_ns)
    flow = table.slots[slot]
    kind = flow.list
    if packet.fragment != FRAGMENT_NONE:
        flow.state |= STATE_FRAGMENTS
        table.counters[COUNT_FRAGMENTS] += 1
    half = table.halves[2 * slot + direction]
    if packet.protocol == TCP and packet.fragment != FRAGMENT_LATER:
        kind = follow_tcp(table, slot, direction, packet, timestamp_ns)
    named = packet.protocol == TCP or packet.protocol == UDP
    if named and packet.payload_end > packet.payload_start and half.budget > 0:
        show_payload(buffer, packet, flow, half, direction, out, frame, timestamp_ns)
    move_to_end(table, slot, kind)


@kernel(inline=True)
def _copies_are_rare(table):  # type: ignore[no-untyped-def]
    """Whether this is no mirror that doubles packets: then an elephant's need not be remembered."""
    return table.counters[COUNT_DUPLICATES] * _RARE < table.counters[COUNT_DECODED]


@kernel
def track_block(  # type: ignore[no-untyped-def]
    buffer,
    offsets,
    captured_bytes,
    wire_bytes,
    timestamps_ns,
    interfaces,
    vlans,
    link_types,
    first,
    clock_moved,
    table,
    settings,
    idle_ns,
    service_ports,
    out,
):
    """Carry frames first, first + 1 ... into the table.

    Of several workers that all walk the same frames, each moves its clock by every frame and keeps
    the flows that are its own; the first also counts frames that belong to no flow.
    Returns the index of the first frame that was not carried because an output had no room
    (its clock has moved; call again with `clock_moved`), or the number of frames.
    """
    mine, of = settings.spread[0], settings.spread[1]
    first_worker = 1 if mine == 0 else 0
    for i in range(first, len(offsets)):
        timestamp_ns = timestamps_ns[i]
        if i + _AHEAD < len(offsets):
            prefetch(buffer, offsets[i + _AHEAD])
            prefetch(buffer, offsets[i + _AHEAD] + LINE_BYTES)
        if i != first or not clock_moved:
            advance_clock(table, timestamp_ns, first_worker)
        if not has_room(out):
            return i
        clock = table.numbers[CLOCK_NS]
        if clock >= table.numbers[EXPIRE_AT_NS] or clock // MINUTE_NS != table.numbers[DRAIN_MINUTE]:
            if not drain(table, out, idle_ns, settings.secret[0]):
                return i
        wire = max(wire_bytes[i], captured_bytes[i])
        link_type = -1
        if 0 <= interfaces[i] < len(link_types):
            link_type = link_types[interfaces[i]]
        status = decode_frame(
            buffer,
            offsets[i],
            captured_bytes[i],
            wire,
            link_type,
            vlans[i],
            timestamp_ns,
            settings.max_tunnel_depth[0],
            table.fragments,
            table.packet,
        )
        packet = table.packet[0]
        if status != OK:
            table.rejects[min(status, UNKNOWN_LINK_TYPE)] += first_worker
            table.counters[COUNT_PACKETS] += first_worker
            table.counters[COUNT_BYTES] += wire * first_worker
            continue
        hashed = key_hash(packet, settings.vlan_mode[0], settings.secret[1])
        ours = is_ours(hashed, mine, of)
        found = np.int64(NO_SLOT)
        if ours:
            found = find(table, packet, hashed, settings.vlan_mode[0])
        window_ns = settings.duplicate_window_ns[0]
        elephant_bytes = settings.elephant_bytes[0]
        if elephant_bytes > 0 and found != NO_SLOT and _copies_are_rare(table):
            if is_elephant(table.halves[found], packet, elephant_bytes):
                window_ns = 0
        copy = False
        if window_ns > 0:  # of all frames, so that what is remembered is the same for any number of workers
            copy = is_copy(table.recent, buffer, packet, timestamp_ns, window_ns, settings.secret[1])
        if not ours:
            continue
        table.counters[COUNT_PACKETS] += 1
        table.counters[COUNT_BYTES] += wire
        if copy:
            table.counters[COUNT_DUPLICATES] += 1
            continue
        table.counters[COUNT_DECODED] += 1
        if packet.fragment == FRAGMENT_NONE:
            if packet.payload_end - packet.payload_start < packet.payload_bytes:
                table.counters[COUNT_TRUNCATED] += 1
        _track(
            buffer, table, packet, hashed, found, i, interfaces[i], wire, timestamp_ns, settings, idle_ns,
            service_ports, out,
        )  # fmt: skip
    return len(offsets)


@kernel
def pass_time(table, clock_ns, out, idle_ns, secret):  # type: ignore[no-untyped-def]
    """Move the clock on although no packet came. Returns False when the output has no room left."""
    if table.numbers[CLOCK_NS] == 0:
        return True
    table.numbers[CLOCK_NS] = max(table.numbers[CLOCK_NS], clock_ns)
    return drain(table, out, idle_ns, secret)


@kernel
def end_all(table, out, secret):  # type: ignore[no-untyped-def]
    """End every flow because the capture ends. Returns False when the output has no room left."""
    for kind in range(LISTS):
        while table.heads[kind] != NO_SLOT:
            if not has_room(out):
                return False
            end_flow(table, table.heads[kind], out, END_CAPTURE, secret)
    return True
