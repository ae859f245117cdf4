"""What hosts did since what is known of them was kept: small, for the checkpoints in between.

The windows that came, and what was found. Who was killed lets them come once more, after what had been kept.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from detectors.forest.found import Span
from detectors.parts import Parts, json_of, of_json, under, within
from detectors.waiting_rows import WaitingRows, from_packed_state, packed_state
from detectors.window_features import HOUR_SECONDS


class HostNews:
    """Windows and findings, in the order in which they came."""

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """What is known is kept now."""
        self._windows: list[WaitingRows] = []
        self._infra: list[NDArray[np.float64]] = []
        self._found: list[Span] = []

    def add(self, windows: NDArray[np.void], infra: NDArray[np.float64]) -> None:
        """WINDOWs, all minutes or all hours, of one hour; infra: of hours, as `fill_hour` takes it."""
        if len(windows) == 0:
            return
        self._windows.append(WaitingRows.of(windows, packed=True))
        if windows["seconds"][0] == HOUR_SECONDS:
            self._infra.append(infra)

    def flag(self, host: tuple[int, int], start_ns: int, end_ns: int) -> None:
        """What a host did in a span was found."""
        self._found.append((host, start_ns, end_ns))

    def state(self) -> Parts:
        """For a checkpoint."""
        return {
            "found": of_json(self._found),
            "infra": np.concatenate([*self._infra, np.zeros(0)]),
            **under("windows", packed_state(self._windows)),
        }

    def again(
        self, parts: Parts, flag: Callable[[tuple[int, int], int, int], None]
    ) -> Iterator[tuple[NDArray[np.void], NDArray[np.float64]]]:
        """What such a checkpoint has: `add` and `flag` once more."""
        infra = parts["infra"]
        for waiting in from_packed_state(within("windows", parts)):
            windows = waiting.rows()
            own = len(windows) if windows["seconds"][0] == HOUR_SECONDS else 0
            yield windows, infra[:own]
            infra = infra[own:]
        for (hi, lo), start_ns, end_ns in json_of(parts["found"]):
            flag((hi, lo), start_ns, end_ns)
