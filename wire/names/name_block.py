"""The kernels that the Namer calls."""

from __future__ import annotations

import numpy as np

from wire.flows.records import REF_OPEN, REF_PAYLOAD, TCP, UDP
from wire.kernel import kernel
from wire.names.deliver import (
    READ_BUFFER,
    READ_NOTHING,
    READ_SLOT,
    drop_slot,
    keep_rest,
    keep_slot,
    place_piece,
    place_segment,
)
from wire.names.dns_message import KIND_NONE, dns_kind
from wire.names.events import tell_opening
from wire.names.flow_index import claim_state, drop_state, find_state
from wire.names.flow_states import PHASE_DNS, PHASE_DONE, PHASE_QUIC, PHASE_UNKNOWN
from wire.names.hello import HELLO_WHOLE, read_client_hello
from wire.names.lookups import most_events, next_dns_message, take_dns
from wire.names.queries import free_queries
from wire.names.stream import SLOT_RANGES
from wire.names.strings import intern
from wire.names.tls import take_hello
from wire.names.walk import walk
from wire.names.work import COUNT_HELLO_MALFORMED, COUNT_STATE_REFUSED, intern_host_name

#: A reference of this kind asks to read what stands behind holes of a flow's streams, and to give
#: their slots back: its `direction` is the side, its buffer and addresses are not looked at.
REF_SETTLE = 2
_HELLO_TLS = 0


@kernel
def _state_of(index, states, blank, work, ref):  # type: ignore[no-untyped-def]
    """The flow's state, made when it has none; -1 when the table is full, which is counted."""
    state = find_state(index, states, ref.flow)
    if state < 0:
        state = claim_state(index, states, blank, work, ref.flow)
        if state < 0:
            work.counters[COUNT_STATE_REFUSED] += 1
            return state
        states[state].facts.flow = ref.flow
        if ref.protocol == TCP and dns_kind(ref.protocol, ref.client_port, ref.server_port) != KIND_NONE:
            states[state].phase[0] = PHASE_DNS
            states[state].phase[1] = PHASE_DNS
    return state


@kernel
def _looks_like_quic(buffer, start, length):  # type: ignore[no-untyped-def]
    """A long header (RFC 8999 section 5.1), or a gQUIC public header with a version."""
    if length < 14:
        return False
    first = buffer[start]
    if first & 0x80:
        return True
    at = start + (9 if first & 0x08 else 1)
    return first & 1 == 1 and buffer[at] == 81  # "Q"


