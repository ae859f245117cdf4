"""A figure against a service's own past: how many robust standard deviations it lies above."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

#: The median absolute deviation of a normal distribution, times this, is its standard deviation.
_MAD_TO_SIGMA = 1.4826


def robust_z(value: float, past: Sequence[float], floor: float) -> float:
    """(value - median) / sigma; sigma from the median absolute deviation, at least `floor`."""
    middle = float(np.median(past))
    sigma = _MAD_TO_SIGMA * float(np.median(np.abs(np.asarray(past) - middle)))
    return (value - middle) / max(sigma, floor)
