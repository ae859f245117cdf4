"""A TCP segment's way to the reader of its stream.

A segment that continues its stream is read where it lies in the block's buffer. Only what is left
over, or comes before its turn, is copied to a reassembly slot (stream.py). So each segment takes
three turns: `place_segment` says which bytes can be read now, the caller reads them (walk.py or
DNS), `keep_rest` keeps what must wait.
"""

from __future__ import annotations

import numpy as np

from wire.kernel import kernel
from wire.names.flow_states import (
    PHASE_BODY,
    PHASE_DNS,
    PHASE_REQUEST_LINE,
    PHASE_SERVER_TLS,
    PHASE_TLS,
    PHASE_UNKNOWN,
)
from wire.names.http import looks_like_request, phase_after_body
from wire.names.stream import (
    INSERT_BEYOND,
    INSERT_KEPT,
    NO_SLOT,
    SLOT_BYTES,
    contiguous_end,
    insert_segment,
    last_end,
    release_slot,
    take_slot,
)
from wire.names.tls import looks_like_handshake
from wire.names.walk import CLIENT_HELLO, SERVER_HELLO, wants_more
from wire.names.work import COUNT_BEYOND, COUNT_EVICTED, COUNT_PIECES, CURSOR_AT, CURSOR_NEED

#: Results of `place_segment`: nothing to read; read in the buffer; read in the slots' room.
READ_NOTHING, READ_BUFFER, READ_SLOT = 0, 1, 2
#: Places in `bounds`: what to read.
BOUND_START, BOUND_END = 0, 1


@kernel
def drop_slot(flow, side, slots, work):  # type: ignore[no-untyped-def]
    """Release the slot of a stream, if it has one."""
    if flow.slot[side] >= 0:
        release_slot(slots, work, np.int64(flow.slot[side]))
        flow.slot[side] = NO_SLOT


@kernel
def _new_slot(states, state, side, slots, work):  # type: ignore[no-untyped-def]
    flow = states[state]
    slot, loser = take_slot(slots, work, 2 * state + side, flow.position[side])
    if loser >= 0:
        states[loser >> 1].slot[loser & 1] = NO_SLOT
        states[loser >> 1].phase[loser & 1] = PHASE_UNKNOWN
        work.counters[COUNT_EVICTED] += 1
    flow.slot[side] = slot
    return np.int64(slot)


@kernel
def _keep(slots, room, work, slot, buffer, start, position, length):  # type: ignore[no-untyped-def]
    result = insert_segment(slots, room, slot, buffer, start, position, length)
    if result == INSERT_BEYOND:
        work.counters[COUNT_BEYOND] += 1
    elif result != INSERT_KEPT:
        work.counters[COUNT_PIECES] += 1


@kernel
def _opens_here(side, data, start, end):  # type: ignore[no-untyped-def]
    """Whether a hello stands at the start of this segment, whatever came before it."""
    message = SERVER_HELLO if side else CLIENT_HELLO
    return end - start >= 16 and looks_like_handshake(data, start, end, message) == 1


@kernel
def _pass_body(flow, slots, work, first, end):  # type: ignore[no-untyped-def]
    """A segment [first, end) came, not the first byte of the body that is awaited; whether to let it go.

    Nothing but its first piece is looked at, so nothing of a body is kept, and when what comes after
    it is here, that piece will not come: reading goes on behind the body.
    """
    after = flow.position[0] + np.int64(flow.body)
    slot = np.int64(flow.slot[0])
    if first <= flow.position[0]:
        return False
    if end <= after and (slot < 0 or last_end(slots[slot]) <= after):
        return True
    flow.position[0] = after
    flow.phase[0] = phase_after_body(flow)
    if slot >= 0:
        slots[slot].need = after + 1
        if last_end(slots[slot]) <= after:
            drop_slot(flow, 0, slots, work)
    return False


