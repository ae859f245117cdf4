"""Host-minutes in event time: rows wait until their minute is over, then leave together."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from detectors.host_rows import HOST_ROW
from detectors.window_features import MINUTE_NS


class HostWindows:
    """Holds the rows of the minutes that are still open. Empty stretches cost nothing."""

    def __init__(self, max_open_rows: int) -> None:
        """Keep no more than `max_open_rows`, at 128 bytes each; what is more is shed and counted."""
        self._max_open_rows = max_open_rows
        self._open: list[NDArray[np.void]] = []
        self._rows = 0
        self._closed_before_ns = np.iinfo(np.int64).min
        self._earliest_ns = np.iinfo(np.int64).max
        self.late = 0
        self.shed = 0

    def add(self, rows: NDArray[np.void]) -> None:
        """Take HOST_ROWs. A row whose minute was closed before is counted as late and dropped."""
        late = rows["window_start_ns"] < self._closed_before_ns
        if late.any():
            self.late += int(np.count_nonzero(late))
            rows = rows[~late]
        room = self._max_open_rows - self._rows
        if len(rows) > room:
            self.shed += len(rows) - room
            rows = rows[:room]
        if len(rows):
            self._open.append(rows)
            self._rows += len(rows)
            self._earliest_ns = min(self._earliest_ns, int(rows["window_start_ns"].min()))

    def close(self, before_ns: int) -> NDArray[np.void] | None:
        """The rows of all minutes that end at or before `before_ns`; None when there are none."""
        edge_ns = before_ns - before_ns % MINUTE_NS
        self._closed_before_ns = max(self._closed_before_ns, edge_ns)
        if self._earliest_ns >= self._closed_before_ns:
            return None
        rows = np.concatenate(self._open) if self._open else np.zeros(0, HOST_ROW)
        due = rows["window_start_ns"] < self._closed_before_ns
        waiting = rows[~due]
        self._open = [waiting] if len(waiting) else []
        self._rows = len(waiting)
        self._earliest_ns = (
            int(waiting["window_start_ns"].min()) if len(waiting) else np.iinfo(np.int64).max
        )
        return rows[due]

    def finish(self) -> NDArray[np.void] | None:
        """The rows of all minutes that are still open."""
        if not self._open:
            return None
        return self.close(max(int(rows["window_start_ns"].max()) for rows in self._open) + MINUTE_NS)
