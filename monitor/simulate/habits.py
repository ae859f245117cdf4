"""When people use their devices: by hour of the day and day of the week, in the campus's time zone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from monitor.simulate.scenario import Scenario

HOUR_NS = 3_600_000_000_000

#: Relative use by hour: lessons, breaks, noon, the evening; nearly nothing at night.
_WEEKDAY = (
    0.15, 0.05, 0.03, 0.02, 0.03, 0.15, 0.6, 1.0, 0.9, 0.9, 1.1, 1.2,
    1.9, 1.3, 0.9, 0.9, 1.1, 1.5, 1.9, 2.1, 2.3, 2.2, 1.5, 0.5,
)  # fmt: skip
_WEEKEND = (
    0.4, 0.15, 0.05, 0.03, 0.03, 0.05, 0.15, 0.4, 0.9, 1.4, 1.7, 1.7,
    1.6, 1.5, 1.5, 1.5, 1.5, 1.5, 1.7, 1.9, 2.1, 2.1, 1.8, 1.0,
)  # fmt: skip


class Habits:
    """Draws moments within a scenario's hours."""

    def __init__(self, scenario: Scenario) -> None:
        zone = ZoneInfo(scenario.timezone)
        self._start_ns = scenario.start_ns
        self._hours = scenario.hours
        count = int(np.ceil(scenario.hours))
        begin = datetime.fromtimestamp(scenario.start_ns / 1e9, UTC)
        weights = []
        for number in range(count):
            local = (begin + timedelta(hours=number)).astimezone(zone)
            habit = _WEEKEND if local.weekday() >= 5 else _WEEKDAY
            weights.append(habit[local.hour] * min(1.0, scenario.hours - number))
        self._edges = np.concatenate([[0.0], np.cumsum(weights)])
        #: Days' worth of use in the scenario: two hours of an evening are more than a twelfth.
        self.days = float(self._edges[-1]) / float(np.sum(_WEEKDAY))

    def draw(self, count: int, generator: np.random.Generator) -> NDArray[np.int64]:
        """`count` moments when devices are in use, nanoseconds since 1970."""
        at = generator.random(count) * self._edges[-1]
        hour = np.interp(at, self._edges, np.arange(len(self._edges), dtype=np.float64))
        return self._moment(np.minimum(hour, self._hours))

    def draw_any(self, count: int, generator: np.random.Generator) -> NDArray[np.int64]:
        """`count` moments, whether anybody is awake or not."""
        return self._moment(generator.random(count) * self._hours)

    def _moment(self, hour: NDArray[np.float64]) -> NDArray[np.int64]:
        return self._start_ns + (hour * HOUR_NS).astype(np.int64)
