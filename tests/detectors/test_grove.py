"""Trees in flat arrays against scikit-learn's own: the same depths, the same scores."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn.ensemble import IsolationForest

from detectors.forest.grove import Grove, path_length, sum_depths

DRAW = np.random.default_rng(5)


def fitted(rows: int, samples: int, trees: int = 20) -> IsolationForest:
    training = DRAW.poisson(2.0, (rows, 6)) * DRAW.normal(1.0, 0.2, (rows, 6))
    return IsolationForest(n_estimators=trees, max_samples=samples, random_state=3).fit(training)


FORESTS = [fitted(400, 256), fitted(40, 40), fitted(2, 2)]


def one_by_one(forest: IsolationForest, rows: NDArray[np.float32]) -> NDArray[np.float64]:
    """Tree by tree, as scikit-learn walks them."""
    depths = np.zeros(len(rows))
    for each in forest.estimators_:
        tree = each.tree_
        leaf = tree.apply(rows)
        depths += tree.compute_node_depths()[leaf] - 1.0 + path_length(tree.n_node_samples[leaf])
    return depths


@pytest.mark.parametrize("forest", FORESTS)
@given(st.data())
@settings(deadline=None, max_examples=30)
def test_depths_are_those_of_the_trees(forest: IsolationForest, data: st.DataObject) -> None:
    number = st.floats(-1e6, 1e6, width=32) | st.sampled_from([0.0, 1.0, 2.0])
    rows = data.draw(st.lists(st.lists(number, min_size=6, max_size=6), min_size=0, max_size=9))
    made = np.array(rows, np.float32).reshape(-1, 6)
    expected = one_by_one(forest, made) if len(made) else np.zeros(0)
    assert Grove.of([each.tree_ for each in forest.estimators_]).depths(made).tolist() == expected.tolist()


def test_scores_are_those_of_scikit_learn() -> None:
    forest = FORESTS[0]
    rows = DRAW.poisson(2.0, (700, 6)).astype(np.float32)
    grove = Grove.of([each.tree_ for each in forest.estimators_])
    unit = len(grove) * float(path_length(np.array([256]))[0])
    assert np.allclose(2.0 ** (-grove.depths(rows) / unit), -forest.score_samples(rows), atol=1e-12)


def test_a_value_at_a_threshold_goes_left() -> None:
    tree = FORESTS[0].estimators_[0].tree_
    at = int(np.flatnonzero(tree.children_left >= 0)[0])
    row = np.zeros((1, 6), np.float32)
    row[0, tree.feature[at]] = np.float32(tree.threshold[at])
    assert Grove.of([tree]).depths(row).tolist() == one_by_one_of(tree, row).tolist()


def one_by_one_of(tree: object, row: NDArray[np.float32]) -> NDArray[np.float64]:
    leaf = tree.apply(row)  # type: ignore[attr-defined]
    edges = tree.compute_node_depths()[leaf] - 1.0  # type: ignore[attr-defined]
    return np.asarray(edges + path_length(tree.n_node_samples[leaf]))  # type: ignore[attr-defined]


def test_a_loop_of_nodes_ends() -> None:
    kids, feature = np.zeros(2, np.int32), np.zeros(1, np.int16)
    sums = np.zeros(1)
    roots, none = np.zeros(1, np.int32), np.zeros(1)
    sum_depths(np.ones(6, np.float32), 6, roots, 40, kids, feature, none, np.ones(1), sums)
    assert sums.tolist() == [1.0]


def test_a_node_outside_is_refused() -> None:
    kids, feature = np.full(2, 9, np.int32), np.zeros(1, np.int16)
    roots, none = np.zeros(1, np.int32), np.zeros(1)
    with pytest.raises(IndexError):
        sum_depths(np.ones(6, np.float32), 6, roots, 40, kids, feature, none, np.ones(1), np.zeros(1))
