"""The trees of a forest in flat arrays: a third of the memory, and scikit-learn need not walk them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wire.kernel import kernel


@kernel
def sum_depths(values, width, roots, levels, kids, feature, threshold, depth, sums):  # type: ignore[no-untyped-def]
    """Add to sums[r], tree after tree, the path length that row r ends at.

    values: float32[rows * width]; roots: int32[trees]; levels: no path is longer; kids: int32[2 * nodes],
    a node's left and right; feature: int16[nodes], -1 at a leaf; threshold, depth: float64[nodes];
    sums: float64[rows]. A value above the threshold goes right, as in scikit-learn.
    """
    for t in range(len(roots)):
        for r in range(len(sums)):
            at = np.int64(roots[t])
            for _ in range(levels):
                if feature[at] < 0:
                    break
                right = values[r * width + feature[at]] > threshold[at]
                at = np.int64(kids[2 * at + 1]) if right else np.int64(kids[2 * at])
            sums[r] += depth[at]


_TYPES = {"roots": "i4", "kids": "i4", "feature": "i2", "threshold": "f8", "depth": "f8"}
_MOST_LEVELS = 64


@dataclass(frozen=True, slots=True)
class Grove:
    """Fitted trees of scikit-learn, without them; the arrays are those of `sum_depths`."""

    roots: NDArray[np.int32]
    kids: NDArray[np.int32]
    feature: NDArray[np.int16]
    threshold: NDArray[np.float64]
    depth: NDArray[np.float64]
    levels: int

    @classmethod
    def of(cls, trees: Sequence[Any]) -> Grove:
        """trees: `tree_` of the estimators, at least one."""
        sizes = np.array([tree.node_count for tree in trees])
        roots = (np.cumsum(sizes) - sizes).astype(np.int32)
        kids = [_kids(tree) + root for root, tree in zip(roots.tolist(), trees, strict=True)]
        return cls(
            roots,
            np.concatenate(kids).astype(np.int32),
            np.concatenate([_features(tree) for tree in trees]),
            np.concatenate([tree.threshold for tree in trees]),
            np.concatenate([_depths(tree) for tree in trees]),
            max(int(tree.max_depth) for tree in trees),
        )

    def arrays(self) -> dict[str, NDArray[Any]]:
        """As a model file keeps it."""
        return {**{name: getattr(self, name) for name in _TYPES}, "levels": np.array([self.levels], np.int64)}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]], width: int) -> Grove:
        """From such arrays, of rows so wide. ValueError: no walk over them would be safe; KeyError."""
        roots, kids, feature, threshold, depth = own = [arrays[name] for name in _TYPES]
        nodes, levels = len(feature), arrays["levels"]
        if not (
            all(
                each.ndim == 1 and each.dtype == dtype
                for each, dtype in zip(own, _TYPES.values(), strict=True)
            )
            and len(threshold) == len(depth) == nodes
            and len(kids) == 2 * nodes
            and len(roots) > 0
            and all(bool(((each >= 0) & (each < nodes)).all()) for each in (roots, kids))
            and bool(((feature >= -1) & (feature < width)).all())
            and bool(np.isfinite(threshold).all() and np.isfinite(depth).all())
            and levels.shape == (1,)
            and 0 <= int(levels[0]) <= _MOST_LEVELS
        ):
            raise ValueError("trees")
        return cls(roots, kids, feature, threshold, depth, int(levels[0]))

    def __len__(self) -> int:
        return len(self.roots)

    def depths(self, rows: NDArray[np.float32]) -> NDArray[np.float64]:
        """Sum over the trees of each row's path length, (rows,); added in the trees' order."""
        sums = np.zeros(len(rows))
        values = np.ascontiguousarray(rows).reshape(-1)
        sum_depths(
            values, rows.shape[1], self.roots, self.levels,
            self.kids, self.feature, self.threshold, self.depth, sums,
        )  # fmt: skip
        return sums


def path_length(samples: NDArray[np.int64]) -> NDArray[np.float64]:
    """Mean depth at which a search among so many ends (Liu et al. 2008, equation 1)."""
    n = samples.astype(np.float64)
    many = np.maximum(n, 3.0) - 1.0
    length = 2.0 * (np.log(many) + np.euler_gamma) - 2.0 * many / np.maximum(n, 3.0)
    return np.where(n <= 1, 0.0, np.where(n == 2, 1.0, length))


def _kids(tree: Any) -> NDArray[np.int64]:
    """Left and right of each node in turn; a leaf's are never asked for."""
    both = np.stack([tree.children_left, tree.children_right], axis=1).reshape(-1)
    return np.asarray(np.maximum(both, 0))


def _features(tree: Any) -> NDArray[np.int16]:
    return np.where(tree.children_left < 0, -1, tree.feature).astype(np.int16)


def _depths(tree: Any) -> NDArray[np.float64]:
    """The path length that each leaf stands for: its edges, and what its samples would still need."""
    return np.asarray(tree.compute_node_depths() - 1.0 + path_length(tree.n_node_samples))
