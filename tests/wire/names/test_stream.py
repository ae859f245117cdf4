"""Reassembly slots come and go: no owner loses one while another is free, and few are ever touched."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from wire.names.stream import empty_slots, release_slot, take_slot
from wire.names.work import work_space

_SLOTS = 6


@given(st.lists(st.integers(0, 11), max_size=60))
def test_slots_as_a_plain_pool_gives_them(wanted: list[int]) -> None:
    """Each number is a stream that takes a slot, and gives it back when its number comes again."""
    slots, work = empty_slots(_SLOTS), work_space()
    held: dict[int, int] = {}
    most = 0
    for owner in wanted:
        if owner in held:
            release_slot(slots, work[0], held.pop(owner))
            continue
        full = len(held) == _SLOTS
        at, loser = take_slot(slots, work[0], owner, 100)
        if full:
            assert held.pop(int(loser)) == at
        else:
            assert loser == -1
            assert at not in held.values()
        held[owner] = int(at)
        most = max(most, len(held))
        assert max(held.values()) < most  # so much room, and no more, was ever written to
        assert slots["owner"][at] == owner
    assert work["used_slots"][0] == len(held)
    assert {int(at) for at in held.values()} == {
        at for at, owner in enumerate(slots["owner"].tolist()) if owner >= 0
    }


def test_who_waits_longest_in_a_full_pool_loses_in_turn() -> None:
    slots, work = empty_slots(3), work_space()
    for owner in range(3):
        take_slot(slots, work[0], owner, 0)
    assert [take_slot(slots, work[0], owner, 0) for owner in range(3, 7)] == [(0, 0), (1, 1), (2, 2), (0, 3)]
