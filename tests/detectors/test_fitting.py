"""Trees are those of scikit-learn's own forest, to the last bit."""

from __future__ import annotations

import numpy as np
import pytest

from detectors.forest.fitting import fit_trees
from detectors.forest.grove import Grove


@pytest.mark.parametrize(
    ("rows", "samples"), [(700, 256), (300, 256), (256, 256), (40, 40), (2, 2), (5_000, 256)]
)
def test_trees_are_those_of_scikit_learn(rows: int, samples: int) -> None:
    from sklearn.ensemble import IsolationForest

    random = np.random.default_rng(rows)
    training = random.lognormal(3, 0.7, (rows, 20)).round(2)
    training[:, 7] = 1.0  # a column that tells nothing
    training[: rows // 2] = training[rows - rows // 2 :]  # and rows that stand twice
    theirs = IsolationForest(n_estimators=40, max_samples=samples, random_state=11).fit(training)
    wanted = Grove.of([each.tree_ for each in theirs.estimators_]).arrays()
    ours = Grove.of(fit_trees(training, 40, samples, 11)).arrays()
    assert wanted.keys() == ours.keys()
    for name, values in wanted.items():
        assert values.tobytes() == ours[name].tobytes(), name
