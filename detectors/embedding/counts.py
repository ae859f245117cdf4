"""Counts by whole-number key: sparse, bounded, and the same whatever the order they came in."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from detectors.parts import Parts

#: Chunks wait until they are worth a sort.
_PENDING = 1 << 20


class Counts:
    """A mapping from int64 keys to int64 counts. Merging is adding."""

    def __init__(self, most: int) -> None:
        """Keep at most `most` distinct keys; of more, those with the smallest counts are forgotten."""
        self._most = most
        self._keys = np.zeros(0, np.int64)
        self._values = np.zeros(0, np.int64)
        self._pending: list[tuple[NDArray[np.int64], NDArray[np.int64]]] = []
        self._waiting = 0
        self.forgotten = 0

    def add(self, keys: NDArray[np.int64], values: NDArray[np.int64] | None = None) -> None:
        """Count each key once, or by `values`."""
        if len(keys) == 0:
            return
        self._pending.append(_summed(keys, np.ones(len(keys), np.int64) if values is None else values))
        self._waiting += len(self._pending[-1][0])
        if self._waiting > _PENDING:
            self._settle()

    def merge(self, other: Counts) -> None:
        """Add all that another one holds."""
        self.add(*other.items())
        self.forgotten += other.forgotten

    def items(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Keys in rising order, and their counts."""
        self._settle()
        return self._keys, self._values

    def state(self) -> Parts:
        """Keys, counts, and how many were forgotten."""
        keys, values = self.items()
        return {"keys": keys, "values": values, "forgotten": np.array([self.forgotten], np.int64)}

    def restore(self, parts: Parts) -> None:
        """Take a state back; into an empty one."""
        self.add(parts["keys"], parts["values"])
        self.forgotten = int(parts["forgotten"][0])

    def move(self, keys: NDArray[np.int64], kept: NDArray[np.bool_]) -> None:
        """Hold the same counts under these keys, in the order of `items`, and only those that are kept."""
        self._settle()
        values = self._values[kept]
        self._keys, self._values = np.zeros(0, np.int64), np.zeros(0, np.int64)
        self.add(keys[kept], values)

    def __len__(self) -> int:
        self._settle()
        return len(self._keys)

    def _settle(self) -> None:
        if not self._pending:
            return
        keys = np.concatenate([self._keys, *(keys for keys, _ in self._pending)])
        values = np.concatenate([self._values, *(values for _, values in self._pending)])
        self._pending, self._waiting = [], 0
        self._keys, self._values = _summed(keys, values)
        if len(self._keys) > self._most:
            kept = np.sort(np.lexsort((self._keys, -self._values))[: self._most])
            self.forgotten += len(self._keys) - self._most
            self._keys, self._values = self._keys[kept], self._values[kept]


def _summed(
    keys: NDArray[np.int64], values: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    order = np.argsort(keys, kind="stable")
    ordered = keys[order]
    first = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]])
    return ordered[first], np.add.reduceat(values[order], first)
