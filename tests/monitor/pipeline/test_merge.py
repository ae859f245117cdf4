"""Steps of several workers in one order: nothing is named before what may name it is known."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from monitor.pipeline.handover import MAX_WORKERS, Step
from monitor.pipeline.merge import Merge
from wire.names.events import EVENT


def step(worker: int, reached: int, *orders: int, last: bool = False) -> Step:
    events = np.zeros(len(orders), EVENT)
    events["order"], events["flow"] = orders, MAX_WORKERS + worker
    return Step(worker=worker, reached=reached, clock_ns=reached, last=last, events=events)


def told(merge: Merge, given_step: Step) -> tuple[list[int], list[tuple[int, int]], int] | None:
    """What is due after a step: orders of events, (worker, reached) of steps, the clock."""
    merge.add(given_step)
    due = merge.due()
    if due is None:
        return None
    return due.events["order"].tolist(), [(each.worker, each.reached) for each in due.steps], due.clock_ns


def test_events_wait_until_every_worker_has_passed_them() -> None:
    merge = Merge(2)
    assert told(merge, step(0, 10, 3, 7)) is None
    assert told(merge, step(1, 8, 5)) == ([3, 5, 7], [(1, 8)], 0)
    assert told(merge, step(1, 20, 9, 15)) == ([9], [(0, 10)], 8)
    assert told(merge, step(0, 20, 12)) == ([12, 15], [(0, 20), (1, 20)], 20)
    assert merge.late_events == 0


def test_who_is_gone_is_not_waited_for() -> None:
    merge = Merge(2)
    told(merge, step(0, 10))
    assert told(merge, step(1, 5, 2, last=True)) == ([2], [(1, 5), (0, 10)], 10)
    assert told(merge, step(0, 30, 20)) == ([20], [(0, 30)], 30)
    assert told(merge, step(0, 30, last=True)) is not None


def test_merging_goes_on_after_all_were_gone_at_once() -> None:
    merge = Merge(2)
    told(merge, step(0, 10, 3))
    told(merge, step(1, 20, 5, 15))
    for worker in range(2):
        merge.leave(worker)
    due = merge.due()
    assert due is not None
    assert (due.events["order"].tolist(), len(due.steps)) == ([15], 1), "nothing waits for who is gone"
    told(merge, step(0, 30, 25))  # the next lives
    told(merge, step(1, 30, 22))
    assert told(merge, step(0, 50, 45)) is None
    assert told(merge, step(1, 40, 35)) == ([35], [(1, 40)], 30)


def test_who_stalls_is_left_behind_and_what_it_says_later_is_taken_at_once() -> None:
    merge = Merge(2, patience=100)
    told(merge, step(0, 50))
    told(merge, step(1, 50))
    assert told(merge, step(0, 400, 60, 350)) == ([60], [], 50)
    assert told(merge, step(0, 600, 590)) == ([350], [(0, 400)], 300)
    late = told(merge, step(1, 70, 55))
    assert late is not None
    assert late[:2] == ([55], [(1, 70)])
    assert merge.late_events == 1


@given(
    st.lists(st.lists(st.integers(0, 40), max_size=6), min_size=4, max_size=4),
    st.permutations([0, 0, 1, 1, 2, 2, 3, 3]),
)
def test_the_order_does_not_depend_on_who_is_faster(orders: list[list[int]], turns: list[int]) -> None:
    """Each worker passes the same 50 places in two steps; an order belongs to one worker."""
    merge = Merge(4)
    mine = [sorted({4 * order + worker for order in orders[worker]}) for worker in range(4)]
    sent = [0] * 4
    came: list[int] = []
    steps = 0
    for worker in turns:
        sent[worker] += 1
        edge, first = (80, 0) if sent[worker] == 1 else (200, 80)
        events = [order for order in mine[worker] if first <= order < edge]
        due = told(merge, step(worker, edge, *events))
        if due is not None:
            came += due[0]
            steps += len(due[1])
    assert came == sorted(order for each in mine for order in each)
    assert steps == 8
