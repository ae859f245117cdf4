"""The forest: scikit-learn's IsolationForest with everything fixed that changes a score."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from threading import Thread
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detectors.forest.features import WIDTH
from detectors.forest.fitting import fit_trees
from detectors.forest.grove import Grove, path_length

_BATCH_ROWS = 16_384
#: A fit to more rows than this uses so many, evenly along their order; trees take 256 each.
_MOST_TRAINING = 20_000
#: A column counts as spread at least this wide: a tenth of a share, or 10% of a count; a spread of a
#: baseline in the second half, which holds deviations.
_LEAST_SCALE, _LEAST_DEVIATION = 0.1, 1.0
#: Ten standard deviations outside the range close 63% of the way to 1.
_OUTSIDE_UNIT = 10.0
#: A path of length 0 would score 1.
_MOST_FOREST = 1.0 - 1e-9


def load_ahead() -> None:
    """Import scikit-learn on a thread of its own, so that a fit that is to come need not wait for it."""
    Thread(target=import_module, args=("sklearn.tree",), name="scikit-learn").start()


@dataclass(frozen=True, slots=True)
class ForestSettings:
    """300 trees let two seeds agree on the top of the list; 256 samples a tree (Liu et al. 2008)."""

    trees: int = 300
    max_samples: int = 256
    seed: int = 20190810


@dataclass(frozen=True, slots=True)
class IsolationForest:
    """A forest, made by `fit`. Equal matrices give equal scores, in whatever order their rows come.

    rows: how many it was fitted to. columns: of each column of these the least, the most, the scale of
    what lies outside, and the median, (4, features).
    """

    settings: ForestSettings
    rows: int
    grove: Grove
    columns: NDArray[np.float64]

    @classmethod
    def fit(cls, training: NDArray[np.float64], settings: ForestSettings) -> IsolationForest:
        """Fit to `training` (rows, features); needs two rows. Imports scikit-learn on first use."""
        training = training[np.lexsort(training.T[::-1])]
        if len(training) > _MOST_TRAINING:
            training = training[np.linspace(0, len(training) - 1, _MOST_TRAINING).round().astype(np.int64)]
        samples = min(settings.max_samples, len(training))
        trees = fit_trees(training, settings.trees, samples, settings.seed)
        least = np.where(np.arange(training.shape[1]) < WIDTH, _LEAST_SCALE, _LEAST_DEVIATION)
        scale = np.maximum(training.std(axis=0), least)
        columns = [training.min(axis=0), training.max(axis=0), scale, np.median(training, axis=0)]
        return cls(settings, len(training), Grove.of(trees), np.stack(columns))

    def arrays(self) -> dict[str, NDArray[Any]]:
        """As a model file keeps it."""
        return {"rows": np.array([self.rows], np.int64), "columns": self.columns, **self.grove.arrays()}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]], settings: ForestSettings) -> IsolationForest:
        """From such arrays. Raises ValueError, KeyError."""
        rows, columns = arrays["rows"], arrays["columns"]
        whole = (
            rows.shape == (1,)
            and int(rows[0]) >= 2
            and columns.shape == (4, 2 * WIDTH)
            and columns.dtype == np.float64
            and bool(np.isfinite(columns).all())
            and bool((columns[2] > 0).all())
        )
        if not whole:
            raise ValueError("columns")
        return cls(settings, int(rows[0]), Grove.from_arrays(arrays, columns.shape[1]), columns)

    @property
    def usual(self) -> NDArray[np.float64]:
        """The median of each column of the training, (features,)."""
        return np.asarray(self.columns[3])

    def score(self, rows: NDArray[np.float64]) -> NDArray[np.float64]:
        """A score per row, 0 to 1; higher is stranger. Rounded to 1e-6.

        No tree splits a column that was constant in its samples, so a first failed connection ever
        would not count. How far a row lies outside the range of the training, in standard
        deviations summed over columns, therefore lifts the forest's score towards 1.
        """
        forest, outside = self._parts(rows)
        return np.asarray(np.round(1.0 - (1.0 - forest) * np.exp(-outside), 6))

    def strangeness(self, rows: NDArray[np.float64]) -> NDArray[np.float64]:
        """-ln(1 - score) per row, before the score is rounded: it still tells apart what scores 1."""
        forest, outside = self._parts(rows)
        return np.asarray(np.round(outside - np.log(1.0 - forest), 6))

    def _parts(self, rows: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """The forest's own score, below 1, and the distance outside the training's range."""
        forest, outside = np.empty(len(rows)), np.empty(len(rows))
        least, most, scale, _ = self.columns
        samples = np.array([min(self.settings.max_samples, self.rows)])
        depth_unit = len(self.grove) * float(path_length(samples)[0])
        for at in range(0, len(rows), _BATCH_ROWS):
            some = rows[at : at + _BATCH_ROWS]
            depths = self.grove.depths(some.astype(np.float32))
            forest[at : at + _BATCH_ROWS] = 2.0 ** (-depths / depth_unit)
            beyond = np.maximum(np.maximum(some - most, least - some), 0.0)
            outside[at : at + _BATCH_ROWS] = (beyond / scale).sum(axis=1) / _OUTSIDE_UNIT
        return np.minimum(forest, _MOST_FOREST), outside