@kernel
def name_block(index, states, blank, work1, slots, room, shake, strings, queries, message, dns_counters, buffer, refs, first, first_order, quic, events):  # type: ignore[no-untyped-def]  # noqa: E501
    """Read the payload references of one block, in order, from refs[first] on.

    buffer: uint8[:], the block's; refs: PAYLOAD_REF[n]; first_order: the number of the block's first
    frame in the order of events, -1 to order them by time. quic: int64[n], receives the indices of
    the references that QUIC must look at; events: EVENT[:], what others need to know. The others are
    the Namer's. Returns the reference at which it stopped because `events` or `states` has no room
    (work.events and work.selected say how much of the two outputs is filled), or their number.
    """
    work = work1[0]
    for i in range(first, len(refs)):
        ref = refs[i]
        kind = dns_kind(ref.protocol, ref.client_port, ref.server_port)
        if work.events + most_events(ref, kind, len(buffer)) > len(events):
            return i
        order = np.int64(ref.timestamp_ns) if first_order < 0 else first_order + np.int64(ref.frame)
        if ref.kind == REF_OPEN:
            tell_opening(events, work, ref, order)
            continue
        start, length = np.int64(ref.offset), np.int64(ref.length)
        settles = ref.kind == REF_SETTLE and ref.protocol == TCP
        if not settles and (length <= 0 or start < 0 or start + length > len(buffer)):
            continue
        if work.free_state < 0 and work.may_grow:
            return i
        state = _state_of(index, states, blank, work, ref)
        if state < 0:
            continue
        flow = states[state]
        if ref.protocol == UDP:
            if kind != KIND_NONE:
                stop = start + length
                take_dns(
                    flow, work, dns_counters, strings, events, queries, message, ref, kind, order,
                    buffer, start, stop,
                )  # fmt: skip
            elif flow.phase[0] == PHASE_QUIC or _looks_like_quic(buffer, start, length):
                if flow.facts.quic == 0:
                    flow.phase[0] = PHASE_QUIC
                    quic[work.selected] = i
                    work.selected += 1
            continue
        side = np.int64(ref.direction) & 1
        if ref.protocol != TCP or flow.phase[side] == PHASE_DONE or ref.stream_offset < 0:
            continue
        # One pass for a segment; a settling reference takes one for each piece behind a hole.
        for piece in range(SLOT_RANGES if ref.kind == REF_SETTLE else 1):
            where = READ_NOTHING
            if ref.kind == REF_SETTLE:
                if place_piece(flow, side, piece, slots, room, work):
                    where = READ_SLOT
            else:
                where = place_segment(states, state, slots, room, work, ref, buffer)
            if where == READ_NOTHING:
                continue
            data = buffer if where == READ_BUFFER else room
            at, end = work.bounds[0], work.bounds[1]
            first = at
            if flow.phase[side] == PHASE_DNS:
                while next_dns_message(flow, side, work, dns_counters, data, at, end):
                    at, stop = work.bounds[0], work.bounds[1]
                    take_dns(
                        flow, work, dns_counters, strings, events, queries, message, ref, kind, order,
                        data, at, stop,
                    )  # fmt: skip
                    at = stop
            else:
                walk(flow, side, work, strings, shake, data, at, end)
            if where == READ_BUFFER:
                keep_rest(states, state, slots, room, work, ref, buffer, first, end)
            elif ref.kind == REF_PAYLOAD:
                keep_slot(flow, side, slots, work)
            elif flow.phase[side] == PHASE_DONE:
                break
        if ref.kind == REF_SETTLE and flow.slot[side] >= 0:
            drop_slot(flow, side, slots, work)
            flow.phase[side] = PHASE_UNKNOWN
    return len(refs)


@kernel
def take_quic_hellos(index, states, work1, strings, rows, arena):  # type: ignore[no-untyped-def]
    """Take the hellos that QUIC made whole. rows: QUIC_HELLO[n]; arena: uint8[:]."""
    work = work1[0]
    for i in range(len(rows)):
        row = rows[i]
        state = find_state(index, states, row.flow)
        if state < 0 or row.start < 0 or row.end > len(arena):
            continue
        flow = states[state]
        flow.facts.quic = 1
        flow.facts.quic_version = row.version
        if row.kind == _HELLO_TLS:
            if read_client_hello(arena, row.start, row.end, work.hello) == HELLO_WHOLE:
                take_hello(flow, work, strings, arena, work.hello, 1)
            else:
                work.counters[COUNT_HELLO_MALFORMED] += 1
            continue
        if row.end > row.start:
            flow.facts.server_name = intern_host_name(work, strings, arena, row.start, row.end)
        if row.agent_end > row.agent_start:
            flow.facts.user_agent = intern(strings, arena, row.agent_start, row.agent_end)


@kernel
def find_states(index, states, flows, found):  # type: ignore[no-untyped-def]
    """The state of each flow, int64[n]; -1 for none. Returns how many streams hold a slot."""
    unsettled = 0
    for i in range(len(flows)):
        state = find_state(index, states, flows[i])
        found[i] = state
        if state >= 0:
            unsettled += (states[state].slot[0] >= 0) + (states[state].slot[1] >= 0)
    return unsettled


@kernel
def forget_flows(index, states, work1, slots, queries, flows):  # type: ignore[no-untyped-def]
    """Drop the state of each flow."""
    work = work1[0]
    for i in range(len(flows)):
        state = find_state(index, states, flows[i])
        if state >= 0:
            flow = states[state]
            drop_slot(flow, 0, slots, work)
            drop_slot(flow, 1, slots, work)
            free_queries(queries, np.int64(flow.queries))
            drop_state(index, states, work, state)


@kernel
def collect_facts(states, blank, found, facts):  # type: ignore[no-untyped-def]
    """Copy what each state knows. found: int64[n], places in `states`, -1 for none; facts: FACTS[n]."""
    for i in range(len(found)):
        if found[i] < 0:
            facts[i] = blank[0].facts
        else:
            facts[i] = states[found[i]].facts
