"""How regular the openings of a host are: all of an hour, and those to one place over hours."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from detectors.grouping import address_ids, combined
from wire.record_arrays import picked

#: Fewer openings show no rhythm.
_LEAST_OPENS = 8
_LEAST_BEACON_OPENS = 5
#: So many openings are as good as any more.
_ENOUGH_OPENS = 16
#: Median deviation over median gap: of openings at random ln 2; as even as this is no rhythm.
_RANDOM_DEVIATION = 0.69
_LEAST_GAP_NS = 30_000_000_000

Scores = tuple[NDArray[np.int64], NDArray[np.float64]]


def opens_regularity(
    opens: NDArray[np.void], rare: NDArray[np.void], place_of: Callable[[NDArray[np.void]], NDArray[np.int64]]
) -> tuple[Scores, Scores]:
    """(hosts, values) of the regularity of an hour's OPEN_ROWs, and of the beacon score of rare ones.

    Regularity is 1 - median deviation / median of the gaps between openings, 0 where that is
    negative. The beacon score is 1 - deviation / 0.69 for one place (address and port), less for fewer
    than 16 openings, 0 for gaps under half a minute. place_of: the number of a row's host, -1 for none.
    """
    return _of_hosts(opens, place_of), _of_places(rare, place_of)


def _of_hosts(opens: NDArray[np.void], place_of: Callable[[NDArray[np.void]], NDArray[np.int64]]) -> Scores:
    host = place_of(opens)
    known = host >= 0
    group, first, number, deviation, _ = _deviations(host[known], opens["open_ns"][known])
    value = np.where(number >= _LEAST_OPENS, np.clip(1.0 - deviation, 0.0, 1.0), 0.0)
    return host[known][first[group]] if len(first) else np.zeros(0, np.int64), value


def _of_places(rare: NDArray[np.void], place_of: Callable[[NDArray[np.void]], NDArray[np.int64]]) -> Scores:
    host = place_of(rare)
    rare, host = picked(rare, host >= 0), host[host >= 0]
    if len(rare) == 0:
        return np.zeros(0, np.int64), np.zeros(0)
    peer, _ = address_ids(rare["peer_hi"], rare["peer_lo"])
    pair, first_of = combined(host, peer, rare["server_port"].astype(np.int64))
    _, _, number, deviation, middle = _deviations(pair, rare["open_ns"])
    even = np.clip(1.0 - deviation / _RANDOM_DEVIATION, 0.0, 1.0)
    weight = np.minimum(number / _ENOUGH_OPENS, 1.0)
    enough = (number >= _LEAST_BEACON_OPENS) & (middle >= _LEAST_GAP_NS)
    return host[first_of], np.where(enough, even * weight, 0.0)


def _deviations(
    group: NDArray[np.int64], time_ns: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]:
    """Of each group, in order: its number, a row of it, rows, deviation over median of its gaps, median."""
    if len(group) == 0:
        empty = np.zeros(0, np.int64)
        return empty, empty, empty, np.zeros(0), np.zeros(0)
    order = np.lexsort((time_ns, group))
    sorted_group, times = group[order], time_ns[order]
    starts = np.flatnonzero(np.r_[True, np.diff(sorted_group) > 0])
    number = np.diff(np.r_[starts, len(order)])
    same = np.diff(sorted_group) == 0
    of_gap = np.repeat(np.arange(len(starts)), number)[1:][same]
    gap = np.diff(times)[same].astype(np.float64)
    middle = _medians(of_gap, gap, len(starts))
    deviation = _medians(of_gap, np.abs(gap - middle[of_gap]), len(starts))
    relative = np.divide(deviation, middle, out=np.ones(len(starts)), where=middle > 0)
    return np.arange(len(starts)), order[starts], number, relative, middle


def _medians(group: NDArray[np.int64], values: NDArray[np.float64], groups: int) -> NDArray[np.float64]:
    """The median (the lower one of two) of each group's values, 0 for none."""
    order = np.lexsort((values, group))
    number = np.bincount(group, minlength=groups)
    start = np.cumsum(number) - number
    middle = np.zeros(groups)
    some = number > 0
    middle[some] = values[order][start[some] + (number[some] - 1) // 2]
    return middle
