"""Encrypted connections by service, and how many were weak in which way, until their day is over."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from detectors.parts import Parts
from detectors.use.day import Weakness
from detectors.use.link_rows import WEAKNESSES

_KEPT = np.dtype([("window", "i8"), ("service", "i4"), ("counts", "i8", (len(WEAKNESSES) + 1,))])


class Weaknesses:
    """Adds up the LINKs of closed windows."""

    def __init__(self) -> None:
        self._windows: dict[int, dict[int, NDArray[np.int64]]] = {}

    @property
    def windows(self) -> list[int]:
        """Numbers of the windows that are held."""
        return list(self._windows)

    def add(self, window: int, links: NDArray[np.void]) -> None:
        """Take the LINKs of a window, by service."""
        seen = np.flatnonzero(links["secured"]).tolist()
        if seen:
            self._windows[window] = {
                service: np.append(links["weak"][service], links["secured"][service]) for service in seen
            }

    def state(self) -> Parts:
        """What a restart needs."""
        kept = [
            (window, service, counts)
            for window, services in self._windows.items()
            for service, counts in services.items()
        ]
        return {"counts": np.array(kept, _KEPT)}

    def restore(self, parts: Parts, places: NDArray[np.int32]) -> None:
        """Take a state back; `places`: where each of its services stands now, -1 where it is gone."""
        for each in parts["counts"]:
            service = int(places[each["service"]])
            if service >= 0:
                self._windows.setdefault(int(each["window"]), {})[service] = each["counts"].copy()

    def close(self, end: int) -> dict[int, Weakness]:
        """By service, what windows before `end` held; they leave."""
        totals: dict[int, NDArray[np.int64]] = {}
        for window in sorted(each for each in self._windows if each < end):
            for service, counts in self._windows.pop(window).items():
                totals[service] = totals.get(service, np.zeros_like(counts)) + counts
        return {
            service: Weakness(
                int(counts[-1]),
                {kind: int(n) for kind, n in zip(WEAKNESSES, counts[:-1].tolist(), strict=True) if n},
            )
            for service, counts in sorted(totals.items())
        }
