"""Host-minutes in event time: rows wait until their minute (or hour) is over, then leave together."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from detectors.parts import Parts
from detectors.waiting_rows import WaitingRows, from_packed_state, packed_state
from detectors.window_features import MINUTE_NS
from wire.record_arrays import joined, picked

RowsOfRows = Callable[[NDArray[np.void]], NDArray[np.void]]
#: Fewer rows are not worth merging.
_LEAST_TO_MERGE = 1 << 14


class HostWindows:
    """Holds the rows of the minutes that are still open. Empty stretches cost nothing."""

    def __init__(
        self,
        max_open_rows: int,
        unit_ns: int = MINUTE_NS,
        merged: RowsOfRows | None = None,
        loose_bytes: int = 0,
    ) -> None:
        """Keep no more than `max_open_rows`, at up to 152 bytes each; what is more is shed and counted.

        unit_ns: what closes together, a minute or a multiple of it; what is longer waits compressed.
        merged: makes one row of several, whatever their order; waiting rows are merged whenever they have
        doubled, and before they leave. loose_bytes: of what waits longer, so much waits as it is.
        """
        self._max_open_rows = max_open_rows
        self._unit_ns = unit_ns
        self._merged = merged
        self._packed = unit_ns > MINUTE_NS
        self._loose_bytes = loose_bytes
        self._chunks: list[WaitingRows] = []
        self._rows = self._rows_merged = 0
        self._closed_before_ns = np.iinfo(np.int64).min
        self.late = 0
        self.shed = 0

    def add(self, rows: NDArray[np.void]) -> None:
        """Take rows. A row whose minute was closed before is counted as late and dropped."""
        late = rows["window_start_ns"] < self._closed_before_ns
        if late.any():
            self.late += int(np.count_nonzero(late))
            rows = picked(rows, ~late)
        if self._rows + len(rows) > min(max(2 * self._rows_merged, _LEAST_TO_MERGE), self._max_open_rows):
            self._merge()
        room = self._max_open_rows - self._rows
        if len(rows) > room:
            self.shed += len(rows) - room
            rows = rows[:room]
        self._keep(rows)
        self._rows += len(rows)

    def close(self, before_ns: int) -> NDArray[np.void] | None:
        """The rows of all minutes that end at or before `before_ns`; None when there are none."""
        edge_ns = max(before_ns - before_ns % self._unit_ns, self._closed_before_ns)
        self._closed_before_ns = edge_ns
        due: list[NDArray[np.void]] = []
        chunks, self._chunks = self._chunks, []
        for chunk in chunks:
            if chunk.last_ns < edge_ns:
                due.append(chunk.rows())
            elif chunk.first_ns >= edge_ns:
                self._chunks.append(chunk)
            else:
                rows = chunk.rows()
                over = rows["window_start_ns"] < edge_ns
                due.append(picked(rows, over))
                self._keep(picked(rows, ~over))
        if not due:
            return None
        self._rows -= sum(len(rows) for rows in due)
        self._rows_merged = min(self._rows_merged, self._rows)
        return joined(due) if self._merged is None else self._merged(joined(due))

    def finish(self) -> NDArray[np.void] | None:
        """The rows of all minutes that are still open."""
        return self.close(max((chunk.last_ns for chunk in self._chunks), default=0) + self._unit_ns)

    def state(self) -> Parts:
        """The open rows, and what was closed and counted."""
        numbers = np.array([self._closed_before_ns, self.late, self.shed], np.int64)
        if self._packed:
            return {"numbers": numbers, **packed_state(self._chunks)}
        rows = [chunk.rows() for chunk in self._chunks]
        return {"numbers": numbers, **({"rows": joined(rows)} if rows else {})}

    def restore(self, parts: Parts) -> None:
        """Take a state back; into an empty one."""
        self._closed_before_ns, self.late, self.shed = parts["numbers"].tolist()
        if "rows" in parts:
            self._keep(parts["rows"])
        self._chunks += from_packed_state(parts)
        self._rows = sum(chunk.count for chunk in self._chunks)

    def _merge(self) -> None:
        if self._merged is None or self._rows == self._rows_merged:
            return
        rows = self._merged(joined([chunk.rows() for chunk in self._chunks]))
        self._chunks = []
        self._keep(rows)
        self._rows = self._rows_merged = len(rows)

    def _keep(self, rows: NDArray[np.void]) -> None:
        if len(rows):
            loose = sum(each.loose_bytes for each in self._chunks) + rows.nbytes if self._packed else 0
            self._chunks.append(WaitingRows.of(rows, packed=loose > self._loose_bytes))
