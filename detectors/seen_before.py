"""Whether something was seen before: a Bloom filter of two generations, bounded and forgetful."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from detectors.parts import Parts

_PROBES = 4
_MIX = (np.uint64(0x9E3779B97F4A7C15), np.uint64(0xFF51AFD7ED558CCD), np.uint64(0xC4CEB9FE1A85EC53))


class SeenBefore:
    """Remembers 64-bit values for one to two `generation_ns` of event time, in 2 · 2^bits / 8 bytes.

    Bloom (1970): with four probes and as many values a generation as a sixteenth of the bits, one
    new value in 400 is held for known; a full filter is turned early, and that is counted in `turned_early`.
    """

    def __init__(self, bits: int, generation_ns: int) -> None:
        """bits: logarithm to base 2 of the number of bits of a generation, at least 10."""
        self._shift = np.uint64(64 - bits)
        self._generation_ns = generation_ns
        # Written to, so that memory is taken now and not when the second generation begins.
        self._now, self._before = (np.full((1 << bits) // 8, 0, np.uint8) for _ in range(2))
        self._most = (1 << bits) // 8
        self._count = 0
        self._began_ns = np.iinfo(np.int64).min
        self.turned_early = 0

    def take(self, values: NDArray[np.uint64], clock_ns: int) -> NDArray[np.bool_]:
        """Which of the distinct `values` are new at this time; all are known afterwards."""
        self._age(clock_ns, len(values))
        byte, bit = self._places(values)
        known = ((self._now[byte] & bit) != 0).all(axis=0)
        fresh = ~(known | ((self._before[byte] & bit) != 0).all(axis=0))
        # What only the older generation knows is in use, and must outlive it.
        np.bitwise_or.at(self._now, byte[:, ~known].ravel(), bit[:, ~known].ravel())
        self._count += int(np.count_nonzero(~known))
        return np.asarray(fresh)

    def state(self) -> Parts:
        """Both generations."""
        plain = np.array([self._count, self._began_ns, self.turned_early], np.int64)
        return {"plain": plain, "now": self._now, "before": self._before}

    def restore(self, parts: Parts) -> None:
        """Take a state back; one of another size is left, and everything is new again."""
        if parts["now"].shape == self._now.shape:
            self._now, self._before = parts["now"].copy(), parts["before"].copy()
            self._count, self._began_ns, self.turned_early = parts["plain"].tolist()

    def _age(self, clock_ns: int, more: int) -> None:
        if self._began_ns == np.iinfo(np.int64).min:
            self._began_ns = clock_ns
        old = clock_ns - self._began_ns >= self._generation_ns
        full = self._count + more > self._most and self._count > 0
        if old or full:
            self.turned_early += full and not old
            self._before, self._now = self._now, self._before
            self._now.fill(0)
            self._count, self._began_ns = 0, clock_ns

    def _places(self, values: NDArray[np.uint64]) -> tuple[NDArray[np.int64], NDArray[np.uint8]]:
        """Byte and bit of each probe, (probes, n)."""
        first = mixed(values)
        second = mixed(first ^ _MIX[0]) | np.uint64(1)
        probe = first + second * np.arange(_PROBES, dtype=np.uint64)[:, None]
        place = probe >> self._shift
        return (place >> np.uint64(3)).astype(np.int64), np.uint8(1) << (place & np.uint64(7)).astype(
            np.uint8
        )


def mixed(values: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Each value scattered over 64 bits (the finaliser of MurmurHash3)."""
    out = values ^ (values >> np.uint64(33))
    out *= _MIX[1]
    out ^= out >> np.uint64(33)
    out *= _MIX[2]
    return np.asarray(out ^ (out >> np.uint64(33)))
