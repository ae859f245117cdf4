"""Which features made a window strange: put each back to usual and see how far the score falls."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from detectors.forest.features import unscaled
from detectors.forest.isolation import IsolationForest
from detectors.window_features import FEATURE_NAMES


@dataclass(frozen=True, slots=True)
class Reason:
    """One feature's part: `seen` and `usual` in the feature's unit, `part` the fall of the score."""

    feature: str
    seen: float
    usual: float
    part: float


def explain(
    forest: IsolationForest, rows: NDArray[np.float64], top: int = 3
) -> list[tuple[Reason, ...]]:
    """For each row of the matrix its `top` features whose return to the median lowers the score most.

    A feature whose return does not lower the score is left out, so a list may be shorter.
    """
    if len(rows) == 0:
        return []
    usual = np.median(forest.training, axis=0)
    width = rows.shape[1]
    changed = np.repeat(rows, width, axis=0)
    each = np.tile(np.arange(width), len(rows))
    changed[np.arange(len(changed)), each] = usual[each]
    parts = forest.score(rows)[:, None] - forest.score(changed).reshape(len(rows), width)
    seen_units, usual_units = unscaled(rows), unscaled(usual[None, :])[0]
    return [
        tuple(
            Reason(
                FEATURE_NAMES[at],
                round(float(seen_units[row, at]), 3),
                round(float(usual_units[at]), 3),
                round(float(parts[row, at]), 6),
            )
            for at in np.argsort(-parts[row], kind="stable")[:top]
            if parts[row, at] > 0
        )
        for row in range(len(rows))
    ]
