"""Flows in order of their last packet: one doubly linked list per idle timeout.

The head of a list is its longest idle flow, so expiry and eviction look at heads only.
"""

from __future__ import annotations

from wire.flows.slots import LISTS, NO_SLOT
from wire.kernel import kernel


@kernel(inline=True)
def unlink(table, slot):  # type: ignore[no-untyped-def]
    """Take a flow out of its list."""
    kind = table.slots[slot].list
    before = table.previous[slot]
    after = table.following[slot]
    if before == NO_SLOT:
        table.heads[kind] = after
    else:
        table.following[before] = after
    if after == NO_SLOT:
        table.tails[kind] = before
    else:
        table.previous[after] = before


@kernel(inline=True)
def append(table, slot, kind):  # type: ignore[no-untyped-def]
    """Put a flow at the end of a list: it was heard last."""
    tail = table.tails[kind]
    table.slots[slot].list = kind
    table.previous[slot] = tail
    table.following[slot] = NO_SLOT
    if tail == NO_SLOT:
        table.heads[kind] = slot
    else:
        table.following[tail] = slot
    table.tails[kind] = slot


@kernel(inline=True)
def move_to_end(table, slot, kind):  # type: ignore[no-untyped-def]
    """Note that a flow was heard, in the list that its state asks for."""
    if table.tails[kind] == slot:
        return
    unlink(table, slot)
    append(table, slot, kind)


@kernel
def longest_idle(table):  # type: ignore[no-untyped-def]
    """The flow whose last packet is the oldest of all; NO_SLOT when there is none."""
    best = NO_SLOT
    for kind in range(LISTS):
        head = table.heads[kind]
        if head != NO_SLOT and (best == NO_SLOT or table.slots[head].last_ns < table.slots[best].last_ns):
            best = head
    return best


@kernel
def next_expired(table, clock_ns, idle_ns):  # type: ignore[no-untyped-def]
    """A flow that has been idle for its list's timeout at `clock_ns`; NO_SLOT when there is none."""
    for kind in range(LISTS):
        head = table.heads[kind]
        if head != NO_SLOT and table.slots[head].last_ns + idle_ns[kind] <= clock_ns:
            return head
    return NO_SLOT
