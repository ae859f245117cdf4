"""A sensor that learns for itself: when, from what, and from what not."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from detectors.forest.isolation import ForestSettings
from detectors.forest.learner import Learner, Schedule
from detectors.forest.lesson import Outcome, learn
from detectors.parts import Parts
from detectors.window_features import COLLECT, MINUTE_NS, SCORE, WINDOW

HOUR_NS = 60 * MINUTE_NS
SCHEDULE = Schedule(collect_seconds=6 * 3600, retrain_seconds=6 * 3600, least_windows=500)
FOREST = ForestSettings(trees=50)


def hour(at: int, hosts: int = 10, seed: int = 0, strange: int | None = None) -> NDArray[np.void]:
    """An hour's windows of some hosts; the one at place `strange` sends far more than any other."""
    random = np.random.default_rng([seed, at])
    windows = np.zeros(60 * hosts, WINDOW)
    windows["window_start_ns"] = at * HOUR_NS + np.repeat(np.arange(60), hosts) * MINUTE_NS
    windows["host_lo"] = 0xFFFF_0A00_0000 + np.tile(np.arange(hosts), 60)
    windows["features"] = random.lognormal(3.0, 0.5, (len(windows), windows["features"].shape[1]))
    if strange is not None:
        windows["features"][windows["host_lo"] == 0xFFFF_0A00_0000 + strange] *= 50
    windows["score"] = windows["p_value"] = np.nan
    return windows


def learned(hours: int, **more: int) -> Learner:
    learner = Learner(FOREST, SCHEDULE)
    for at in range(hours):
        learner.take(hour(at, **more))
    return learner


def test_it_collects_and_then_scores() -> None:
    learner = Learner(FOREST, SCHEDULE)
    phases = [set(learner.take(hour(at))["phase"].tolist()) for at in range(8)]
    assert phases == [{COLLECT}] * 6 + [{SCORE}] * 2
    assert learner.trainings == 1


def test_it_learns_anew_on_schedule() -> None:
    learner = learned(25)
    assert learner.trainings == 4
    assert learner.trained_ns == 24 * HOUR_NS


def test_too_few_windows_make_no_model() -> None:
    learner = Learner(FOREST, Schedule(collect_seconds=60, least_windows=10_000))
    for at in range(10):
        assert set(learner.take(hour(at))["phase"].tolist()) == {COLLECT}


