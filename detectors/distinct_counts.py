"""How many distinct items each owner has: exact while few, a HyperLogLog when many; merged as they come."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from detectors.parts import Parts
from detectors.seen_before import mixed

#: Up to so many the count is exact, at 24 bytes an item; beyond, REGISTERS bytes an owner.
EXACT_MOST = 64
#: A standard error of 1.04 / sqrt(512) = 4.6% (Flajolet et al. 2007).
REGISTERS = 512
_INDEX_BITS = np.uint64(9)
_ALPHA = 0.7213 / (1 + 1.079 / REGISTERS)
_WAITING = 1 << 16


class DistinctCounts:
    """Owners are whole numbers >= 0, items 64-bit values. What is added in which order changes nothing."""

    def __init__(self) -> None:
        self._owner, self._item = np.zeros(0, np.int64), np.zeros(0, np.uint64)
        self._large = np.zeros(0, np.int64)  # owners with registers, sorted
        self._registers = np.zeros((0, REGISTERS), np.uint8)
        self._waiting: list[tuple[NDArray[np.int64], NDArray[np.uint64]]] = []
        self._waits = 0

    def add(self, owner: NDArray[np.int64], item: NDArray[np.uint64]) -> None:
        """Items of owners; those known are nothing new."""
        self._waiting.append((owner, item))
        self._waits += len(owner)
        if self._waits > max(_WAITING, len(self._owner)):
            self._settle()

    def counts(self, owners: int) -> NDArray[np.float64]:
        """The count of each owner below `owners`."""
        self._settle()
        counts = np.bincount(self._owner, minlength=owners).astype(np.float64)
        if len(self._large):
            counts[self._large] = _estimates(self._registers)
        return counts

    def state(self) -> Parts:
        """The exact items and the registers."""
        self._settle()
        names = ("owner", "item", "large", "registers")
        return {name: getattr(self, f"_{name}") for name in names}

    def restore(self, parts: Parts) -> None:
        """Take a state back."""
        for name in ("owner", "item", "large", "registers"):
            setattr(self, f"_{name}", parts[name].copy())

    def _settle(self) -> None:
        """Sort what waits into the exact items, and owners of too many into registers."""
        if not self._waiting:
            return
        owner = np.concatenate([self._owner, *(each[0] for each in self._waiting)])
        item = np.concatenate([self._item, *(each[1] for each in self._waiting)])
        self._waiting, self._waits = [], 0
        _, first = np.unique(mixed(item ^ mixed(owner.astype(np.uint64))), return_index=True)
        owner, item = owner[first], item[first]
        number = np.bincount(owner)
        many = np.flatnonzero(number > EXACT_MOST)
        fresh = many[~np.isin(many, self._large)]
        if len(fresh):
            large = np.concatenate([self._large, fresh])
            registers = np.concatenate([self._registers, np.zeros((len(fresh), REGISTERS), np.uint8)])
            order = np.argsort(large)
            self._large, self._registers = large[order], registers[order]
        if len(self._large):
            is_large = np.isin(owner, self._large)
            self._register(owner[is_large], item[is_large])
            owner, item = owner[~is_large], item[~is_large]
        self._owner, self._item = owner, item

    def _register(self, owner: NDArray[np.int64], item: NDArray[np.uint64]) -> None:
        digest = mixed(item)
        index = (digest & np.uint64(REGISTERS - 1)).astype(np.int64)
        rest = digest >> _INDEX_BITS
        # Position of the lowest set bit, from 1; of none all 55 and one more.
        lowest = np.bitwise_count(rest ^ (rest - np.uint64(1))).astype(np.int64)
        rank = np.where(rest == 0, 64 - int(_INDEX_BITS) + 1, lowest).astype(np.uint8)
        np.maximum.at(self._registers, (np.searchsorted(self._large, owner), index), rank)


def _estimates(registers: NDArray[np.uint8]) -> NDArray[np.float64]:
    raw = _ALPHA * REGISTERS**2 / np.exp2(-registers.astype(np.float64)).sum(axis=1)
    empty = np.count_nonzero(registers == 0, axis=1)
    linear = REGISTERS * np.log(REGISTERS / np.maximum(empty, 1))
    return np.asarray(np.round(np.where((raw <= 2.5 * REGISTERS) & (empty > 0), linear, raw)))
