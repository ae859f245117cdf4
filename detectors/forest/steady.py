"""Poisoning guard: a host that slowly becomes another is left out of what models learn from.

Whoever raises what it sends by a tenth a day is never found, and a model that learns from it calls the
same usual in all others: the range of the training grows, and the calibration's tail is its own. So a
host's level of each feature in the last third of its windows is held against the first third's. Habits of
the campus (a weekend, a new week) move all hosts alike; who moves farther than six robust standard
deviations from the median move of all, and by half as much again at least, is not learned from.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from detectors.grouping import address_ids

#: With fewer hosts nobody knows how hosts move; a day has a morning and an evening, which are no drift.
LEAST_HOSTS, LEAST_DAYS = 8, 3.0
_LEAST_WINDOWS = 30
_DEVIATIONS, _LEAST_MOVE = 6.0, 0.4  # of the mean of log(1 + value); exp(0.4) = 1.5
#: No more than this share of the hosts: when many move, it is the campus that moves.
_MOST_SHARE = 0.1
_DAY_NS = 86_400_000_000_000


def steady(windows: NDArray[np.void]) -> NDArray[np.bool_]:
    """Which WINDOWs are of hosts that have not drifted away from the others; (n,) bool."""
    kept = np.ones(len(windows), np.bool_)
    time = windows["window_start_ns"]
    if len(windows) == 0 or int(time.max()) - int(time.min()) < LEAST_DAYS * _DAY_NS:
        return kept
    host, first = address_ids(windows["host_hi"], windows["host_lo"])
    order = np.lexsort((time, host))
    count = np.bincount(host, minlength=len(first))
    judged = np.flatnonzero(count >= _LEAST_WINDOWS)
    if len(judged) < LEAST_HOSTS:
        return kept
    begins = np.cumsum(count) - count
    level = np.log1p(np.maximum(np.nan_to_num(windows["features"]), 0.0))[order]
    total = np.concatenate([np.zeros((1, level.shape[1])), np.cumsum(level, axis=0)])
    third = count[judged] // 3
    early = total[begins[judged] + third] - total[begins[judged]]
    end = begins[judged] + count[judged]
    late = total[end] - total[end - third]
    move = (late - early) / third[:, None]
    move -= np.median(move, axis=0)
    spread = 1.4826 * np.median(np.abs(move), axis=0)
    far = (np.abs(move) / np.maximum(_DEVIATIONS * spread, _LEAST_MOVE)).max(axis=1)
    farthest = np.argsort(-far, kind="stable")[: int(_MOST_SHARE * len(judged)) or 1]
    drifted = judged[farthest[far[farthest] > 1.0]]
    return np.asarray(~np.isin(host, drifted))
