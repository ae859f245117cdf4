"""Conformal p-values: how often a usual window is at least as strange as this one."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


class Calibration:
    """The scores of held-out usual windows.

    For a window exchangeable with them, P(p <= a) <= a for every a (Vovk, Gammerman, Shafer:
    Algorithmic Learning in a Random World, 2005).
    """

    def __init__(self, scores: NDArray[np.float64]) -> None:
        self.scores = np.sort(scores)

    @property
    def smallest(self) -> float:
        """The smallest p-value that this many scores can give."""
        return 1.0 / (len(self.scores) + 1)

    def p_values(self, scores: NDArray[np.float64]) -> NDArray[np.float64]:
        """(1 + number of calibration scores at least as high) / (number + 1), rounded to 1e-6."""
        above = len(self.scores) - np.searchsorted(self.scores, scores, side="left")
        return np.round((1.0 + above) / (len(self.scores) + 1.0), 6)
