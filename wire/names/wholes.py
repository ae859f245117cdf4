"""Records of flows that were met, made whole from those of their parts: the kernels of Meetings."""

from __future__ import annotations

import numpy as np

from wire.flows.halves import (
    add_delta,
    add_row,
    first_packets_of_halves,
    settle_delta,
    tcp_end_of_halves,
)
from wire.flows.records import END_FIN, END_NONE, END_RST, ICMP, ICMP6, TCP
from wire.kernel import kernel
from wire.names.flow_index import find_state
from wire.names.half_facts import add_facts

_FIN = 1


@kernel
def standing_of(tables, leaders, ready, over):  # type: ignore[no-untyped-def]
    """ready, over: bool[n], made False where parts are awaited; they stay for what is not known."""
    for i in range(len(leaders)):
        whole = find_state(tables.whole_index, tables.wholes, leaders[i])
        if whole >= 0:
            ready[i] = tables.wholes[whole].lacking <= 0
            over[i] = tables.wholes[whole].open <= 0


@kernel
def _is_flipped(record, whole):  # type: ignore[no-untyped-def]
    """Whether a part takes the whole's client for the server."""
    ported = record.protocol != ICMP and record.protocol != ICMP6
    same = record.client_hi == whole.client_hi and record.client_lo == whole.client_lo
    return not (same and (not ported or record.client_port == whole.client_port))


@kernel
def _write_key(into, record, flipped):  # type: ignore[no-untyped-def]
    """The key of a record, turned round when it is flipped; type and code of ICMP stay."""
    into.protocol = record.protocol
    turned = flipped and record.protocol != ICMP and record.protocol != ICMP6
    into.client_port = record.server_port if turned else record.client_port
    into.server_port = record.client_port if turned else record.server_port
    into.client_hi = record.server_hi if flipped else record.client_hi
    into.client_lo = record.server_lo if flipped else record.client_lo
    into.server_hi = record.client_hi if flipped else record.server_hi
    into.server_lo = record.client_lo if flipped else record.server_lo


@kernel
def join_deltas(tables, held, leaders, out):  # type: ignore[no-untyped-def]
    """Write one DELTA a leader and minute; how many. held: in the order of both, leaders int64[n]."""
    used = 0
    i = 0
    while i < len(held):
        leader, minute = leaders[i], held[i].window_start_ns
        place = max(find_state(tables.whole_index, tables.wholes, leader), 0)
        whole = tables.wholes[place]
        known = whole.flow == leader
        into = out[used]
        used += 1
        into.flow = leader
        into.window_start_ns = minute
        into.over = 1
        first = i
        while i < len(held) and leaders[i] == leader and held[i].window_start_ns == minute:
            delta = held[i]
            flipped = known and _is_flipped(delta, whole)
            if i == first:
                _write_key(into, delta, flipped)
            if delta.flow == leader:
                into.opened |= delta.opened
            add_delta(into, delta, flipped)
            i += 1
        if known:
            into.over = into.over if whole.open <= 0 else 0
            whole.flags_c2s |= into.flags_c2s
            whole.flags_s2c |= into.flags_s2c
            into.answered |= whole.answered
            into.established |= whole.established
            settle_delta(into, whole.flags_c2s, whole.flags_s2c)
            whole.answered = into.answered
            whole.established = into.established
    return used


@kernel
def join_rows(tables, held, leaders, out):  # type: ignore[no-untyped-def]
    """Write one FLOW_ROW a leader; how many. held: in the order of leaders, int64[n].

    Parts that are not over await another row from now on.
    """
    used = 0
    i = 0
    while i < len(held):
        leader = leaders[i]
        place = find_state(tables.whole_index, tables.wholes, leader)
        if place < 0:  # it cannot be: a whole is forgotten after its rows
            out[used] = held[i]
            used += 1
            i += 1
            continue
        whole = tables.wholes[place]
        if tables.lead_rows[place].flow != 0:
            _begin_row(tables, place, tables.lead_rows[place], out, used)
        else:
            _begin_row(tables, place, held[i], out, used)
        into = out[used]
        used += 1
        end, end_ns = np.int64(END_NONE), np.int64(0)
        first = True
        fins = False
        while i < len(held) and leaders[i] == leader:
            row = held[i]
            flipped = _is_flipped(row, whole)
            add_row(into, row, flipped)
            whole.flags_c2s |= row.tcp_flags[1 if flipped else 0]
            whole.flags_s2c |= row.tcp_flags[0 if flipped else 1]
            fins = (whole.flags_c2s & whole.flags_s2c & _FIN) != 0
            if row.protocol == TCP and row.checkpoint == 0:
                if first:
                    end, end_ns = np.int64(row.tcp_end), np.int64(row.ts_end_ns)
                    first = False
                else:
                    end = tcp_end_of_halves(
                        end, end_ns, np.int64(row.tcp_end), np.int64(row.ts_end_ns), fins
                    )
                    end_ns = max(end_ns, np.int64(row.ts_end_ns))
            part = find_state(tables.part_index, tables.parts, row.flow)
            if part >= 0:
                tables.parts[part].held = 0
            i += 1
        into.checkpoint = 1 if whole.open > 0 else 0
        if not first and end != END_RST and fins:
            end = np.int64(END_FIN)
        into.tcp_end = END_NONE if whole.open > 0 else end
        whole.lacking = whole.open
    return used


@kernel
def _begin_row(tables, place, head, out, at):  # type: ignore[no-untyped-def]
    """Write out[at], the row of a whole, as `head` has it, a part's row; nothing is added up yet."""
    whole = tables.wholes[place]
    into = out[at]
    out[at] = head
    into.flow = whole.flow
    _write_key(into, head, _is_flipped(head, whole))
    _clear(into)
    lead, other = tables.lead_rows[place], tables.other_rows[place]
    if lead.flow != 0 and other.flow != 0:
        first_packets_of_halves(into, lead, other, _is_flipped(other, whole))


@kernel
def _clear(row):  # type: ignore[no-untyped-def]
    """Take out what add_row adds."""
    row.ts_start_ns = 0x7FFFFFFFFFFFFFFF
    row.ts_end_ns = 0
    for side in range(2):
        row.packets[side] = 0
        row.bytes[side] = 0
        row.payload_bytes[side] = 0
        row.tcp_flags[side] = 0
        row.retransmissions[side] = 0
        row.zero_windows[side] = 0
        row.size_mean[side] = np.nan
        row.size_std[side] = np.nan
        row.size_min[side] = 0
        row.size_max[side] = 0
        row.iat_mean_ms[side] = np.nan
        row.iat_std_ms[side] = np.nan
        row.iat_min_ms[side] = np.nan
        row.iat_max_ms[side] = np.nan
        row.ttl_min[side] = 0
        row.ttl_max[side] = 0


@kernel
def whole_facts(tables, leaders, facts):  # type: ignore[no-untyped-def]
    """FACTS[n] of flows that were met: the leader's side, completed by the other."""
    for i in range(len(leaders)):
        whole = find_state(tables.whole_index, tables.wholes, leaders[i])
        if whole < 0:
            facts[i] = tables.blank_facts[0]
            continue
        facts[i] = tables.lead_facts[whole]
        add_facts(facts[i], tables.other_facts[whole])
        if tables.lead_facts[whole].flow != 0 or tables.other_facts[whole].flow != 0:
            facts[i].flow = leaders[i]
