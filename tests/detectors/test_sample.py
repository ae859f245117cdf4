"""The windows that models are made of: the same sample however they come, and however often it was full."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from detectors.forest.features import matrix
from detectors.forest.isolation import ForestSettings
from detectors.forest.model import Model
from detectors.forest.model_file import arrays_of
from detectors.forest.sample import Sample
from detectors.waiting_rows import WaitingRows, packed_state
from detectors.window_features import HOUR_NS, MINUTE_NS, SCORE, WINDOW

HOSTS, HOURS = 40, 30


def week() -> NDArray[np.void]:
    """Ten minutes of each hour of each host, in the order of time."""
    made = np.zeros(HOSTS * HOURS * 10, WINDOW)
    minute = np.arange(len(made)) // HOSTS
    made["window_start_ns"] = minute // 10 * HOUR_NS + minute % 10 * MINUTE_NS
    made["host_lo"] = np.arange(len(made)) % HOSTS
    made["features"] = np.random.default_rng(1).poisson(3, made["features"].shape)
    for name in ("usual", "score", "p_value", "alarm_p", "peak"):
        made[name] = np.nan
    return made


def judged(seed: int) -> NDArray[np.void]:
    """Windows of hosts with baselines, scored by an earlier model."""
    made, chance = week(), np.random.default_rng(seed)
    made["usual"] = chance.normal(3, 2, made["usual"].shape)
    made["deviation"] = chance.normal(0, 2, made["deviation"].shape)
    edges = (0.0, -0.0, 1.0, -1.0, np.nextafter(np.float16(1), np.float16(2)), np.nan, np.inf, -np.inf)
    made["deviation"][::50, : len(edges)] = edges
    for name in ("score", "p_value", "alarm_p", "peak"):
        made[name] = chance.random(len(made))
    made["group"] = chance.integers(0, 3, len(made))
    made["seconds"] = chance.choice([60, 3600], len(made))
    made["phase"] = SCORE
    return made


def sampled(windows: NDArray[np.void], most: int, at_once: int) -> Sample:
    sample = Sample(most)
    for start in range(0, len(windows), at_once):
        sample.add(windows[start : start + at_once])
    return sample


def test_all_are_kept_while_there_is_room() -> None:
    assert sampled(week(), 20_000, 700).windows().tobytes() == week().tobytes()


@pytest.mark.parametrize("most", [5_000, 1_500])
def test_a_full_sample_keeps_whole_host_hours_whatever_comes_together(most: int) -> None:
    windows = week()
    sample = sampled(windows, most, 13)
    kept = sample.windows()
    assert most / 4 < len(kept) == len(sample) <= most
    for at_once in (400, 4_001):
        assert sampled(windows, most, at_once).windows().tobytes() == kept.tobytes()
    hours = np.stack([kept["host_lo"], kept["window_start_ns"] // np.uint64(HOUR_NS)])
    _, minutes = np.unique(hours, axis=1, return_counts=True)
    assert set(minutes.tolist()) == {10}
    assert len(np.unique(kept["host_lo"])) > HOSTS / 2


def test_to_a_model_a_window_is_as_it_was_and_it_takes_less() -> None:
    windows = judged(2)
    whole, before = Sample(20_000), windows.tobytes()
    whole.add(windows)
    kept = whole.windows()
    assert windows.tobytes() == before
    assert np.array_equal(matrix(kept), matrix(windows))
    for name in ("window_start_ns", "host_hi", "host_lo", "features", "seconds", "group"):
        assert np.array_equal(kept[name], windows[name])
    assert np.isnan(kept["score"]).all()
    as_they_were = packed_state([WaitingRows.of(windows, packed=True)])["packed"].nbytes
    assert whole.state()["rows/packed"].nbytes < 0.75 * as_they_were


def test_the_model_that_is_learned_is_the_same() -> None:
    windows = judged(3)
    settings = ForestSettings(trees=20, seed=1)
    sample = Sample(20_000)
    sample.add(windows)
    models = []
    for each in (windows, sample.windows()):
        trained, calibrates = each[::2].copy(), each[1::2].copy()
        model = Model.learn(trained, calibrates, settings)
        scored = judged(4)
        model.score(scored)
        models.append((arrays_of(model), scored.tobytes()))
    (first, scores), (second, others) = models
    assert first.keys() == second.keys()
    assert all(np.array_equal(first[name], second[name], equal_nan=True) for name in first)
    assert scores == others


def test_what_is_old_leaves() -> None:
    sample = sampled(week(), 20_000, 700)
    sample.forget(20 * HOUR_NS)
    assert sample.windows().tobytes() == week()[20 * HOSTS * 10 :].tobytes()


@pytest.mark.parametrize("most", [20_000, 1_500])
def test_it_goes_on_after_a_restart_as_without(most: int) -> None:
    windows = week()
    half = len(windows) // 2
    again = Sample(most)
    again.restore(sampled(windows[:half], most, 500).state())
    again.add(windows[half:])
    assert again.windows().tobytes() == sampled(windows, most, 500).windows().tobytes()


def test_an_empty_one_is_nothing() -> None:
    again = Sample(9)
    again.restore(Sample(9).state())
    assert len(again.windows()) == len(again) == 0
