"""Numbering of combinations: exact for keys too wide for one number, too."""

from __future__ import annotations

import numpy as np
import pytest

from detectors.grouping import combined


@pytest.mark.parametrize("widths", [(3, 5, 2), (4, 1 << 60, 1 << 61, 7)])
def test_combinations_are_numbered_in_order(widths: tuple[int, ...]) -> None:
    random = np.random.default_rng(1)
    keys = [random.choice(random.integers(0, width, 4), 300).astype(np.int64) for width in widths]
    _, first, expected = np.unique(np.stack(keys), axis=1, return_index=True, return_inverse=True)
    group, at = combined(*keys)
    assert np.array_equal(group, expected.reshape(-1))
    assert np.array_equal(at, first)
