"""From windows to the matrix that the forest sees."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from detectors.window_features import FEATURES

#: Raised whenever a feature is added, removed, renamed or scaled otherwise.
FEATURE_SCHEMA = 1
DECIMALS = 6
_LOGARITHMIC = np.array([logarithmic for _, _, logarithmic in FEATURES])
_CEILING = 1e15


def matrix(windows: NDArray[np.void]) -> NDArray[np.float64]:
    """A row per WINDOW: log1p where FEATURES says so, not-a-number as 0, rounded to 1e-6.

    Rounding makes libraries that differ in the last bit of a logarithm agree.
    """
    values = np.nan_to_num(windows["features"], nan=0.0, posinf=_CEILING, neginf=0.0)
    values = np.clip(values, 0.0, _CEILING)
    scaled = np.where(_LOGARITHMIC, np.log1p(values), values)
    return np.asarray(np.round(scaled, DECIMALS))


def unscaled(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """Back from the forest's scale to the features' units."""
    values = rows.copy()
    values[:, _LOGARITHMIC] = np.expm1(rows[:, _LOGARITHMIC])
    return values
