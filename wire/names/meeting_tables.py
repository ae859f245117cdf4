"""The tables of Meetings and the kernels over them: who opened, who belongs to whom, who is over."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from wire.flows.index import VLAN_FULL, VLAN_OUTER
from wire.flows.mix import mix
from wire.flows.records import FLOW_ROW, ICMP, ICMP6
from wire.kernel import kernel
from wire.names.events import EVENT_OPEN
from wire.names.facts import FACTS
from wire.names.flow_index import claim_state, drop_state, empty_index, empty_states, find_state
from wire.names.flow_states import BLANK_STATE

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_S1, _S32 = np.uint64(1), np.uint64(32)

#: The open flow of a key; `flow` is the key's hash, under a secret of this process.
_KEY = np.dtype(
    [
        ("flow", "i8"),
        ("leader", "i8"),
        ("client_hi", "u8"),
        ("client_lo", "u8"),
        ("next_free", "i4"),
        ("client_port", "u2"),
    ],
    align=True,
)
#: A part of a flow that was met. held: a row of it waits; side: 0 the leader's worker, 1 another.
_PART = np.dtype(
    [("flow", "i8"), ("leader", "i8"), ("next_free", "i4"), ("held", "u1"), ("side", "u1")], align=True
)
#: A flow that was met, by its leader. open: parts that are not over; lacking: those without a row that waits.
_WHOLE = np.dtype(
    [
        ("flow", "i8"),
        ("key", "i8"),
        ("client_hi", "u8"),
        ("client_lo", "u8"),
        ("open", "i4"),
        ("lacking", "i4"),
        ("next_free", "i4"),
        ("client_port", "u2"),
        ("flags_c2s", "u1"),
        ("flags_s2c", "u1"),
        ("answered", "u1"),
        ("established", "u1"),
    ],
    align=True,
)
_HEADS = np.dtype([("free_state", "i8"), ("used_states", "i8")])


class MeetingTables(NamedTuple):
    """What the kernels read and write; the last four are parallel to `wholes`."""

    key_index: NDArray[np.int32]
    keys: NDArray[np.void]
    key_heads: NDArray[np.void]
    part_index: NDArray[np.int32]
    parts: NDArray[np.void]
    part_heads: NDArray[np.void]
    whole_index: NDArray[np.int32]
    wholes: NDArray[np.void]
    whole_heads: NDArray[np.void]
    lead_rows: NDArray[np.void]  # FLOW_ROW: the latest of the leader, and the first of another part
    other_rows: NDArray[np.void]
    lead_facts: NDArray[np.void]  # FACTS: the latest of each side
    other_facts: NDArray[np.void]
    blank_key: NDArray[np.void]  # [0] of each: a record at its beginning
    blank_part: NDArray[np.void]
    blank_whole: NDArray[np.void]
    blank_facts: NDArray[np.void]
    blank_row: NDArray[np.void]


def meeting_tables(flows: int, wholes: int) -> MeetingTables:
    """Room for so many open flows, and for so many of them that were met."""
    blank_facts = BLANK_STATE["facts"].copy()
    return MeetingTables(
        empty_index(flows), empty_states(_KEY, flows), np.zeros(1, _HEADS),
        empty_index(flows), empty_states(_PART, flows), np.zeros(1, _HEADS),
        empty_index(wholes), empty_states(_WHOLE, wholes), np.zeros(1, _HEADS),
        np.zeros(wholes, FLOW_ROW), np.zeros(wholes, FLOW_ROW),
        np.zeros(wholes, FACTS), np.zeros(wholes, FACTS),
        np.zeros(1, _KEY), np.zeros(1, _PART), np.zeros(1, _WHOLE), blank_facts, np.zeros(1, FLOW_ROW),
    )  # fmt: skip


@kernel
def _key_of(record, client_port, server_port, settings):  # type: ignore[no-untyped-def]
    """A hash over a flow's key that both directions share, above 0: as index.key_hash, but wider."""
    secret = np.uint64(settings[2])
    client = mix((record.client_hi * _GOLDEN) ^ record.client_lo ^ (np.uint64(client_port) << _S32) ^ secret)
    server = mix((record.server_hi * _GOLDEN) ^ record.server_lo ^ (np.uint64(server_port) << _S32) ^ secret)
    extra = np.uint64(record.protocol)
    if settings[1] >= VLAN_OUTER:
        extra ^= np.uint64(record.vlan + 1) << np.uint64(8)
    if settings[1] == VLAN_FULL:
        extra ^= np.uint64(record.vlan_inner + 1) << np.uint64(24)
    return np.int64(mix((client + server) ^ (extra * _GOLDEN)) >> _S1) | np.int64(1)


@kernel
def _key_of_event(event, settings):  # type: ignore[no-untyped-def]
    if event.protocol == ICMP or event.protocol == ICMP6:  # rows have the type and the code
        return _key_of(event, event.client_port >> 8, event.client_port & 0xFF, settings)
    return _key_of(event, event.client_port, event.server_port, settings)


@kernel
def meet_events(tables, settings, counts, events, own):  # type: ignore[no-untyped-def]
    """Take openings in order. own: bool[n], made False where a flow joins an earlier one."""
    for i in range(len(events)):
        event = events[i]
        if event.kind != EVENT_OPEN:
            continue
        hashed = _key_of_event(event, settings)
        place = find_state(tables.key_index, tables.keys, hashed)
        if place < 0:
            place = claim_state(tables.key_index, tables.keys, tables.blank_key, tables.key_heads[0], hashed)
            if place < 0:
                counts[1] += 1
            else:
                _lead(tables.keys[place], event)
            continue
        leader = np.int64(tables.keys[place].leader)
        whole = find_state(tables.whole_index, tables.wholes, leader)
        same_worker = leader % settings[0] == event.flow % settings[0]
        if same_worker and (whole < 0 or event.fresh == 1):
            _lead(tables.keys[place], event)  # its worker has ended the earlier one
            continue
        if whole < 0:
            whole = _begin_whole(tables, tables.keys[place])
        if whole < 0 or not _add_part(tables, whole, leader, event.flow, 0 if same_worker else 1):
            counts[1] += 1
            continue
        own[i] = False
        counts[0] += 1


