"""From windows to the matrix that the forest sees: features on its scale, and how far each is from usual."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from detectors.window_features import FEATURES

#: Raised whenever a feature is added, removed, renamed or scaled otherwise.
FEATURE_SCHEMA = 2
WIDTH = len(FEATURES)
DECIMALS = 6
_LOGARITHMIC = np.array([logarithmic for _, _, logarithmic in FEATURES])
_CEILING = 1e15
#: Spreads from the baseline within which what a host does is as usual.
WITHIN = 1.0
#: No baseline is narrower: a twentieth of a share, a fifth of a count, a tenth of a bit.
LEAST_SPREAD = np.array(
    [0.2 if logarithmic else 0.1 if unit == "bits" else 0.05 for _, unit, logarithmic in FEATURES]
)


def scaled(windows: NDArray[np.void]) -> NDArray[np.float64]:
    """A row per WINDOW: log1p where FEATURES says so, not-a-number as 0, rounded to 1e-6.

    Rounding makes libraries that differ in the last bit of a logarithm agree.
    """
    values = np.minimum(np.fmax(windows["features"], 0.0), _CEILING)  # of 0 and no number fmax takes 0
    np.log1p(values, out=values, where=_LOGARITHMIC)
    return np.asarray(np.round(values, DECIMALS))


def matrix(windows: NDArray[np.void]) -> NDArray[np.float64]:
    """A row per WINDOW, (n, 2 · features): `scaled`, then how far beyond a spread from the baseline."""
    apart = np.nan_to_num(windows["deviation"].astype(np.float64), nan=0.0, posinf=100.0, neginf=-100.0)
    beyond = np.sign(apart) * np.maximum(np.abs(apart) - WITHIN, 0.0)
    return np.concatenate([scaled(windows), beyond], axis=1)


def unscaled(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """Back from the forest's scale to the features' units; rows (n, features)."""
    values = rows.copy()
    values[:, _LOGARITHMIC] = np.expm1(rows[:, _LOGARITHMIC])
    return values
