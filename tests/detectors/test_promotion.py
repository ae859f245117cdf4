"""A challenger takes the champion's place only if it holds."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from detectors.forest.canaries import CANARIES, plant
from detectors.forest.isolation import ForestSettings
from detectors.forest.learner import Learner, Schedule
from detectors.forest.model import Model
from detectors.forest.promotion import compare
from detectors.window_features import FEATURE_NAMES, MINUTE_NS, WINDOW

FOREST = ForestSettings(trees=100)


def usual(count: int, seed: int) -> NDArray[np.void]:
    """Minutes of ordinary clients: a few flows, few failures, shares between 0 and 1."""
    random = np.random.default_rng(seed)
    windows = np.zeros(count, WINDOW)
    windows["window_start_ns"] = np.arange(count) * MINUTE_NS
    windows["host_lo"] = np.arange(count) % 30
    for at, name in enumerate(FEATURE_NAMES):
        if name.endswith("_share"):
            windows["features"][:, at] = random.beta(1, 9, count)
        else:
            windows["features"][:, at] = np.round(random.lognormal(2.0, 0.8, count))
    return windows


def poisoned(seed: int) -> NDArray[np.void]:
    """Ordinary minutes among which scans are common."""
    windows = usual(3_000, seed)
    scan = plant(windows)[0]
    for field in ("features", "deviation"):
        windows[field][::3] = scan[field]
    return windows


def model(training: NDArray[np.void], seed: int) -> Model:
    return Model.learn(training, usual(1_000, seed), FOREST)


def test_a_sound_challenger_holds() -> None:
    verdict = compare(model(usual(3_000, 1), 2), model(usual(3_000, 3), 4), usual(2_000, 5))
    assert verdict.holds
    assert set(verdict.caught) == set(CANARIES)
    assert verdict.rate < 0.02


def test_a_challenger_that_has_learned_to_like_scans_does_not_hold() -> None:
    champion = model(usual(3_000, 1), 2)
    challenger = Model.learn(poisoned(6), poisoned(7)[:1_000], FOREST)
    verdict = compare(challenger, champion, usual(2_000, 5))
    assert not verdict.holds
    assert "scan" in verdict.missed


def test_a_challenger_that_finds_everything_strange_does_not_hold() -> None:
    narrow = usual(3_000, 8)
    narrow["features"] = np.median(narrow["features"], axis=0)
    quiet = narrow[:1_000]
    verdict = compare(Model.learn(narrow, quiet, FOREST), model(usual(3_000, 1), 2), usual(2_000, 5))
    assert verdict.rate > 0.5
    assert not verdict.holds


def test_a_learner_keeps_its_champion() -> None:
    hours = {"collect_seconds": 40 * 3600, "retrain_seconds": 3600, "horizon_seconds": 60 * 3600}
    learner = Learner(FOREST, Schedule(**hours))
    learner.take(usual(3_000, 1))
    champion = learner.model
    assert champion is not None
    later = poisoned(9)
    later["window_start_ns"] += 100 * 3_600_000_000_000
    learner.take(later)
    assert learner.trainings == 2
    assert learner.refused == 1
    assert learner.model is champion
    assert (learner.learning.taken, learner.learning.refused) == (1, 1)
    assert 0 < learner.learning.model_ns < learner.trained_ns, "the champion is the older one"
    again = Learner(FOREST, Schedule(**hours))
    again.restore(learner.state())
    assert again.learning == learner.learning
