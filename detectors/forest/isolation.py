"""The forest: scikit-learn's IsolationForest with everything fixed that changes a score."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from threading import Thread
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detectors.forest.features import WIDTH

_BATCH_ROWS = 16_384
#: A fit to more rows than this uses so many, evenly along their order; trees take 256 each.
_MOST_TRAINING = 20_000
#: So many rows go through all trees at once; for more it is faster to go tree by tree.
_FEW_ROWS = 128
#: A column counts as spread at least this wide: a tenth of a share, or 10% of a count; a spread of a
#: baseline in the second half, which holds deviations.
_LEAST_SCALE, _LEAST_DEVIATION = 0.1, 1.0
#: Ten standard deviations outside the range close 63% of the way to 1.
_OUTSIDE_UNIT = 10.0
#: A path of length 0 would score 1.
_MOST_FOREST = 1.0 - 1e-9


def load_ahead() -> None:
    """Import scikit-learn on a thread of its own, so that a fit that is to come need not wait for it."""
    Thread(target=import_module, args=("sklearn.ensemble",), name="scikit-learn").start()


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

        training = training[np.lexsort(training.T[::-1])]
        if len(training) > _MOST_TRAINING:
            training = training[np.linspace(0, len(training) - 1, _MOST_TRAINING).round().astype(np.int64)]
        self.training = training
        self.settings = settings
        samples = min(settings.max_samples, len(training))
        forest = SklearnForest(
            n_estimators=settings.trees, max_samples=samples, random_state=settings.seed, n_jobs=1
        )
        forest.fit(self.training)
        self._trees = [_Tree.of(each.tree_) for each in forest.estimators_]
        self._grove = _Grove(self._trees)
        self._depth_unit = len(self._trees) * float(_path_length(np.array([samples]))[0])
        self._least, self._most = self.training.min(axis=0), self.training.max(axis=0)
        least = np.where(np.arange(self.training.shape[1]) < WIDTH, _LEAST_SCALE, _LEAST_DEVIATION)
        self._scale = np.maximum(self.training.std(axis=0), least)

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
        for at in range(0, len(rows), _BATCH_ROWS):
            some = rows[at : at + _BATCH_ROWS]
            # As score_samples does, without what it costs to call it: 300 trees are asked every minute.
            single = np.ascontiguousarray(some, np.float32)
            if len(rows) <= _FEW_ROWS:
                depth = self._grove.depths(single)
            else:
                depth = np.zeros(len(some))
                for tree in self._trees:
                    depth += tree.depth[tree.tree.apply(single)]
            forest[at : at + _BATCH_ROWS] = 2.0 ** (-depth / self._depth_unit)
            beyond = np.maximum(np.maximum(some - self._most, self._least - some), 0.0)
            outside[at : at + _BATCH_ROWS] = (beyond / self._scale).sum(axis=1) / _OUTSIDE_UNIT
        return np.minimum(forest, _MOST_FOREST), outside


@dataclass(frozen=True, slots=True)
class _Tree:
    """A fitted tree of scikit-learn, and the path length that each leaf stands for."""

    tree: Any
    depth: NDArray[np.float64]

    @classmethod
    def of(cls, tree: Any) -> _Tree:
        edges = tree.compute_node_depths() - 1.0
        return cls(tree, edges + _path_length(tree.n_node_samples))


class _Grove:
    """All trees in flat arrays, for few rows: to ask 300 trees one by one costs 3 ms however few they are."""

    def __init__(self, trees: list[_Tree]) -> None:
        sizes = np.array([each.tree.node_count for each in trees])
        self._roots = (np.cumsum(sizes) - sizes).astype(np.int32)
        self._levels = max(int(each.tree.max_depth) for each in trees)
        kids, feature, threshold = [], [], []
        for root, each in zip(self._roots.tolist(), trees, strict=True):
            tree = each.tree
            leaf = tree.children_left < 0  # goes on to itself
            both = np.stack([tree.children_left, tree.children_right], axis=1)
            kids.append(np.where(leaf[:, None], np.arange(len(leaf))[:, None], both) + root)
            feature.append(np.where(leaf, 0, tree.feature))
            threshold.append(tree.threshold)
        self._kids = np.concatenate(kids).astype(np.int32).reshape(-1)
        self._feature = np.concatenate(feature).astype(np.int32)
        self._threshold = np.concatenate(threshold)
        self._depth = np.concatenate([each.depth for each in trees])

    def depths(self, rows: NDArray[np.float32]) -> NDArray[np.float64]:
        """Sum over the trees of each row's path length; added in the trees' order, as one by one."""
        values, begin = rows.reshape(-1), np.arange(len(rows)) * rows.shape[1]
        place = np.repeat(self._roots[:, None], len(rows), axis=1)
        for _ in range(self._levels):
            right = values[begin + self._feature[place]] > self._threshold[place]
            place = self._kids[2 * place + right]
        return np.asarray(self._depth[place].cumsum(axis=0)[-1])


def _path_length(samples: NDArray[np.int64]) -> NDArray[np.float64]:
    """Mean depth at which a search among so many ends (Liu et al. 2008, equation 1)."""
    n = samples.astype(np.float64)
    many = np.maximum(n, 3.0) - 1.0
    length = 2.0 * (np.log(many) + np.euler_gamma) - 2.0 * many / np.maximum(n, 3.0)
    return np.where(n <= 1, 0.0, np.where(n == 2, 1.0, length))
