"""Spans of what was found: merged, bounded, and matched as one by one they would be."""

from __future__ import annotations

import numpy as np
import pytest

from detectors.forest import found
from detectors.forest.found import Found
from detectors.window_features import MINUTE_NS, WINDOW


def test_windows_are_matched_as_one_by_one() -> None:
    random = np.random.default_rng(6)
    spans = [
        ((int(hi), int(lo)), int(start) * MINUTE_NS, int(start + length) * MINUTE_NS)
        for hi, lo, start, length in zip(
            random.integers(0, 2, 60), random.integers(0, 5, 60), random.integers(0, 300, 60),
            random.integers(0, 9, 60), strict=True,
        )
    ]  # fmt: skip
    windows = np.zeros(3_000, WINDOW)
    windows["host_hi"], windows["host_lo"] = random.integers(0, 3, 3_000), random.integers(0, 6, 3_000)
    windows["window_start_ns"] = random.integers(0, 320, 3_000) * MINUTE_NS
    expected = np.zeros(len(windows), np.bool_)
    for (hi, lo), start, end in spans:
        of_host = (windows["host_hi"] == hi) & (windows["host_lo"] == lo)
        expected |= of_host & (windows["window_start_ns"] >= start) & (windows["window_start_ns"] <= end)
    assert 0 < expected.sum() < len(windows)
    assert np.array_equal(Found(spans).hold(windows), expected)
    assert np.array_equal(Found(Found(spans).spans()).hold(windows), expected)
    assert not Found().hold(windows).any()


def test_what_is_found_again_and_again_is_one_span() -> None:
    taken = Found()
    for minute in range(1_000):
        taken.add((0, 7), minute * MINUTE_NS, (minute + 5) * MINUTE_NS)
    taken.add((0, 7), 2_000 * MINUTE_NS, 2_001 * MINUTE_NS)
    taken.add((0, 8), 0, 0)
    assert [(host[1], start // MINUTE_NS, end // MINUTE_NS) for host, start, end in taken.spans()] == [
        (7, 0, 1_004), (7, 2_000, 2_001), (8, 0, 0),
    ]  # fmt: skip
    taken.forget(1_500 * MINUTE_NS)
    assert len(taken.spans()) == 1


def test_the_oldest_are_forgotten_when_there_are_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(found, "_MAX_SPANS", 100)
    taken = Found()
    for host in range(1_000):
        taken.add((0, host), host * MINUTE_NS, host * MINUTE_NS)
        assert len(taken.spans()) <= 100
    assert {host for (_, host), _, _ in taken.spans()} >= set(range(930, 1_000))
