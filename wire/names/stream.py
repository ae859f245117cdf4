"""Reassembly of the early bytes of TCP streams in a bounded pool of slots.

Only a stream whose first message does not stand whole in one segment, or comes out of order,
takes a slot. Of bytes that come twice the first received wins, which is what a tap can defend:
later bytes may come from anybody. When all slots are taken they are evicted in turn, and counted.

A slot's bytes are room[slot * SLOT_BYTES : (slot + 1) * SLOT_BYTES] of one flat uint8 array.
"""

from __future__ import annotations

import numpy as np

from wire.kernel import kernel

#: A hello of 16 KiB with its record headers and a proxy's request before it.
SLOT_BYTES = 17 * 1024
#: Pieces that a stream may be in at one time; a segment that would make more is dropped.
SLOT_RANGES = 16

NO_SLOT = -1
#: Results of `insert_segment`.
INSERT_KEPT, INSERT_BEYOND, INSERT_TOO_MANY_PIECES = 0, 1, 2

#: `start`, `end`: the pieces at hand, as positions in the slot, sorted and apart.
SLOT = np.dtype(
    [
        ("owner", "i8"),  # twice the flow's state, plus the direction; -1 free
        ("base", "i8"),  # stream position of the slot's first byte
        ("need", "i8"),  # stream position up to which bytes must be there to go on
        ("pieces", "i8"),
        ("next_free", "i8"),  # of a free slot: the next one, -1 ends the list
        ("start", "i8", (SLOT_RANGES,)),
        ("end", "i8", (SLOT_RANGES,)),
    ]
)


def empty_slots(count: int) -> np.ndarray:
    """Free slots, SLOT[count]."""
    slots = np.zeros(count, SLOT)
    slots["owner"] = -1
    slots["next_free"] = np.arange(1, count + 1)
    slots["next_free"][-1:] = NO_SLOT
    return slots


@kernel
def take_slot(slots, work, owner, base):  # type: ignore[no-untyped-def]
    """Give a slot to `owner`: a free one, else one in turn; returns slot, and who lost it or -1."""
    at, loser = np.int64(work.free_slot), np.int64(-1)
    if at >= 0:
        work.free_slot = slots[at].next_free
        work.used_slots += 1
    else:
        at = np.int64(work.slot_hand)
        loser = slots[at].owner
        work.slot_hand = (at + 1) % len(slots)
    slot = slots[at]
    slot.owner = owner
    slot.base = base
    slot.need = base
    slot.pieces = 0
    return at, loser


@kernel
def release_slot(slots, work, at):  # type: ignore[no-untyped-def]
    """Free a slot. The next stream takes it, so that the pool touches what was used at one time at most."""
    if at >= 0 and slots[at].owner >= 0:
        slots[at].owner = -1
        slots[at].next_free = work.free_slot
        work.free_slot = at
        work.used_slots -= 1


@kernel
def copy_bytes(target, to, source, start, length):  # type: ignore[no-untyped-def]
    """target[to : to + length] = source[start : start + length]; nothing when either lies outside."""
    if to < 0 or start < 0 or to + length > len(target) or start + length > len(source):
        return
    for i in range(length):
        target[to + i] = source[start + i]


@kernel
def insert_segment(slots, room, at, buffer, start, position, length):  # type: ignore[no-untyped-def]
    """Keep buffer[start:start+length], which stands at stream position `position`, in slot `at`.

    Bytes before the slot's base are skipped, bytes beyond its room cut off, bytes that are there
    already kept as they are. Returns INSERT_KEPT, INSERT_BEYOND or INSERT_TOO_MANY_PIECES.
    """
    slot = slots[at]
    low = position - slot.base
    high = min(low + length, np.int64(SLOT_BYTES))
    source = start - low  # buffer index of the slot's first byte
    low = max(low, np.int64(0))
    if low >= high:
        return INSERT_BEYOND
    target = at * SLOT_BYTES
    count = slot.pieces
    before = np.int64(0)  # pieces that end before the segment begins
    while before < count and slot.end[before] < low:
        before += 1
    after = before  # the first piece that begins after the segment ends
    while after < count and slot.start[after] <= high:
        after += 1
    if before == after and count >= SLOT_RANGES:
        return INSERT_TOO_MANY_PIECES
    piece = before
    i = low
    while i < high:
        if piece < after and i >= slot.start[piece]:
            i = max(i, slot.end[piece])
            piece += 1
            continue
        stop = high
        if piece < after:
            stop = min(high, slot.start[piece])
        copy_bytes(room, target + i, buffer, source + i, stop - i)
        i = stop
    if after > before:
        low = min(low, slot.start[before])
        high = max(high, slot.end[after - 1])
    _replace_pieces(slot, before, after, low, high)
    return INSERT_KEPT


@kernel
def _replace_pieces(slot, before, after, low, high):  # type: ignore[no-untyped-def]
    """Put the one piece [low, high) in the place of pieces before..after-1."""
    moved = before + 1 - after
    if moved == 1:
        for i in range(slot.pieces - 1, before - 1, -1):
            slot.start[i + 1] = slot.start[i]
            slot.end[i + 1] = slot.end[i]
    elif moved < 0:
        for i in range(after, slot.pieces):
            slot.start[i + moved] = slot.start[i]
            slot.end[i + moved] = slot.end[i]
    slot.start[before] = low
    slot.end[before] = high
    slot.pieces += moved


@kernel
def contiguous_end(slot, position):  # type: ignore[no-untyped-def]
    """The stream position up to which bytes are there without a hole from `position` on."""
    at = position - slot.base
    for i in range(slot.pieces):
        if slot.start[i] <= at < slot.end[i]:
            return slot.base + slot.end[i]
    return np.int64(position)


@kernel
def last_end(slot):  # type: ignore[no-untyped-def]
    """The stream position after the last byte at hand."""
    return slot.base + slot.end[slot.pieces - 1] if slot.pieces > 0 else slot.base
