"""Hours rolled up from minutes, what is usual for a host, and the tests that host-hours calibrate."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from detectors.distinct_counts import EXACT_MOST, DistinctCounts
from detectors.forest.episode_test import pairs
from detectors.forest.isolation import ForestSettings
from detectors.forest.model import Model
from detectors.forest.tail import Tail
from detectors.host_context import ContextSettings, HostContext
from detectors.host_memory import HostMemory
from detectors.seen_before import SeenBefore, mixed
from detectors.window_features import FEATURE_AT, FEATURES, HOUR_SECONDS, MINUTE_NS, SCORE, WINDOW
from tests.detectors.test_forest import usual_windows, with_feature

QUICK = ForestSettings(trees=60)
HOUR_NS = 60 * MINUTE_NS


@pytest.mark.parametrize("items", [1, EXACT_MOST, 5_000])
def test_distinct_items_are_counted_exactly_when_few_and_within_a_sixth_when_many(items: int) -> None:
    counts = DistinctCounts()
    values = mixed(np.arange(items, dtype=np.uint64) + np.uint64(7))
    for part in (values, values[::2], values):  # what is known is nothing new
        counts.add(np.full(len(part), 3), part)
    assert counts.counts(5)[3] == pytest.approx(items, rel=0 if items <= EXACT_MOST else 1 / 6)
    assert counts.counts(5)[[0, 1, 2, 4]].sum() == 0
    again = DistinctCounts()
    again.restore(counts.state())
    assert np.array_equal(again.counts(5), counts.counts(5))


def test_what_was_seen_is_forgotten_after_two_generations() -> None:
    seen = SeenBefore(bits=14, generation_ns=HOUR_NS)
    values = np.arange(50, dtype=np.uint64)
    assert seen.take(values, 0).all()
    assert not seen.take(values, HOUR_NS - 1).any()
    assert not seen.take(values[:10], HOUR_NS).any()
    assert not seen.take(values[:10], 2 * HOUR_NS).any()  # in use, and kept
    assert seen.take(values[10:], 2 * HOUR_NS).mean() > 0.9


def test_two_of_three_minutes_make_a_pair_and_a_single_one_does_not() -> None:
    minute = np.array([0, 1, 5, 7, 20]) * MINUTE_NS
    strange = np.array([3.0, 2.0, 4.0, 5.0, 9.0])
    assert pairs(np.zeros(5, np.uint64), minute, strange).tolist() == [0, 2, 0, 4, 0]


def test_a_fitted_tail_keeps_its_promise_beyond_the_calibration() -> None:
    random = np.random.default_rng(700)
    tail = Tail(random.exponential(size=2_000))
    assert tail.fitted
    true = np.exp(-tail.threshold(1e-4))
    assert 1e-5 < true < 1e-3
    assert tail.p_values(np.array([tail.threshold(1e-4)]))[0] == pytest.approx(1e-4, rel=1e-6)


def test_a_tail_that_is_no_tail_is_refused_and_the_floor_stays() -> None:
    tail = Tail(np.repeat([0.1, 0.2, 0.5, 0.6], 200))
    assert not tail.fitted
    assert tail.p_values(np.array([9.0]))[0] == 1 / 801
    assert tail.threshold(1e-4) == np.inf


def hour(context: HostContext, at: int, hosts: int, seed: int = 0) -> NDArray[np.void]:
    """An hour of hosts, each with a volume of its own, through the context."""
    random = np.random.default_rng([seed, at])
    windows = np.zeros(hosts, WINDOW)
    windows["window_start_ns"], windows["seconds"] = at * HOUR_NS, HOUR_SECONDS
    windows["host_lo"] = np.arange(hosts)
    windows["features"][:, 0] = 10.0 ** (np.arange(hosts) % 5) * random.lognormal(0, 0.1, hosts)
    context.fill_hour(windows, np.zeros(hosts))
    return windows


def test_a_host_is_compared_with_itself() -> None:
    context = HostContext(ContextSettings())
    assert not hour(context, 0, 40)["deviation"].any()  # nothing is known
    for at in range(1, 60):
        last = hour(context, at, 40)
    assert np.abs(last["deviation"][:, 0]).max() < 5
    centre = np.expm1(last["usual"][:, 0].astype(float))
    assert np.allclose(np.log10(centre), np.arange(40) % 5, atol=0.5)


def test_the_memory_of_hosts_survives_a_restart_and_is_bounded() -> None:
    context, again = HostContext(ContextSettings(max_hosts=30)), HostContext(ContextSettings(max_hosts=30))
    for at in range(10):
        hour(context, at, 30)
    again.restore({name: part.copy() for name, part in context.state().items()})
    assert hour(again, 10, 30).tobytes() == hour(context, 10, 30).tobytes()
    hour(context, 11, 30, seed=1)
    later = np.zeros(20, WINDOW)
    later["window_start_ns"], later["seconds"] = 12 * HOUR_NS, HOUR_SECONDS
    later["host_lo"] = 1000 + np.arange(20)
    context.fill_hour(later, np.zeros(20))
    assert len(context.memory) <= 30
    assert context.memory.evicted == 20


def swept(at: int, hosts: int) -> NDArray[np.void]:
    """An hour of hosts that did nothing but refuse one try each."""
    windows = np.zeros(hosts, WINDOW)
    windows["window_start_ns"], windows["seconds"] = at * HOUR_NS, HOUR_SECONDS
    windows["host_lo"] = 5_000 + np.arange(hosts)
    for name, value in (("packets", 2), ("inbound_flows", 1), ("inbound_failed", 1), ("frame_bytes_out", 60)):
        windows["features"][:, FEATURE_AT[name]] = value
    return windows


def test_a_sweep_is_no_habit_of_the_group() -> None:
    """Hosts that have only refused are known to be there, and stand for nothing that is usual."""
    context, undisturbed = HostContext(ContextSettings()), HostContext(ContextSettings())
    for at in range(30):
        hour(context, at, 20)
        hour(undisturbed, at, 20)
    windows = swept(30, 900)
    context.fill_hour(windows, np.zeros(900))
    assert not windows["deviation"].any()
    assert context.knows(windows["host_hi"], windows["host_lo"]).all()
    assert len(context.memory) == 20
    assert hour(context, 31, 20).tobytes() == hour(undisturbed, 31, 20).tobytes()
    windows = windows[:1].copy()
    windows["window_start_ns"] = 32 * HOUR_NS
    windows["features"][:, FEATURE_AT["flows_opened"]] = 1
    context.fill_hour(windows, np.zeros(1))
    assert len(context.memory) == 21


@pytest.mark.parametrize(
    ("name", "value"),
    [("flows_opened", 1), ("unreachables", 1), ("inbound_flows", 2), ("frame_bytes_out", 400)],
)
def test_who_does_anything_else_is_remembered(name: str, value: float) -> None:
    context = HostContext(ContextSettings())
    windows = swept(0, 3)
    windows["features"][:, FEATURE_AT[name]] = value
    context.fill_hour(windows, np.zeros(3))
    assert len(context.memory) == 3


def test_a_state_from_before_hosts_were_counted_apart_knows_those_it_remembers() -> None:
    context, again = HostContext(ContextSettings()), HostContext(ContextSettings())
    hour(context, 0, 12)
    again.restore({name: part for name, part in context.state().items() if not name.startswith("refusing")})
    lo = np.arange(14, dtype=np.uint64)
    assert again.knows(np.zeros(14, np.uint64), lo).tolist() == [True] * 12 + [False] * 2


@pytest.fixture(scope="module")
def model() -> Model:
    return Model.learn(usual_windows(1500, 1), usual_windows(2400, 2), QUICK)


def test_the_named_features_back_to_usual_take_the_alarm_away(model: Model) -> None:
    """At least nine in ten simulated anomalies: what is said to be the reason is it."""
    random = np.random.default_rng(701)
    counted = [name for name, unit, _ in FEATURES if unit not in ("ratio", "bits")]
    usual = model.forest.usual[: len(FEATURES)]
    windows = usual_windows(60, 9)
    for at in range(len(windows)):
        for name in random.choice(counted, 1 + at % 4, replace=False):
            windows["features"][at, FEATURE_AT[name]] *= 10.0 ** random.uniform(2, 5)
    level = 0.05
    found = np.flatnonzero(model.alarms(windows, level))
    assert len(found) > 30
    model.score(windows)
    windows = windows[found]
    mended = windows.copy()
    for at, reasons in enumerate(model.explain(windows, level=level)):
        for reason in reasons:
            place = FEATURE_AT[reason.feature]
            value = usual[place]
            mended["features"][at, place] = np.expm1(value) if FEATURES[place][2] else value
    assert np.mean(~model.alarms(mended, level)) >= 0.9


def test_what_lies_so_far_outside_that_it_scores_1_is_explained_too(model: Model) -> None:
    loud = with_feature(usual_windows(3, 8), failed_flows=1e9)
    loud = with_feature(with_feature(loud, servers=1e9), login_flows=1e9)
    loud["deviation"][:] = np.where(loud["features"] == 1e9, 100.0, 0.0)
    model.score(loud)
    assert (loud["score"] == 1.0).all()
    for reasons in model.explain(loud):
        assert {reason.feature for reason in reasons} == {"failed_flows", "servers", "login_flows"}
        assert all(reason.part > 1 for reason in reasons)


def test_bad_values_and_constant_columns_are_scored(model: Model) -> None:
    odd = usual_windows(5, 4)
    odd["features"][0], odd["deviation"][1], odd["usual"][2] = np.nan, np.inf, np.nan
    odd["seconds"][3] = HOUR_SECONDS  # there is no model of hours here
    model.score(odd)
    assert np.isfinite(odd["score"][[0, 1, 2, 4]]).all()
    assert odd["phase"][3] != SCORE
    constant = np.zeros(600, WINDOW)
    flat = Model.learn(constant[:300], constant[300:], QUICK)
    same = constant[:5].copy()
    flat.score(same)
    assert (same["p_value"] == 1.0).all()
    strange = with_feature(same, failed_flows=500.0)
    flat.score(strange)
    assert (strange["p_value"] < 0.01).all()


def test_a_table_a_host_takes_memory_hour_by_hour_and_keeps_what_it_holds() -> None:
    memory = HostMemory({"slots": ("f2", (168, 12)), "count": ("f4", ())}, 20_000)
    zero = np.zeros(5_000, np.uint64)
    for first in range(0, 20_000, 5_000):
        rows = memory.rows_of(zero, np.arange(first, first + 5_000, dtype=np.uint64), first)
        memory["slots"][rows, 7] = np.arange(first, first + 5_000)[:, None] % 1_000
        memory["slots"][rows, 100] = 3
        memory["count"][rows] = first
    of_an_hour = memory["slots"][:, 7]
    assert of_an_hour.base is not None
    assert of_an_hour.flags.c_contiguous
    again = HostMemory({"slots": ("f2", (168, 12)), "count": ("f4", ())}, 20_000)
    again.restore(memory.state())
    for each in (memory, again):
        rows = each.rows_of(zero, np.arange(5_000, dtype=np.uint64) * 4, 1)
        assert each["slots"][rows, 7, 11].tolist() == [n * 4 % 1_000 for n in range(5_000)]
        assert each["slots"][rows].sum(dtype=np.float64) == 12 * sum(n * 4 % 1_000 + 3 for n in range(5_000))
        assert each["count"][rows].tolist() == [n * 4 // 5_000 * 5_000 for n in range(5_000)]
