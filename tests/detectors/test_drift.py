"""Drift: what has changed shows, what has not does not, and the state survives a restart."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from detectors.findings import Origin
from detectors.forest.drift import LARGE, LEAST_WINDOWS, MODERATE, Drift
from detectors.forest.isolation import ForestSettings
from detectors.forest.learner import Learner, Schedule
from detectors.forest.steady import steady
from detectors.rules.model_drift import model_drift
from detectors.window_features import FEATURE_NAMES, MINUTE_FEATURES, MINUTE_NS, WINDOW

HOUR_NS = 60 * MINUTE_NS
DAY_NS = 24 * HOUR_NS
_DRIFTED = FEATURE_NAMES.index("bytes_out")


def day(number: int, hosts: int = 6, times: float = 1.0, drifting: int | None = None) -> NDArray[np.void]:
    """A day, one feature of all hosts (or of one) `times` as large, one mostly zero, one constant."""
    draw = np.random.default_rng([7, number])
    windows = np.zeros(1440 * hosts, WINDOW)
    windows["window_start_ns"] = number * DAY_NS + np.repeat(np.arange(1440), hosts) * MINUTE_NS
    windows["host_lo"] = 0xFFFF_0A00_0000 + np.tile(np.arange(hosts), 1440)
    windows["features"] = draw.lognormal(3.0, 0.5, windows["features"].shape)
    windows["features"][:, 0] = 0.0
    windows["features"][:, 1] = draw.random(len(windows)) < 0.05
    whose = slice(None) if drifting is None else windows["host_lo"] == 0xFFFF_0A00_0000 + drifting
    windows["features"][whose, _DRIFTED] *= times
    windows["score"] = windows["p_value"] = np.nan
    return windows


def drifted(times: float) -> Drift:
    drift = Drift()
    drift.learn(day(0))
    drift.take(day(1, times=times))
    return drift


def test_the_same_population_does_not_drift() -> None:
    index = drifted(1.0).index()
    assert set(index) == set(MINUTE_FEATURES)
    assert max(index.values()) < MODERATE / 2
    assert drifted(1.0).large(2 * DAY_NS) == {}


def test_what_changed_is_named_and_nothing_else() -> None:
    drift = drifted(2.0)
    assert set(drift.large(2 * DAY_NS)) == {"bytes_out"}
    assert drift.large(2 * DAY_NS + HOUR_NS) == {}  # once a day
    finding = model_drift({"bytes_out": 2 * LARGE}, 2 * DAY_NS, Origin("c", "s", b"k"))
    assert (finding.subject.kind, finding.article, finding.confidence) == ("sensor", ("15",), 0.75)


def test_too_little_says_nothing() -> None:
    drift = Drift()
    assert drift.index() == {}
    drift.learn(day(0))
    drift.take(day(1)[: LEAST_WINDOWS - 1])
    assert drift.index() == {}


def test_a_day_is_looked_at_and_no_more() -> None:
    drift = drifted(3.0)
    drift.take(day(2))
    assert drift.index()["bytes_out"] < MODERATE
    drift.take(day(1))  # late by a day
    assert drift.index()["bytes_out"] < MODERATE


def test_not_a_number_counts_as_nothing() -> None:
    windows = day(1)
    windows["features"][::7] = np.nan
    drift = Drift()
    drift.learn(windows)
    drift.take(windows)
    assert np.isfinite(list(drift.index().values())).all()


def test_over_a_restart() -> None:
    before, after = drifted(2.0), Drift()
    after.restore({name: value.copy() for name, value in before.state().items()})
    assert after.index() == before.index()
    after.restore({"edges": np.zeros((3, 9))})  # of other features
    assert after.index() == before.index()


def habit(number: int, factor: float = 1.0) -> NDArray[np.void]:
    """A day of twenty hosts, a window in ten minutes; the one at place 3 sends `factor` times as much."""
    windows = day(number, hosts=20, times=factor, drifting=3)
    return windows[windows["window_start_ns"] % (10 * MINUTE_NS) == 0]


def test_one_host_that_drifts_slowly_moves_nobody_s_threshold() -> None:
    """For eight days one of twenty hosts sends two thirds more each day. What is strange of the others
    keeps its p-value within a third, as if that host had kept its habit."""
    probe = habit(99)[:400]
    probe["features"][:, _DRIFTED] *= 30
    p_values = []
    for growth in (1.0, 1.65):
        learner = Learner(ForestSettings(trees=40), Schedule(collect_seconds=7 * 86_400, least_windows=2_000))
        for number in range(8):
            learner.take(habit(number, growth**number))
        assert learner.model is not None
        learner.model.score(probe)
        p_values.append(float(np.median(probe["p_value"])))
    assert 0.67 < p_values[1] / p_values[0] < 1.5


def test_who_only_follows_the_campus_is_learned_from() -> None:
    """All hosts double on the last days: nobody has drifted; and of one day nothing is said."""
    week = np.concatenate([day(number, times=1.0 + (number > 4)) for number in range(8)])
    more = week.copy()
    more["host_lo"] += 100
    both = np.concatenate([week, more])
    assert steady(both).all()
    assert steady(day(0, hosts=10, times=9.0, drifting=3)).all()
    one = both["host_lo"] == 0xFFFF_0A00_0003
    both["features"][one & (both["window_start_ns"] > 5 * DAY_NS), _DRIFTED] *= 9.0
    assert (steady(both) == ~one).all()
