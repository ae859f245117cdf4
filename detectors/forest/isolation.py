"""The forest: scikit-learn's IsolationForest with everything fixed that changes a score."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

_BATCH_ROWS = 16_384
#: A column counts as spread at least this wide: a tenth of a share, or 10% of a count.
_LEAST_SCALE = 0.1
#: Ten standard deviations outside the range close 63% of the way to 1.
_OUTSIDE_UNIT = 10.0


@dataclass(frozen=True, slots=True)
class ForestSettings:
    """300 trees let two seeds agree on the top of the list; 256 samples a tree (Liu et al. 2008)."""

    trees: int = 300
    max_samples: int = 256
    seed: int = 20190810


class IsolationForest:
    """A forest fitted to a matrix. Equal matrices give equal scores, in whatever order their rows come."""

    def __init__(self, training: NDArray[np.float64], settings: ForestSettings) -> None:
        """Fit to `training` (rows, features); needs two rows. Imports scikit-learn on first use."""
        from sklearn.ensemble import IsolationForest as SklearnForest

        self.training = training[np.lexsort(training.T[::-1])]
        self.settings = settings
        self._forest: Any = SklearnForest(
            n_estimators=settings.trees,
            max_samples=min(settings.max_samples, len(training)),
            random_state=settings.seed,
            n_jobs=1,
        )
        self._forest.fit(self.training)
        self._least, self._most = self.training.min(axis=0), self.training.max(axis=0)
        self._scale = np.maximum(self.training.std(axis=0), _LEAST_SCALE)

    def score(self, rows: NDArray[np.float64]) -> NDArray[np.float64]:
        """A score per row, 0 to 1; higher is stranger. Rounded to 1e-6.

        No tree splits a column that was constant in its samples, so a first failed connection ever
        would not count. How far a row lies outside the range of the training, in standard
        deviations summed over columns, therefore lifts the forest's score towards 1.
        """
        scores = [self._score(rows[at : at + _BATCH_ROWS]) for at in range(0, len(rows), _BATCH_ROWS)]
        return np.asarray(np.round(np.concatenate(scores), 6) if scores else [], np.float64)

    def _score(self, rows: NDArray[np.float64]) -> NDArray[np.float64]:
        forest = -self._forest.score_samples(rows)
        outside = np.maximum(np.maximum(rows - self._most, self._least - rows), 0.0) / self._scale
        return np.asarray(1.0 - (1.0 - forest) * np.exp(-outside.sum(axis=1) / _OUTSIDE_UNIT))
