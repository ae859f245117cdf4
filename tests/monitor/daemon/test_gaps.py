"""Gaps in what the sensor saw, counted and told once; counters that outlive their processes."""

from __future__ import annotations

import numpy as np
import pytest

from detectors.findings import Origin
from monitor.daemon.gaps import Gaps
from monitor.daemon.totals import Totals

SECOND_NS = 1_000_000_000
T = 1_700_000_000 * SECOND_NS
ORIGIN = Origin("campus", "sensor", b"key")


def test_a_gap_ends_with_the_first_packet_after_it() -> None:
    gaps = Gaps(ORIGIN, workers=2)
    gaps.lost("worker_lost", T, worker=1)
    assert gaps.seeing(T + SECOND_NS, worker=0) == [], "the other one saw all the while"
    assert gaps.seeing(0, worker=1) == [], "no packet yet"
    (finding,) = gaps.seeing(T + 3 * SECOND_NS, worker=1)
    assert (finding.start_ns, finding.end_ns) == (T, T + 3 * SECOND_NS)
    assert finding.rule == "sensor-degraded"
    assert finding.article == ("15",)
    assert finding.subject.kind == "sensor"
    assert finding.evidence["share_of_packets"] == 0.5
    assert gaps.seeing(T + 4 * SECOND_NS, worker=1) == []
    assert gaps.counts["worker_lost"] == 1
    assert gaps.seconds["worker_lost"] == 3.0


def test_nothing_is_a_gap_before_the_first_packet() -> None:
    gaps = Gaps(ORIGIN, workers=1)
    gaps.lost("worker_lost", 0, worker=0)
    assert gaps.seeing(T, worker=0) == []


def test_losses_close_to_each_other_are_one_gap() -> None:
    gaps = Gaps(ORIGIN, workers=1)
    told = []
    for second, dropped in ((0, 0), (1, 10), (30, 20), (80, 21), (120, 21), (150, 21), (300, 22), (400, 22)):
        told += gaps.losses({"kernel_drops": dropped}, T + second * SECOND_NS)
    starts = [((each.start_ns - T) // SECOND_NS, (each.end_ns - T) // SECOND_NS) for each in told]
    # The first lasts for a minute: told while it does, and again when it is over.
    assert starts == [(1, 80), (1, 80), (300, 300)]
    assert told[0].id == told[1].id != told[2].id
    assert gaps.counts["kernel_drops"] == 2


def test_a_loss_without_end_is_told_while_it_lasts() -> None:
    gaps = Gaps(ORIGIN, workers=1)
    told = [gaps.losses({"one_way": second}, T + second * SECOND_NS) for second in range(1, 600)]
    (finding,) = [finding for findings in told for finding in findings]
    assert finding.evidence["reason"] == "one_way"
    assert finding.end_ns - finding.start_ns == 60 * SECOND_NS
    (closed,) = gaps.so_far(T + 600 * SECOND_NS)
    assert closed.id == finding.id
    assert closed.end_ns > finding.end_ns


def test_what_was_lost_before_a_restart_is_not_lost_again() -> None:
    gaps = Gaps(ORIGIN, workers=1)
    gaps.losses({"kernel_drops": 10}, T)
    again = Gaps(ORIGIN, workers=1)
    again.restore(gaps.state())
    assert again.losses({"kernel_drops": 10}, T + SECOND_NS) == []
    (finding,) = again.so_far(T + SECOND_NS)
    assert (finding.start_ns, finding.end_ns) == (T, T), "told once, with the end that it had"
    assert again.so_far(T + SECOND_NS) == []


def test_a_loss_shortly_before_a_crash_is_told_by_the_next_life() -> None:
    gaps = Gaps(ORIGIN, workers=2)
    told = [gaps.losses({"one_way": second}, T + second * SECOND_NS) for second in range(1, 100)]
    gaps.lost("worker_lost", T, worker=1)
    again = Gaps(ORIGIN, workers=2)
    again.restore(gaps.state())
    assert again.losses({"one_way": 100}, T + 100 * SECOND_NS) == [], "told before, and it goes on"
    (over,) = again.losses({"one_way": 100}, T + 200 * SECOND_NS)
    assert [finding.id for findings in told for finding in findings] == [over.id]
    assert (over.start_ns, over.end_ns) == (T + SECOND_NS, T + 100 * SECOND_NS)
    (unseen,) = again.seeing(T + 300 * SECOND_NS, worker=1)
    assert unseen.start_ns == T


@pytest.mark.parametrize("deaths", [("analysis_lost", "daemon_lost"), ("daemon_lost", "analysis_lost")])
def test_a_gap_of_several_deaths_bears_the_gravest(deaths: tuple[str, str]) -> None:
    gaps = Gaps(ORIGIN, workers=1)
    gaps.lost(deaths[0], T)
    again = Gaps(ORIGIN, workers=1)
    again.restore(gaps.state())
    again.lost(deaths[1], T + SECOND_NS)
    (finding,) = again.seeing(T + 2 * SECOND_NS, worker=0)
    assert (finding.evidence["reason"], finding.start_ns) == ("daemon_lost", T)
    assert again.counts["daemon_lost"] == 1
    assert again.counts["analysis_lost"] == 0


def test_counts_outlive_a_restart() -> None:
    gaps = Gaps(ORIGIN, workers=1)
    gaps.lost("daemon_lost", T)
    gaps.seeing(T + SECOND_NS, worker=0)
    again = Gaps(ORIGIN, workers=1)
    again.restore(gaps.state())
    assert again.counts == gaps.counts
    assert again.seconds == gaps.seconds


def _count(*values: int) -> np.ndarray:
    return np.array(values, np.int64)


def test_counters_add_up_over_lives() -> None:
    totals = Totals(("packets", "bytes"))
    totals.set("a 0 1", _count(10, 100))
    totals.set("a 1 1", _count(1, 1))
    totals.set("a 0 1", _count(20, 200))
    totals.end(lambda source: source == "a 0 1")
    totals.set("a 0 2", _count(5, 50))
    assert totals.sums() == {"packets": 26, "bytes": 251}


def test_a_source_that_lives_on_is_not_counted_twice_after_a_restart() -> None:
    totals = Totals(("packets", "bytes"))
    totals.set("a 0 1", _count(10, 100))
    again = Totals(("bytes", "packets", "new"))
    again.restore(totals.state())
    assert again.sums() == {"bytes": 100, "packets": 10, "new": 0}
    again.set("a 0 1", _count(120, 12, 1))
    assert again.sums() == {"bytes": 120, "packets": 12, "new": 1}


def test_a_stop_ends_the_gap_of_a_lost_worker() -> None:
    gaps = Gaps(ORIGIN, workers=2)
    gaps.lost("worker_lost", T, worker=1)
    (finding,) = gaps.so_far(T + SECOND_NS)
    assert (finding.start_ns, finding.end_ns) == (T, T + SECOND_NS)
    again = Gaps(ORIGIN, workers=2)
    again.restore(gaps.state())
    assert again.seeing(T + 9 * SECOND_NS, worker=1) == [], "while it was stopped nobody was to see"