@kernel
def _lead(key, event):  # type: ignore[no-untyped-def]
    """The flow that opens is the open one of its key."""
    key.leader = event.flow
    key.client_hi = event.client_hi
    key.client_lo = event.client_lo
    key.client_port = event.client_port


@kernel
def _begin_whole(tables, key):  # type: ignore[no-untyped-def]
    """A flow that was met, of its leader alone so far; -1 without room."""
    leader = np.int64(key.leader)
    whole = claim_state(
        tables.whole_index, tables.wholes, tables.blank_whole, tables.whole_heads[0], leader
    )
    if whole < 0:
        return whole
    tables.wholes[whole].key = key.flow
    tables.wholes[whole].client_hi = key.client_hi
    tables.wholes[whole].client_lo = key.client_lo
    tables.wholes[whole].client_port = key.client_port
    tables.lead_rows[whole] = tables.blank_row[0]
    tables.other_rows[whole] = tables.blank_row[0]
    tables.lead_facts[whole] = tables.blank_facts[0]
    tables.other_facts[whole] = tables.blank_facts[0]
    if not _add_part(tables, whole, leader, leader, 0):
        drop_state(tables.whole_index, tables.wholes, tables.whole_heads[0], whole)
        return np.int64(-1)
    return whole


@kernel
def _add_part(tables, whole, leader, flow, side):  # type: ignore[no-untyped-def]
    """One more part of a flow. False without room."""
    part = claim_state(tables.part_index, tables.parts, tables.blank_part, tables.part_heads[0], flow)
    if part < 0:
        return False
    tables.parts[part].leader = leader
    tables.parts[part].side = side
    tables.wholes[whole].open += 1
    tables.wholes[whole].lacking += 1
    return True


@kernel
def learn_facts(tables, flows, facts, leaders):  # type: ignore[no-untyped-def]
    """Keep the facts of parts, FACTS[n]; leaders: int64[n], 0 where a flow stands alone."""
    for i in range(len(flows)):
        place = find_state(tables.part_index, tables.parts, flows[i])
        if place < 0:
            continue
        part = tables.parts[place]
        leaders[i] = part.leader
        whole = find_state(tables.whole_index, tables.wholes, part.leader)
        if whole >= 0 and facts[i].flow != 0:
            if part.side == 0:
                tables.lead_facts[whole] = facts[i]
            else:
                tables.other_facts[whole] = facts[i]


@kernel
def note_rows(tables, settings, rows, leaders):  # type: ignore[no-untyped-def]
    """Count off the parts whose rows these are, and the keys of flows that are over."""
    for i in range(len(rows)):
        row = rows[i]
        over = row.checkpoint == 0
        if leaders[i] == 0:
            if over:
                _drop_key(tables, _key_of(row, row.client_port, row.server_port, settings), row.flow)
            continue
        whole = find_state(tables.whole_index, tables.wholes, leaders[i])
        place = find_state(tables.part_index, tables.parts, row.flow)
        if whole < 0 or place < 0:
            continue
        if row.flow == leaders[i]:
            tables.lead_rows[whole] = rows[i]
        elif tables.other_rows[whole].flow == 0:
            tables.other_rows[whole] = rows[i]
        if tables.parts[place].held == 0:
            tables.parts[place].held = 1
            tables.wholes[whole].lacking -= 1
        if over:
            tables.wholes[whole].open -= 1
            drop_state(tables.part_index, tables.parts, tables.part_heads[0], place)


@kernel
def _drop_key(tables, hashed, leader):  # type: ignore[no-untyped-def]
    """Free a key, unless a later flow of the same key is open."""
    place = find_state(tables.key_index, tables.keys, hashed)
    if place >= 0 and tables.keys[place].leader == leader:
        drop_state(tables.key_index, tables.keys, tables.key_heads[0], place)


@kernel
def end_wholes(tables, leaders):  # type: ignore[no-untyped-def]
    """Forget flows and their keys."""
    for i in range(len(leaders)):
        whole = find_state(tables.whole_index, tables.wholes, leaders[i])
        if whole >= 0:
            _drop_key(tables, np.int64(tables.wholes[whole].key), leaders[i])
            drop_state(tables.whole_index, tables.wholes, tables.whole_heads[0], whole)


@kernel
def drop_keys(tables, hashes, leaders):  # type: ignore[no-untyped-def]
    """Free these keys, each of the flow that leads it."""
    for i in range(len(hashes)):
        _drop_key(tables, hashes[i], leaders[i])


@kernel
def drop_parts(tables, flows):  # type: ignore[no-untyped-def]
    """Parts that will say nothing more are over."""
    for i in range(len(flows)):
        place = find_state(tables.part_index, tables.parts, flows[i])
        if place < 0:
            continue
        whole = find_state(tables.whole_index, tables.wholes, tables.parts[place].leader)
        if whole >= 0:
            tables.wholes[whole].open -= 1
            tables.wholes[whole].lacking -= 1 if tables.parts[place].held == 0 else 0
        drop_state(tables.part_index, tables.parts, tables.part_heads[0], place)
