"""Counting by group with NumPy: exact, and independent of the order of the rows."""

from __future__ import annotations

from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

_Whole = TypeVar("_Whole", bound=np.integer[Any])
_MIX = np.uint64(0x9E3779B97F4A7C15)


def address_ids(
    hi: NDArray[np.uint64], lo: NDArray[np.uint64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Number the distinct addresses.

    Returns the number of each row's address, and for each number the index of a row that holds it.
    One 64-bit key is enough for IPv4 and nearly always for IPv6; where two addresses share a key
    the slower exact way is taken.
    """
    key = lo ^ (hi * _MIX)
    _, first, ids = np.unique(key, return_index=True, return_inverse=True)
    first, ids = first.astype(np.int64), ids.astype(np.int64)
    if np.array_equal(hi[first][ids], hi) and np.array_equal(lo[first][ids], lo):
        return ids, first
    pairs = np.empty(len(hi), np.dtype([("hi", "u8"), ("lo", "u8")]))
    pairs["hi"], pairs["lo"] = hi, lo
    _, first, ids = np.unique(pairs, return_index=True, return_inverse=True)
    return ids.astype(np.int64), first.astype(np.int64)


def combined(*keys: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Number the distinct combinations of whole numbers (>= 0), in their order; at least one row.

    Returns the number of each row's combination, and for each number the first row that holds it.
    """
    group, groups = np.zeros(len(keys[0]), np.int64), 1
    for key in keys:
        width = int(key.max()) + 1
        if groups * width > np.iinfo(np.int64).max:
            # Numbered closely, both are below the number of rows, and fit.
            _, group = np.unique(group, return_inverse=True)
            _, key = np.unique(key, return_inverse=True)
            groups, width = int(group.max()) + 1, int(key.max()) + 1
        group, groups = group * width + key, groups * width
    _, first, group = np.unique(group, return_index=True, return_inverse=True)
    return group.astype(np.int64), first.astype(np.int64)


def distinct_values(values: NDArray[_Whole]) -> NDArray[_Whole]:
    """The distinct whole numbers of an array, in order.

    By a sort: `np.unique` hashes, which took twenty times as long for two million of them.
    """
    ordered = np.sort(values)
    new = np.ones(len(ordered), np.bool_)
    np.not_equal(ordered[1:], ordered[:-1], out=new[1:])
    return ordered[new]


def count(group: NDArray[np.int64], groups: int) -> NDArray[np.float64]:
    """Rows per group."""
    return np.bincount(group, minlength=groups).astype(np.float64)


def total(
    group: NDArray[np.int64], values: NDArray[np.generic], groups: int
) -> NDArray[np.float64]:
    """Sum of integer `values` per group; exact while a sum stays below 2**53."""
    return np.asarray(np.bincount(group, weights=values.astype(np.float64), minlength=groups), np.float64)


def distinct(
    group: NDArray[np.int64], values: NDArray[np.int64], groups: int
) -> NDArray[np.float64]:
    """Distinct `values` (>= 0) per group."""
    if len(group) == 0:
        return np.zeros(groups)
    width = np.int64(values.max()) + 1
    pairs = distinct_values(group * width + values)
    return np.bincount(pairs // width, minlength=groups).astype(np.float64)


def share(part: NDArray[np.float64], whole: NDArray[np.float64]) -> NDArray[np.float64]:
    """`part` of `whole`, 0 where there is no whole."""
    return np.divide(part, whole, out=np.zeros_like(part), where=whole > 0)
