"""The tests that find: one of a host's minutes, one of its hours, each calibrated by host-hours.

Windows that follow one another resemble each other, so a level for windows promises nothing about
alarms. The unit of calibration is the host-hour: its minutes give one statistic, the strongest pair
(the second highest score within three minutes: two of three minutes were at least so strange), and its
hour-long window gives another, which takes the first in. Each is ranked among host-hours of calibration,
so that whatever dependence there is within an hour is in the ranking.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from detectors.minutes import host_keys
from detectors.parts import Parts
from detectors.window_features import HOUR_NS, MINUTE_NS

_LEAST_REST = 1e-7
_NONE = 0.0


def strangeness(score: NDArray[np.float64]) -> NDArray[np.float64]:
    """A score between 0 and 1 stretched so that its tail has room: -ln(1 - score)."""
    return np.asarray(-np.log(np.maximum(1.0 - score, _LEAST_REST)))


def combined(minute_p: NDArray[np.float64], hour_p: NDArray[np.float64]) -> NDArray[np.float64]:
    """The evidence of an hour: that of its minutes and its own, as Fisher adds them up."""
    return np.asarray(-np.log(minute_p) - np.log(hour_p))


def displayed(evidence: NDArray[np.float64]) -> NDArray[np.float64]:
    """Evidence as a score from 0 to 1; usual host-hours lie around 0.17."""
    return np.asarray(evidence / (evidence + 10.0))


def pairs(
    host: NDArray[np.uint64], minute_ns: NDArray[np.int64], strange: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Of each minute the lower of its strangeness and the higher one of the host's two minutes before.

    0 where the host was silent in both. Any order.
    """
    order = np.lexsort((minute_ns, host))
    key, minute, value = host[order], minute_ns[order], strange[order]
    before = np.full(len(order), _NONE)
    for back in (1, 2):
        near = (key[back:] == key[:-back]) & (minute[back:] - minute[:-back] <= 2 * MINUTE_NS)
        before[back:] = np.maximum(before[back:], np.where(near, value[:-back], _NONE))
    made = np.empty(len(order))
    made[order] = np.minimum(value, before)
    return made


def peaks_of_hours(
    windows: NDArray[np.void], pair: NDArray[np.float64]
) -> tuple[NDArray[np.uint64], NDArray[np.int64], NDArray[np.float64]]:
    """Of minute WINDOWs, by host-hour: host, hour's start, the highest pair."""
    host = host_keys(windows["host_hi"], windows["host_lo"])
    hour = windows["window_start_ns"] - windows["window_start_ns"] % HOUR_NS
    order = np.lexsort((host, hour))
    host, hour, pair = host[order], hour[order], pair[order]
    starts = np.flatnonzero(np.r_[True, (host[1:] != host[:-1]) | (hour[1:] != hour[:-1])][: len(host)])
    highest = np.maximum.reduceat(pair, starts) if len(starts) else np.zeros(0)
    return host[starts], hour[starts], highest


class MinuteEvidence:
    """Remembers, as minutes come, what pairs and the peaks of the open hour need."""

    def __init__(self) -> None:
        self._tail = np.zeros((0, 3))  # the last two minutes: host (bits of it), minute, strangeness
        self._hosts, self._peaks = np.zeros(0, np.uint64), np.zeros(0)
        self._hour_ns = np.iinfo(np.int64).min

    def take(self, windows: NDArray[np.void], strange: NDArray[np.float64]) -> NDArray[np.float64]:
        """The pair of each minute WINDOW of one hour; calls follow event time."""
        if len(windows) == 0:
            return np.zeros(0)
        host = host_keys(windows["host_hi"], windows["host_lo"])
        minute = windows["window_start_ns"]
        old = len(self._tail)
        hosts = np.concatenate([self._tail[:, 0].view(np.uint64), host])
        minutes = np.concatenate([self._tail[:, 1].view(np.int64), minute])
        values = np.concatenate([self._tail[:, 2], strange])
        pair = pairs(hosts, minutes, values)[old:]
        last = minutes > int(minute.max()) - 2 * MINUTE_NS
        self._tail = np.stack(
            [hosts[last].view(np.float64), minutes[last].view(np.float64), values[last]], axis=1
        )
        hour_ns = int(minute[0]) - int(minute[0]) % HOUR_NS
        if hour_ns != self._hour_ns:
            self._hosts, self._peaks, self._hour_ns = np.zeros(0, np.uint64), np.zeros(0), hour_ns
        self._add(host, pair)
        return pair

    def peaks(self, hours: NDArray[np.void]) -> NDArray[np.float64]:
        """Of WINDOWs of the hour that minutes were taken of last, the highest pair; NaN without a minute."""
        if len(hours) == 0 or len(self._hosts) == 0 or int(hours["window_start_ns"][0]) != self._hour_ns:
            return np.full(len(hours), np.nan)
        key = host_keys(hours["host_hi"], hours["host_lo"])
        at = np.minimum(np.searchsorted(self._hosts, key), len(self._hosts) - 1)
        return np.where(self._hosts[at] == key, self._peaks[at], np.nan)

    def state(self) -> Parts:
        """The last minutes and the open hour's peaks."""
        hour = np.array([self._hour_ns], np.int64)
        return {"tail": self._tail, "hosts": self._hosts, "peaks": self._peaks, "hour": hour}

    def restore(self, parts: Parts) -> None:
        """Take a state back."""
        self._tail, self._hosts, self._peaks = (parts[name].copy() for name in ("tail", "hosts", "peaks"))
        self._hour_ns = int(parts["hour"][0])

    def _add(self, host: NDArray[np.uint64], pair: NDArray[np.float64]) -> None:
        hosts = np.concatenate([self._hosts, host])
        values = np.concatenate([self._peaks, pair])
        self._hosts, at = np.unique(hosts, return_inverse=True)
        self._peaks = np.zeros(len(self._hosts))
        np.maximum.at(self._peaks, at, values)