def test_an_attempt_that_fails_is_not_made_again_at_every_closing(monkeypatch: pytest.MonkeyPatch) -> None:
    attempts = []
    learn = Learner._learn
    monkeypatch.setattr(Learner, "_learn", lambda self, now: (attempts.append(now), learn(self, now)))
    learner = Learner(FOREST, Schedule(collect_seconds=60, least_windows=10_000))
    for at in range(3):
        windows = hour(at)
        for minute in range(60):
            learner.take(windows[10 * minute : 10 * minute + 10])
    assert [now // MINUTE_NS for now in attempts] == [1, 61, 121]


def test_strange_windows_get_small_p_values() -> None:
    learner = learned(7)
    usual, strange = learner.take(hour(7)), learner.take(hour(8, strange=3))
    of_strange = strange["host_lo"] == 0xFFFF_0A00_0003
    assert np.median(strange["p_value"][of_strange]) < 0.01
    assert 0.3 < np.median(usual["p_value"]) < 0.7


def test_what_was_found_is_not_learned() -> None:
    learner = Learner(FOREST, SCHEDULE)
    for at in range(7):
        learner.take(hour(at, strange=3 if at >= 3 else None))
    learner.flag((0, 0xFFFF_0A00_0003), 3 * HOUR_NS, 12 * HOUR_NS)
    for at in range(7, 13):
        learner.take(hour(at, strange=3))
    assert learner.trainings == 2
    assert learner.model is not None
    assert learner.model.forest.columns[1].max() < 500  # fifty times the usual would be above
    again = learner.take(hour(13, strange=3))
    assert np.median(again["p_value"][again["host_lo"] == 0xFFFF_0A00_0003]) < 0.01


def test_one_host_is_capped() -> None:
    """A host with most of the windows gives no more than its share of the training."""
    learner = Learner(FOREST, SCHEDULE)
    for at in range(7):
        many = hour(at, hosts=60)
        loud = np.concatenate([many, *[hour(at, hosts=1, seed=each) for each in range(1, 200)]])
        learner.take(loud[np.argsort(loud["window_start_ns"], kind="stable")])
    assert learner.model is not None
    rows = learner.model.forest.rows + len(learner.model.calibration.scores)
    assert rows < 6 * 60 * 60 + 0.05 * 6 * 60 * 260


def test_memory_is_bounded_and_the_sample_even() -> None:
    learner = Learner(FOREST, Schedule(keep_windows=20_000, collect_seconds=86_400 * 365))
    for at in range(40):
        learner.take(hour(at, hosts=60))
    kept = learner._sample.windows()
    assert 8_000 < len(kept) <= 20_000
    whole = np.unique(
        kept[["host_lo", "window_start_ns"]]["window_start_ns"] // HOUR_NS * 64
        + kept["host_lo"].astype(np.int64) % 64,
        return_counts=True,
    )[1]
    assert (whole == 60).all()  # minutes of a host-hour stay together
    by_hour = np.bincount(kept["window_start_ns"] // HOUR_NS, minlength=40)
    assert by_hour.min() > 0


def test_equal_windows_give_equal_models() -> None:
    one, other = learned(8), learned(8)
    windows = hour(9)
    assert np.array_equal(one.take(windows.copy())["score"], other.take(windows.copy())["score"])


def test_a_restart_changes_neither_the_model_nor_what_it_learns_from() -> None:
    whole, before = learned(7), learned(7)
    for learner in (whole, before):
        learner.flag((0, 0xFFFF_0A00_0003), 7 * HOUR_NS, 8 * HOUR_NS)
    again = Learner(FOREST, SCHEDULE)
    again.restore({key: value.copy() for key, value in before.state().items()})
    for at in range(7, 20):
        assert again.take(hour(at)).tobytes() == whole.take(hour(at)).tobytes()
    assert (again.trainings, again.trained_ns) == (whole.trainings, whole.trained_ns)
    assert whole.trainings >= 3


class SlowTeacher:
    """Tells what came of a lesson only when it is let."""

    def __init__(self) -> None:
        self.lessons = 0
        self.outcome: Parts | None = None

    def __call__(self, parts: Parts) -> Outcome:
        self.lessons += 1
        self.learned = learn(parts)
        return lambda: self.outcome


def test_it_scores_by_the_old_model_until_the_lesson_is_over() -> None:
    teacher = SlowTeacher()
    learner = Learner(FOREST, SCHEDULE, teacher=teacher)
    for at in range(8):
        assert set(learner.take(hour(at))["phase"].tolist()) == {COLLECT}
    assert (teacher.lessons, learner.trainings) == (1, 0)
    teacher.outcome = teacher.learned
    learner.take(hour(8))
    assert set(learner.take(hour(9))["phase"].tolist()) == {SCORE}
    assert (teacher.lessons, learner.trainings, learner.trained_ns) == (1, 1, 6 * HOUR_NS)
    same = learned(9)
    assert same.take(hour(10)).tobytes() == learner.take(hour(10)).tobytes()


def test_a_lesson_that_fails_is_held_again_after_an_hour() -> None:
    teacher = SlowTeacher()
    teacher.outcome = {}
    learner = Learner(FOREST, SCHEDULE, teacher=teacher)
    for at in range(8):
        learner.take(hour(at))
    assert (teacher.lessons, learner.trainings) == (3, 0)
    teacher.outcome = teacher.learned
    learner.take(hour(8))
    assert (teacher.lessons, learner.trainings) == (4, 1)
