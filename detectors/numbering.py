"""Numbers for the distinct pairs among many, by hashing: a sort takes almost four times as long."""

from __future__ import annotations

import secrets

import numpy as np
from numpy.typing import NDArray

from wire.kernel import kernel

_MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)
_MIXER = np.uint64(0xBF58476D1CE4E5B9)


@kernel
def number_pairs(high, low, seed, slots, codes, first):  # type: ignore[no-untyped-def]
    """Number the distinct pairs (high[i], low[i]) in order of appearance; return how many.

    high, low: uint64[n]; seed: uint64, unknown to who sends packets, so that none can make the
    table's chains long; slots: int32[power of two > n], zero; codes, first: int32[n], written:
    the number of pair i, and where number k appeared first.
    """
    mask = np.uint64(len(slots) - 1)
    count = 0
    for i in range(len(codes)):
        value = (high[i] ^ seed) * _MULTIPLIER
        value = (value ^ (value >> np.uint64(32)) ^ low[i]) * _MIXER
        value ^= value >> np.uint64(29)
        value *= _MULTIPLIER
        slot = np.int64((value >> np.uint64(20)) & mask)
        while slots[slot] != 0:
            known = first[slots[slot] - 1]
            if high[known] == high[i] and low[known] == low[i]:
                break
            slot = (slot + 1) & np.int64(mask)
        if slots[slot] == 0:
            first[count] = i
            count += 1
            slots[slot] = count
        codes[i] = slots[slot] - 1
    return count


def distinct_pairs(
    high: NDArray[np.uint64], low: NDArray[np.uint64]
) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Codes (n,) int32 of each pair, and where each code appeared first, (distinct,) int32."""
    high, low = np.ascontiguousarray(high), np.ascontiguousarray(low)
    slots = np.zeros(1 << (2 * len(high) + 1).bit_length(), np.int32)
    codes, first = np.zeros(len(high), np.int32), np.zeros(len(high), np.int32)
    seed = np.uint64(secrets.randbits(64))
    count = number_pairs(high, low, seed, slots, codes, first)
    return codes, first[:count]
