"""Drift: what has changed shows, what has not does not, and the state survives a restart."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from detectors.findings import Origin
from detectors.forest import array_file
from detectors.forest.array_file import ModelFileError
from detectors.forest.drift import LARGE, LEAST_WINDOWS, MODERATE, Drift, Population
from detectors.forest.isolation import ForestSettings
from detectors.forest.learner import Learner, Schedule
from detectors.forest.model import Model
from detectors.forest.model_file import describe, load, save
from detectors.forest.scorers import ModelScorer
from detectors.forest.steady import steady
from detectors.parts import within
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


def all_of(windows: NDArray[np.void]) -> NDArray[np.bool_]:
    return np.ones(len(windows), np.bool_)


def drifted(times: float) -> Drift:
    drift = Drift()
    drift.learn(Population.of(day(0)["features"]), DAY_NS)
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
    drift.learn(Population.of(day(0)["features"]), DAY_NS)
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
    drift.learn(Population.of(windows["features"]), DAY_NS)
    drift.take(windows)
    assert np.isfinite(list(drift.index().values())).all()


def test_over_a_restart() -> None:
    before, after = drifted(2.0), Drift()
    after.restore({name: value.copy() for name, value in before.state().items()})
    assert after.index() == before.index()
    after.restore({"edges": np.zeros((3, 9))})  # of other features
    assert after.index() == before.index()


def small(times: float = 1.0) -> Model:
    return Model.learn(day(0, times=times)[::3], day(3, times=times)[::5], ForestSettings(trees=5))


def test_against_a_model_of_a_file(tmp_path: Path) -> None:
    """As for a sensor's own; over a restart with the same file, and anew with another."""
    paths = [tmp_path / "one.npz", tmp_path / "other.npz"]
    for path, times in zip(paths, (1, 4), strict=True):
        save(small(times), path)
    scorer = ModelScorer(load(paths[0]))
    assert scorer.drift is not None
    minutes = day(5, times=2.0)
    minutes["window_start_ns"] += HOUR_NS
    for hour in range(25):
        of_hour = minutes[minutes["window_start_ns"] // HOUR_NS == 121 + hour]
        scorer.take(of_hour)
        if hour < 23:
            assert scorer.drift.large(5 * DAY_NS + (hour + 2) * HOUR_NS) == {}, "its first day is not over"
    assert set(scorer.drift.large(6 * DAY_NS + HOUR_NS)) == {"bytes_out"}
    for path, known in zip(paths, (True, False), strict=True):
        again = ModelScorer(load(path))
        again.restore(scorer.state())
        assert again.drift is not None
        assert (again.drift.index() == scorer.drift.index()) is known


def test_a_sensor_goes_from_its_own_model_to_one_of_a_file_and_back(tmp_path: Path) -> None:
    """As after a promotion and a reload: what is known of the open hour goes on, the rest starts anew."""
    learner, scorer = Learner(ForestSettings(trees=5), Schedule()), ModelScorer(small())
    learner.take(day(0)[:600])
    scorer.restore(learner.state())
    scorer.take(day(1)[:600])
    again = Learner(ForestSettings(trees=5), Schedule())
    again.restore(scorer.state())
    assert again.state()["evidence/hosts"].tobytes() == scorer.state()["evidence/hosts"].tobytes() != b""


def test_a_file_of_before_scores_and_measures_none(tmp_path: Path) -> None:
    model = small()
    model.population = None
    save(model, tmp_path / "old.npz")
    assert not describe(tmp_path / "old.npz")["measures_drift"]
    scorer = ModelScorer(load(tmp_path / "old.npz"))
    assert scorer.drift is None
    assert np.isfinite(scorer.take(day(2)[:600])["score"]).all()
    assert not within("drift", scorer.state())


@pytest.mark.parametrize("name", ["population.edges", "population.counts"])
def test_a_population_that_is_none_is_refused(name: str, tmp_path: Path) -> None:
    path = tmp_path / "m.npz"
    save(small(), path)
    about, arrays = array_file.read(path, "model", 40)
    for wrong in (arrays[name][:, :4], np.full(arrays[name].shape, np.nan), None):
        changed = {**arrays, name: wrong}
        if wrong is None:
            changed = {key: array for key, array in arrays.items() if not key.startswith("population")}
        array_file.write(path, about, changed)
        with pytest.raises(ModelFileError, match="not those of a model"):
            load(path)


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
    assert steady(both, all_of(both)).all()
    one_day = day(0, hosts=10, times=9.0, drifting=3)
    assert steady(one_day, all_of(one_day)).all()
    one = both["host_lo"] == 0xFFFF_0A00_0003
    both["features"][one & (both["window_start_ns"] > 5 * DAY_NS), _DRIFTED] *= 9.0
    assert (steady(both, all_of(both)) == ~one).all()


@pytest.mark.parametrize("seed", range(3))
def test_who_works_day_and_night_is_compared_hour_by_hour_of_the_day(seed: int) -> None:
    """A resolver is asked by day; of a large campus half of the host-hours are kept, others at either end."""
    week = np.concatenate([day(number, hosts=10) for number in range(4)])
    inbound, hour = FEATURE_NAMES.index("inbound_flows"), week["window_start_ns"] // HOUR_NS
    week["features"][:, inbound] = 0.0
    resolver = week["host_lo"] == 0xFFFF_0A00_0003
    by_day = (hour % 24 >= 8) & (hour % 24 < 20)
    week["features"][resolver, inbound] = np.where(by_day, 400.0, 2.0)[resolver]
    kept = np.random.default_rng(seed).random((96, 10)) < 0.5
    thinned = week[kept[hour, (week["host_lo"] & np.uint64(15)).astype(np.int64)]]
    assert steady(thinned, all_of(thinned)).all()
    late = (thinned["host_lo"] == 0xFFFF_0A00_0003) & (thinned["window_start_ns"] > 2 * DAY_NS)
    thinned["features"][late, inbound] *= 4.0
    assert (steady(thinned, all_of(thinned)) == (thinned["host_lo"] != 0xFFFF_0A00_0003)).all()