@kernel
def place_segment(states, state, slots, room, work, ref, buffer):  # type: ignore[no-untyped-def]
    """Take the TCP segment of `ref`; READ_*, with the bytes to read in work.bounds[0:2]."""
    flow = states[state]
    side = np.int64(ref.direction) & 1
    first, length = np.int64(ref.stream_offset), np.int64(ref.length)
    start = np.int64(ref.offset)
    position = flow.position[side]
    slot = np.int64(flow.slot[side])
    phase = flow.phase[side]
    if phase == PHASE_UNKNOWN or (slot < 0 and first > position and phase != PHASE_DNS):
        # After a protocol we don't read, or a hole: a hello at a segment's start is still a hello.
        if _opens_here(side, buffer, start, start + length):
            drop_slot(flow, side, slots, work)
            slot = np.int64(NO_SLOT)
            position = first
            flow.position[side] = first
            flow.phase[side] = PHASE_SERVER_TLS if side else PHASE_TLS
        elif phase == PHASE_UNKNOWN:
            return READ_NOTHING
    if side == 0 and flow.phase[side] == PHASE_BODY:
        if _pass_body(flow, slots, work, first, first + length):
            return READ_NOTHING
        position = flow.position[side]
        slot = np.int64(flow.slot[side])
    if first + length <= position:
        return READ_NOTHING
    if slot < 0 and first <= position:
        work.bounds[BOUND_START] = start + position - first
        work.bounds[BOUND_END] = start + length
        return READ_BUFFER
    if slot < 0:
        slot = _new_slot(states, state, side, slots, work)
    _keep(slots, room, work, slot, buffer, start, first, length)
    reached = contiguous_end(slots[slot], position)
    if reached <= position or reached < slots[slot].need:
        return READ_NOTHING
    shift = slot * SLOT_BYTES - slots[slot].base
    work.bounds[BOUND_START] = position + shift
    work.bounds[BOUND_END] = reached + shift
    return READ_SLOT


@kernel
def keep_rest(states, state, slots, room, work, ref, buffer, at, end):  # type: ignore[no-untyped-def]
    """After reading buffer[at:end]: note how far it went, keep what is left over in a slot."""
    flow = states[state]
    side = np.int64(ref.direction) & 1
    reached = work.cursor[CURSOR_AT]
    position = flow.position[side] + reached - at
    flow.position[side] = position
    if wants_more(flow.phase[side]) and reached < end:
        slot = _new_slot(states, state, side, slots, work)
        slots[slot].need = position + work.cursor[CURSOR_NEED] - reached
        _keep(slots, room, work, slot, buffer, reached, position, end - reached)


@kernel
def keep_slot(flow, side, slots, work):  # type: ignore[no-untyped-def]
    """After reading in the slot: note how far it went; the slot goes when nothing is left in it."""
    at = np.int64(flow.slot[side])
    slot = slots[at]
    shift = at * SLOT_BYTES - slot.base
    flow.position[side] = work.cursor[CURSOR_AT] - shift
    slot.need = work.cursor[CURSOR_NEED] - shift
    if not wants_more(flow.phase[side]) or last_end(slot) <= flow.position[side]:
        drop_slot(flow, side, slots, work)


@kernel
def place_piece(flow, side, piece, slots, room, work):  # type: ignore[no-untyped-def]
    """A hole that was not filled by now will not be: whether to read piece `piece` behind it.

    The piece must begin with a hello or a request. Its bytes in work.bounds[0:2].
    """
    at = np.int64(flow.slot[side])
    if at < 0 or flow.phase[side] == PHASE_DNS or piece >= slots[at].pieces:
        return False
    slot = slots[at]
    if slot.start[piece] + slot.base <= flow.position[side]:
        return False
    start, end = at * SLOT_BYTES + slot.start[piece], at * SLOT_BYTES + slot.end[piece]
    if _opens_here(side, room, start, end):
        flow.phase[side] = PHASE_SERVER_TLS if side else PHASE_TLS
    elif side == 0 and looks_like_request(room, start, end) == 1:
        flow.phase[side] = PHASE_REQUEST_LINE
    else:
        return False
    work.bounds[BOUND_START] = start
    work.bounds[BOUND_END] = end
    return True
