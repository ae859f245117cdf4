"""From closed rows to windows of minutes and hours, in the order of time, compared with what is usual."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from detectors.columns import Columns
from detectors.host_context import ContextSettings, HostContext
from detectors.minutes import Minutes, summarise
from detectors.open_rows import OPEN_ROW
from detectors.parts import Parts, under, within
from detectors.roll_up import RollUp
from detectors.seen_before import SeenBefore
from detectors.window_features import HOUR_NS, HOUR_SECONDS
from wire.record_arrays import joined, picked

#: Rare openings are looked at over so many hours.
BEACON_HOURS = 6
_WEEK_NS = 7 * 24 * HOUR_NS
#: 2^25 bits twice, 8 MiB: two million pairs of a host and a server in a week.
_BLOOM_BITS = 25
_NEVER = np.iinfo(np.int64).min


class HostHours:
    """Rows of closed minutes in; windows, an hour's minutes first and then the hour, out."""

    def __init__(self, settings: ContextSettings) -> None:
        self.context = HostContext(settings)
        self._roll_up = RollUp(settings.max_hosts)
        self._met = SeenBefore(_BLOOM_BITS, _WEEK_NS)
        self._hour_ns = _NEVER  # the open one
        self._rare = np.zeros(0, OPEN_ROW)

    def minutes(self, rows: NDArray[np.void], columns: Columns) -> list[tuple[Minutes, Columns]]:
        """The minutes of HOST_ROWs, by hour; fills `host_failures` of the rows."""
        hour = columns["window_start_ns"] // HOUR_NS
        if len(rows) == 0 or hour.min() == hour.max():
            return [(summarise(rows, columns, self._met), columns)] if len(rows) else []
        made = []
        for each in np.unique(hour).tolist():
            at = np.flatnonzero(hour == each)
            own = picked(rows, at)
            own_columns = Columns(own)
            made.append((summarise(own, own_columns, self._met), own_columns))
            rows["host_failures"][at] = own["host_failures"]
        return made

    def windows(
        self,
        minutes: list[tuple[Minutes, Columns]],
        opens: NDArray[np.void],
        rare: NDArray[np.void],
        before_ns: int | None,
    ) -> Iterator[NDArray[np.void]]:
        """WINDOWs, each array all minutes or all hours, of one hour.

        opens, rare: OPEN_ROWs of the hours that end by `before_ns` (all, where that is None).
        """
        for made, columns in minutes:
            hour_ns = int(made.windows["window_start_ns"][0]) // HOUR_NS * HOUR_NS
            if hour_ns != self._hour_ns:
                yield from self._end_hour(opens, rare)
                self._hour_ns = hour_ns
            self.context.fill_minutes(made.windows)
            self._roll_up.take(made, columns)
            yield made.windows
        if before_ns is None or (self._hour_ns != _NEVER and self._hour_ns + HOUR_NS <= before_ns):
            yield from self._end_hour(opens, rare)

    @property
    def infra(self) -> NDArray[np.float64]:
        """Of the hours that `windows` gave last, as `again` takes it."""
        return self._roll_up.inbound_infra

    def again(self, windows: NDArray[np.void], infra: NDArray[np.float64]) -> None:
        """Remember WINDOWs that were given before a restart, and fill them as they were."""
        if windows["seconds"][0] == HOUR_SECONDS:
            self.context.fill_hour(windows, infra)
        else:
            self.context.fill_minutes(windows)

    @property
    def counters(self) -> dict[str, int]:
        """What did not fit, by name."""
        return {
            "hosts_forgotten": self.context.memory.evicted,
            "hour_hosts_shed": self._roll_up.hosts_shed,
            "hour_flows_shed": self._roll_up.flows_shed,
        }

    def state(self) -> Parts:
        """The open hour; what is known of hosts is in `learned`."""
        return {
            "hour": np.array([self._hour_ns], np.int64),
            "rare": self._rare,
            **under("roll-up", self._roll_up.state()),
        }

    def restore(self, parts: Parts) -> None:
        """Take a state back; into one that has seen nothing."""
        if parts:
            self._hour_ns, self._rare = int(parts["hour"][0]), parts["rare"]
            self._roll_up.restore(within("roll-up", parts))

    def learned(self) -> Parts:
        """What is known of hosts, and which servers they have met."""
        return {**under("context", self.context.state()), **under("met", self._met.state())}

    def recall(self, parts: Parts) -> None:
        """Take that back."""
        if parts:
            self.context.restore(within("context", parts))
            self._met.restore(within("met", parts))

    def _end_hour(self, opens: NDArray[np.void], rare: NDArray[np.void]) -> Iterator[NDArray[np.void]]:
        if self._hour_ns == _NEVER:
            return
        hour_ns, self._hour_ns = self._hour_ns, _NEVER
        oldest_ns = hour_ns - (BEACON_HOURS - 1) * HOUR_NS
        self._rare = joined([self._rare, picked(rare, rare["window_start_ns"] == hour_ns)])
        self._rare = picked(self._rare, self._rare["window_start_ns"] >= oldest_ns)
        own = picked(opens, opens["window_start_ns"] // HOUR_NS == hour_ns // HOUR_NS)
        windows = self._roll_up.close(own, self._rare)
        windows["window_start_ns"] = hour_ns
        self.context.fill_hour(windows, self._roll_up.inbound_infra)
        if len(windows):
            yield windows
