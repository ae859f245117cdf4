"""Poisoning guard: a host that slowly becomes another is left out of what models learn from.

Whoever raises what it sends by a tenth a day is never found, and a model that learns from it calls the
same usual in all others: the range of the training grows, and the calibration's tail is its own. So a
host's level of each feature in the last third of the days is held against the first third's, hour of the day
by hour: a host that works day and night is another in the morning than in the evening, and of a
large campus a sample of hours is kept, other hours at either end. Habits of
the campus (a weekend, a new week) move all hosts alike; who moves farther than six robust standard
deviations from the median move of all, and by half as much again at least, is not learned from.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from detectors.grouping import address_ids, combined
from detectors.window_features import HOUR_NS

#: With fewer hosts nobody knows how hosts move; a day has a morning and an evening, which are no drift.
LEAST_HOSTS, LEAST_DAYS = 8, 3.0
_LEAST_WINDOWS = 30  # of a host at either end, in the same hours of the day
_DEVIATIONS, _LEAST_MOVE = 6.0, 0.4  # of the mean of log(1 + value); exp(0.4) = 1.5
#: No more than this share of the hosts: when many move, it is the campus that moves.
_MOST_SHARE = 0.1
_DAY_NS = 24 * HOUR_NS


def steady(windows: NDArray[np.void], judged_by: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Of WINDOWs a mask of those that hosts are judged by: which are of none that has drifted away.

    True for all others. (n,) bool.
    """
    steadily = np.ones(len(windows), np.bool_)
    by = np.flatnonzero(judged_by)
    time = windows["window_start_ns"][by]
    if len(by) == 0 or int(time.max()) - int(time.min()) < LEAST_DAYS * _DAY_NS:
        return steadily
    host, _ = address_ids(windows["host_hi"][by], windows["host_lo"][by])
    level = windows["features"][by]
    np.nan_to_num(level, copy=False)
    np.log1p(np.maximum(level, 0.0, out=level), out=level)
    days = (int(time.max()) - int(time.min())) // _DAY_NS // 3
    ends = (time < int(time.min()) + days * _DAY_NS, time > int(time.max()) - days * _DAY_NS)
    move, weight = _moves(host, time // HOUR_NS % 24, level, ends)
    judged = np.flatnonzero(weight >= _LEAST_WINDOWS)
    if len(judged) < LEAST_HOSTS:
        return steadily
    move = move[judged]
    move -= np.median(move, axis=0)
    spread = 1.4826 * np.median(np.abs(move), axis=0)
    far = (np.abs(move) / np.maximum(_DEVIATIONS * spread, _LEAST_MOVE)).max(axis=1)
    farthest = np.argsort(-far, kind="stable")[: int(_MOST_SHARE * len(judged)) or 1]
    drifted = judged[farthest[far[farthest] > 1.0]]
    steadily[by] = ~np.isin(host, drifted)
    return steadily


def _moves(
    host: NDArray[np.int64],
    hour: NDArray[np.int64],
    level: NDArray[np.float64],
    ends: tuple[NDArray[np.bool_], NDArray[np.bool_]],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """How far each host's mean level moved between the ends, (hosts, features), hour by hour of the day.

    Each hour weighs as much as the fewer windows it has at either end; also the sum of these weights.
    """
    pair, first = combined(host, hour)
    count, mean = [], []
    for end in ends:
        order = np.flatnonzero(end)[np.argsort(pair[end], kind="stable")]
        starts = np.flatnonzero(np.r_[True, np.diff(pair[order]) > 0][: len(order)])
        number, total = np.zeros(len(first)), np.zeros((len(first), level.shape[1]))
        if len(order):
            at = pair[order[starts]]
            number[at] = np.diff(np.r_[starts, len(order)])
            total[at] = np.add.reduceat(level[order], starts, axis=0)
        count.append(number)
        mean.append(total / np.maximum(number, 1.0)[:, None])
    weight = np.minimum(*count)
    whose, hosts = host[first], int(host.max()) + 1
    whole = np.asarray(np.bincount(whose, weight, hosts), np.float64)
    move = np.zeros((hosts, level.shape[1]))
    np.add.at(move, whose, (mean[1] - mean[0]) * weight[:, None])
    return move / np.maximum(whole, 1.0)[:, None], whole
