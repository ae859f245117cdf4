"""Rows of closed minutes that are kept to the end of a replay: what the forest found is known only then."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from detectors.rules.carriers import with_carriers
from detectors.rules.signal import Signal
from detectors.waiting_rows import WaitingRows
from detectors.window_features import HOUR_NS
from wire.record_arrays import joined


class KeptRows:
    """The latest HOST_ROWs, packed; what goes first is of the half of a replay that trains."""

    def __init__(self, most_rows: int, loose_bytes: int = 0) -> None:
        """most_rows: about 20 bytes each. loose_bytes: so much waits as it is before the rest is packed."""
        self._most_rows = most_rows
        self._loose_bytes = loose_bytes
        self._chunks: deque[WaitingRows] = deque()
        self._rows = self._loose = 0

    def add(self, rows: NDArray[np.void]) -> None:
        """Rows that came after those before, at least one."""
        chunk = WaitingRows.of(rows, packed=self._loose + rows.nbytes > self._loose_bytes)
        self._chunks.append(chunk)
        self._rows += len(rows)
        self._loose += chunk.loose_bytes
        while self._rows > self._most_rows:
            gone = self._chunks.popleft()
            self._rows -= gone.count
            self._loose -= gone.loose_bytes

    def carried(self, signals: Sequence[Signal]) -> list[Signal]:
        """The forest's signs with the places that carried them, as far as their rows are still there."""
        told = list(signals)
        hour = np.array([each.start_ns // HOUR_NS for each in signals], np.int64)
        for of in np.unique(hour).tolist():  # so that no more than an hour or two is unpacked at once
            places = np.flatnonzero(hour == of).tolist()
            first_ns = min(signals[at].start_ns for at in places)
            last_ns = max(signals[at].minute_ns for at in places)
            chunks = [each for each in self._chunks if each.first_ns <= last_ns and first_ns <= each.last_ns]
            if chunks:
                rows = joined([each.rows() for each in chunks])
                carried = with_carriers([signals[at] for at in places], rows)
                for at, signal in zip(places, carried, strict=True):
                    told[at] = signal
        return told
