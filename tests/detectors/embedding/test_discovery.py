"""Adjusted p-values against scipy's, and sparse counts against a dictionary."""

from __future__ import annotations

from collections import Counter

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import false_discovery_control

from detectors.embedding.counts import Counts
from detectors.embedding.discovery import q_values


@given(st.lists(st.floats(0, 1), min_size=1, max_size=60), st.integers(0, 40))
def test_q_values_are_those_of_scipy(p_values: list[float], untold: int) -> None:
    expected = false_discovery_control(np.array(p_values + [1.0] * untold))[: len(p_values)]
    np.testing.assert_allclose(q_values(np.array(p_values), len(p_values) + untold), expected, atol=1e-12)


@given(st.lists(st.lists(st.integers(-5, 40), max_size=30), max_size=6))
def test_counts_are_those_of_a_dictionary(parts: list[list[int]]) -> None:
    counts, other = Counts(1_000), Counts(1_000)
    for number, part in enumerate(parts):
        (counts if number % 2 else other).add(np.array(part, np.int64))
    counts.merge(other)
    keys, values = counts.items()
    expected = Counter(key for part in parts for key in part)
    assert dict(zip(keys.tolist(), values.tolist(), strict=True)) == dict(expected)
    assert sorted(expected) == keys.tolist()


def test_counts_are_bounded_and_say_what_they_forgot() -> None:
    counts = Counts(3)
    counts.add(np.array([1, 1, 2, 3, 3, 4, 5, 5], np.int64))
    keys, values = counts.items()
    assert (keys.tolist(), values.tolist()) == ([1, 3, 5], [2, 2, 2])
    assert counts.forgotten == 2
