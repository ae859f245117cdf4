"""How far windows of services usually deviate: a new one's deviation is ranked among these.

Of each window that was judged and not found, the greatest deviation of its figures; all services
together, since most have too few windows of their own. The rank gives a conformal p-value, beyond the
reach by a tail that is checked (forest/tail.py). It is made anew each day of event time, from what came
before that day.
"""

from __future__ import annotations

import numpy as np

from detectors.forest.tail import Tail
from detectors.parts import Parts

#: A rank among fewer says too little.
LEAST = 500
_MOST = 20_000
_DAY_NS = 86_400_000_000_000
_WEEK_NS = 7 * _DAY_NS
_LARGEST_LEVEL = 0.01
_KEPT = np.dtype([("start_ns", "i8"), ("deviation", "f8")])


class UsualDeviations:
    """The latest of them, bounded, and what they promise today."""

    def __init__(self) -> None:
        self._kept = np.zeros(0, _KEPT)
        self._fresh: list[tuple[int, float]] = []  # of this day
        self._day = -1
        self._tail: Tail | None = None
        self._a_day = 1.0  # windows that are judged

    def begin(self, start_ns: int) -> None:
        """A window of this time is about to be judged."""
        if start_ns // _DAY_NS > self._day:
            self._day = start_ns // _DAY_NS
            self._kept = np.concatenate([self._kept, np.array(self._fresh, _KEPT)])[-_MOST:]
            self._fresh = []
            self._fit()

    def add(self, start_ns: int, deviation: float) -> None:
        """A window was usual."""
        self._fresh.append((start_ns, deviation))

    @property
    def known(self) -> bool:
        """Whether there are enough of them to rank among."""
        return self._tail is not None

    def p_value(self, deviation: float) -> float:
        """How often a usual window deviates so far; 1 while that is not known."""
        return 1.0 if self._tail is None else float(self._tail.p_values(np.array([deviation]))[0])

    def threshold(self, accepted_a_day: float) -> float | None:
        """The deviation from which on so many windows a day are found by chance; None while unknown."""
        if self._tail is None:
            return None
        found = self._tail.threshold(min(accepted_a_day / self._a_day, _LARGEST_LEVEL))
        return found if np.isfinite(found) else None

    def state(self) -> Parts:
        """What a restart needs."""
        fresh = np.array(self._fresh, _KEPT)
        return {"kept": self._kept, "fresh": fresh, "day": np.array([self._day], np.int64)}

    def restore(self, parts: Parts) -> None:
        """Take a state back; one without is an older one's."""
        if "kept" in parts:
            self._kept, self._fresh = parts["kept"].copy(), parts["fresh"].tolist()
            self._day = int(parts["day"][0])
            self._fit()

    def _fit(self) -> None:
        self._tail = Tail(self._kept["deviation"]) if len(self._kept) >= LEAST else None
        latest = self._kept["start_ns"][self._kept["start_ns"] >= self._day * _DAY_NS - _WEEK_NS]
        if len(latest):
            days = -(-(self._day * _DAY_NS - int(latest.min())) // _DAY_NS)
            self._a_day = max(len(latest) / max(days, 1), 1.0)
