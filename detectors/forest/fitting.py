"""Isolation trees: scikit-learn's own, of the samples that its IsolationForest would draw.

Its ensemble clones an estimator and checks all rows again for every tree, which is half of a fit.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

_MOST_SEED = np.iinfo(np.int32).max


def fit_trees(training: NDArray[np.float64], trees: int, samples: int, seed: int) -> list[Any]:
    """The `tree_` of each tree, as `IsolationForest(trees, max_samples=samples, random_state=seed)` has them.

    training: (rows, features), without NaN; samples: rows that each tree is fitted to, at most all.
    Imports scikit-learn on first use.
    """
    from sklearn import config_context
    from sklearn.tree import ExtraTreeRegressor
    from sklearn.utils.random import sample_without_replacement

    rows = np.ascontiguousarray(training, np.float32)
    state = np.random.RandomState(seed)
    target = state.uniform(size=len(rows))  # what a tree splits for; where it splits is drawn
    state.seed(seed)
    seeds = state.randint(_MOST_SEED, size=trees)
    most_levels = int(np.ceil(np.log2(max(samples, 2))))
    fitted = []
    with config_context(skip_parameter_validation=True, assume_finite=True):
        for own in seeds.tolist():
            state.seed(own)
            chosen = np.sort(sample_without_replacement(len(rows), samples, random_state=state))
            state.seed(own)
            state.seed(state.randint(_MOST_SEED))
            tree = ExtraTreeRegressor(max_features=1, max_depth=most_levels, random_state=state)
            fitted.append(tree.fit(rows[chosen], target[chosen], check_input=False).tree_)
    return fitted
