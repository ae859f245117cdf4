"""Counters of processes that come and go: what the dead counted, and what the living have by now."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from detectors.parts import Parts, json_of, of_json


class Totals:
    """Adds up cumulative counters. A source is who counts (a worker's life, a parent's ring)."""

    def __init__(self, names: tuple[str, ...]) -> None:
        self._names = names
        self._dead = np.zeros(len(names), np.int64)
        self._living: dict[str, NDArray[np.int64]] = {}

    def set(self, source: str, counters: NDArray[np.int64]) -> None:
        """What a source has counted since it began."""
        self._living[source] = counters

    def add(self, **counts: int) -> None:
        """What somebody who is gone had counted beyond what is known of it."""
        self._dead = self._dead + np.array([counts.get(name, 0) for name in self._names], np.int64)

    def end(self, over: Callable[[str], bool]) -> None:
        """The sources for which this holds count no more; what they had counted stays."""
        for source in [each for each in self._living if over(each)]:
            self._dead = self._dead + self._living.pop(source)

    def sums(self) -> dict[str, int]:
        """All counters by name."""
        total = sum(self._living.values(), self._dead)
        return dict(zip(self._names, total.tolist(), strict=True))

    def state(self) -> Parts:
        """For a checkpoint."""
        living = {source: counters.tolist() for source, counters in self._living.items()}
        return {"totals": of_json([list(self._names), self._dead.tolist(), living])}

    def restore(self, parts: Parts) -> None:
        """Take a state back; names that this version does not have are left out."""
        names, dead, living = json_of(parts["totals"])

        def ours(counts: list[int]) -> NDArray[np.int64]:
            kept = dict(zip(names, counts, strict=True))
            return np.array([kept.get(name, 0) for name in self._names], np.int64)

        self._dead = ours(dead)
        self._living = {source: ours(counts) for source, counts in living.items()}
