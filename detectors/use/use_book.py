"""The minutes of use that are still open, by window; bounded, exact in any order of the rows."""

from __future__ import annotations

from collections import Counter

import numpy as np
from numpy.typing import NDArray

from detectors.parts import Parts
from detectors.use.link_rows import WINDOW_MINUTES
from detectors.use.use_rows import USE, merged
from wire.record_arrays import joined

_PENDING_ROWS = 1 << 16


class UseBook:
    """Takes USE rows, gives back those of a window or of a day, and forgets them with the day."""

    def __init__(self, max_rows: int) -> None:
        """Keep at most `max_rows`; what is more is shed and counted."""
        self._max_rows = max_rows
        self._windows: dict[int, list[NDArray[np.void]]] = {}
        self._merged: set[int] = set()  # windows that hold one chunk, merged
        self._pending: Counter[int] = Counter()  # rows of a window that came after its first chunk
        self._rows = 0
        self._closed_before = np.iinfo(np.int64).min
        self.late = 0
        self.shed = 0

    @property
    def windows(self) -> list[int]:
        """Numbers of the windows that hold rows."""
        return list(self._windows)

    def add(self, rows: NDArray[np.void]) -> None:
        """Take rows; those of a day that is closed are late, counted and dropped."""
        if len(rows) == 0:
            return
        number = rows["minute"] // WINDOW_MINUTES
        first, last = int(number.min()), int(number.max())
        for window in [first] if first == last else np.unique(number).tolist():
            part = rows if first == last else rows[number == window]
            if window < self._closed_before:
                self.late += len(part)
            else:
                self._keep(window, part)

    def window(self, number: int) -> NDArray[np.void]:
        """The merged rows of a window; they stay."""
        chunks = self._windows.get(number)
        if not chunks:
            return np.zeros(0, USE)
        if number not in self._merged:
            self._merged.add(number)
            before = len(chunks[0]) + self._pending.pop(number, 0)
            chunks[:] = [merged(joined(chunks))]
            self._rows -= before - len(chunks[0])
        return chunks[0]

    def so_far(self) -> NDArray[np.void]:
        """The merged rows of all windows that are open; they stay."""
        return np.concatenate([np.zeros(0, USE), *(self.window(number) for number in sorted(self._windows))])

    def close(self, end: int) -> NDArray[np.void]:
        """The merged rows of all windows before `end`; they leave."""
        over = sorted(window for window in self._windows if window < end)
        chunks = [chunk for window in over for chunk in self._windows.pop(window)]
        for window in over:
            self._pending.pop(window, None)
        self._merged.difference_update(over)
        self._closed_before = max(self._closed_before, end)
        if not chunks:
            return np.zeros(0, USE)
        self._rows -= sum(len(chunk) for chunk in chunks)
        return merged(joined(chunks))

    def state(self) -> Parts:
        """What a restart needs."""
        return {
            "rows": self.so_far(),
            "closed_before": np.array([self._closed_before]),
        }

    def restore(self, parts: Parts, places: NDArray[np.int32]) -> None:
        """Take a state back; `places`: where each of its services stands now, -1 where it is gone."""
        self._closed_before = int(parts["closed_before"][0])
        rows = parts["rows"].copy()
        rows["service"] = places[rows["service"]]
        self.add(rows[rows["service"] >= 0])

    def _keep(self, window: int, rows: NDArray[np.void]) -> None:
        chunks = self._windows.setdefault(window, [])
        if self._pending[window] >= _PENDING_ROWS:
            self.window(window)
        room = self._max_rows - self._rows
        if len(rows) > room:
            self.window(window)
            room = self._max_rows - self._rows
            self.shed += max(len(rows) - room, 0)
            rows = rows[: max(room, 0)]
        if chunks:
            self._pending[window] += len(rows)
        chunks.append(rows)
        self._merged.discard(window)
        self._rows += len(rows)
