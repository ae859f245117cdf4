"""The windows that models are made of: the same sample however they come, and however often it was full."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from detectors.forest.sample import Sample
from detectors.window_features import HOUR_NS, MINUTE_NS, WINDOW

HOSTS, HOURS = 40, 30


def week() -> NDArray[np.void]:
    """Ten minutes of each hour of each host, in the order of time."""
    made = np.zeros(HOSTS * HOURS * 10, WINDOW)
    minute = np.arange(len(made)) // HOSTS
    made["window_start_ns"] = minute // 10 * HOUR_NS + minute % 10 * MINUTE_NS
    made["host_lo"] = np.arange(len(made)) % HOSTS
    made["features"] = np.random.default_rng(1).poisson(3, made["features"].shape)
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
