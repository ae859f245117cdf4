"""Bytes by category and hour: what a page draws over time."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from detectors.catalogue.categories import CATEGORIES

_HOUR_NS = 3_600_000_000_000
#: Hours that are told apart: more than a year. Some captures span more; the rest falls together.
_MOST_HOURS = 10_000


class Timeline:
    """Adds up flow rows; bounded."""

    def __init__(self) -> None:
        self._bytes: dict[int, NDArray[np.int64]] = {}

    def add(self, rows: NDArray[np.void], category: NDArray[np.uint8]) -> None:
        """Count the bytes of FLOW_ROWs in the hour in which each begins."""
        if len(rows) == 0:
            return
        hour, place = np.unique(rows["ts_start_ns"] // _HOUR_NS, return_inverse=True)
        totals = np.zeros((len(hour), len(CATEGORIES)), np.int64)
        np.add.at(totals, (place, category), rows["bytes"].sum(axis=1))
        for number, total in zip(hour.tolist(), totals, strict=True):
            if number not in self._bytes and len(self._bytes) >= _MOST_HOURS:
                number = max(self._bytes)
            self._bytes[number] = self._bytes.get(number, 0) + total

    def hours(self) -> list[tuple[int, list[int]]]:
        """Start of each hour that had traffic, nanoseconds since 1970, and its bytes by category."""
        return [(hour * _HOUR_NS, self._bytes[hour].tolist()) for hour in sorted(self._bytes)]
