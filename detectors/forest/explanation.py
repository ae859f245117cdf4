"""Which features made a window strange: put back to usual one after the other until it is not."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from detectors.forest.episode_test import strangeness
from detectors.forest.features import WIDTH, unscaled
from detectors.forest.isolation import IsolationForest
from detectors.window_features import FEATURE_NAMES

#: Explained further than `top` only to take the alarm away, and no further than this.
_MOST_TIMES_TOP = 2


@dataclass(frozen=True, slots=True)
class Reason:
    """One feature's part: `seen` and `usual` in the feature's unit, `part` the fall of the strangeness."""

    feature: str
    seen: float
    usual: float
    part: float


def explain(
    forest: IsolationForest,
    rows: NDArray[np.float64],
    baseline: NDArray[np.float64],
    top: int = 3,
    target: NDArray[np.float64] | None = None,
) -> list[tuple[Reason, ...]]:
    """For each row of the matrix the features whose return to usual lowers its strangeness most, greedily.

    That is -ln(1 - score): what lies far outside still scores 1 with one feature put back. After the
    first is put back the next is chosen with it back, since features move together. `top` features, or,
    with a target score for a row, as many as bring it below, at most twice `top`. A feature whose
    return does not lower it is left out, so a list may be shorter.

    baseline: what is usual for each host, (n, features) on the forest's scale; the training's median
    where NaN.
    """
    usual = usual_rows(forest, baseline)
    goal = np.full(len(rows), np.nan) if target is None else strangeness(target)
    return [_explain_one(forest, row, usual[at], top, float(goal[at])) for at, row in enumerate(rows)]


def usual_rows(forest: IsolationForest, baseline: NDArray[np.float64]) -> NDArray[np.float64]:
    """What is usual, as rows of the matrix: the baseline, and no deviation from it."""
    usual = np.where(np.isfinite(baseline), baseline, forest.usual[:WIDTH])
    return np.concatenate([usual, np.zeros_like(usual)], axis=1)


def _explain_one(
    forest: IsolationForest, row: NDArray[np.float64], usual: NDArray[np.float64], top: int, goal: float
) -> tuple[Reason, ...]:
    now = row.copy()
    strange = float(forest.strangeness(now[None, :])[0])
    chosen: list[Reason] = []
    left = [at for at in range(WIDTH) if now[at] != usual[at] or now[at + WIDTH] != 0]
    seen_units, usual_units = unscaled(row[None, :WIDTH])[0], unscaled(usual[None, :WIDTH])[0]
    while left:
        enough = len(chosen) >= top
        if enough and (np.isnan(goal) or strange < goal or len(chosen) >= _MOST_TIMES_TOP * top):
            break
        tried = np.repeat(now[None, :], len(left), axis=0)
        for place, at in enumerate(left):
            tried[place, at], tried[place, at + WIDTH] = usual[at], 0.0
        after = forest.strangeness(tried)
        best = int(np.argmin(after))
        part = strange - float(after[best])
        if part <= 0:
            break
        at = left.pop(best)
        now, strange = tried[best], float(after[best])
        seen, before = round(float(seen_units[at]), 3), round(float(usual_units[at]), 3)
        chosen.append(Reason(FEATURE_NAMES[at], seen, before, round(part, 6)))
    return tuple(chosen)
