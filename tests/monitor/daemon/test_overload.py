"""Overload: the order in which work is given up, and that it is taken up again."""

from __future__ import annotations

import numpy as np

from monitor.daemon.overload import CALM_SECONDS, ENTER, LOW, NamesGivenUp, Overload
from sinks.metrics.overload_steps import OVERLOAD_STEPS
from wire.flows.records import PAYLOAD_REF, REF_OPEN, REF_PAYLOAD


def test_work_is_given_up_in_the_written_order_and_taken_up_again() -> None:
    overload = Overload()
    levels = [overload.look(filling, now=0.0) for filling in (0.0, *ENTER)]
    assert levels == [0, 1, 2, 3, 4]
    assert OVERLOAD_STEPS == ("evidence", "elephants", "names", "packets")
    assert overload.entered == dict.fromkeys(OVERLOAD_STEPS, 1)
    calm = [overload.look(0.0, now=1.0 + CALM_SECONDS * i) for i in range(6)]
    assert calm == [4, 3, 2, 1, 0, 0]


def test_a_sudden_flood_enters_every_level_at_once() -> None:
    overload = Overload()
    assert overload.look(1.0, 0.0) == 4
    assert overload.entered == dict.fromkeys(OVERLOAD_STEPS, 1)


def test_a_level_stays_while_the_ring_is_neither_full_nor_empty() -> None:
    overload = Overload()
    overload.look(ENTER[1], 0.0)
    for i in range(100):  # between the edges, and now and then low for a moment
        assert overload.look(LOW if i % 3 else (LOW + ENTER[0]) / 2, i * CALM_SECONDS / 2) == 2
    assert overload.entered["elephants"] == 1


def _block(*flows: tuple[int, int]) -> np.ndarray:
    refs = np.zeros(len(flows), PAYLOAD_REF)
    refs["flow"] = [flow for flow, _ in flows]
    refs["kind"] = [kind for _, kind in flows]
    return refs


def test_payload_of_flows_that_opened_in_overload_stays_hidden() -> None:
    names = NamesGivenUp()

    def seen(give_up: bool, *flows: tuple[int, int]) -> list[int]:
        kept = names.filter(_block(*flows), give_up)
        return kept["flow"][kept["kind"] == REF_PAYLOAD].tolist()  # type: ignore[no-any-return]

    assert seen(False, (1, REF_OPEN), (1, REF_PAYLOAD)) == [1]
    assert seen(True, (2, REF_OPEN), (1, REF_PAYLOAD), (2, REF_PAYLOAD)) == [1]
    assert seen(True, (3, REF_OPEN), (3, REF_PAYLOAD), (2, REF_PAYLOAD)) == []
    assert seen(False, (4, REF_OPEN), (2, REF_PAYLOAD), (3, REF_PAYLOAD), (4, REF_PAYLOAD)) == [4]
    assert seen(True, (5, REF_OPEN), (4, REF_PAYLOAD), (5, REF_PAYLOAD)) == [4]
    assert names.flows == 3


def test_an_overload_that_opens_no_flow_hides_nothing_of_the_calm_before_it() -> None:
    names = NamesGivenUp()
    names.filter(_block((1, REF_OPEN)), give_up=True)
    names.filter(_block((2, REF_OPEN)), give_up=False)
    names.filter(_block((2, REF_PAYLOAD)), give_up=True)
    names.filter(_block((3, REF_OPEN)), give_up=True)
    kept = names.filter(_block((1, REF_PAYLOAD), (2, REF_PAYLOAD), (3, REF_PAYLOAD)), give_up=False)
    assert kept["flow"].tolist() == [2]


def test_openings_are_never_hidden() -> None:
    kept = NamesGivenUp().filter(_block((1, REF_OPEN), (2, REF_OPEN)), give_up=True)
    assert kept["flow"].tolist() == [1, 2]


def test_what_is_remembered_is_bounded() -> None:
    names = NamesGivenUp()
    for i in range(1, 10_000):
        names.filter(_block((i, REF_OPEN)), give_up=bool(i % 2))
    assert len(names._stretches) <= 64
