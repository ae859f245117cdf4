"""Counting by group with NumPy: exact, and independent of the order of the rows."""

from __future__ import annotations

from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from detectors.numbering import distinct_pairs

_Whole = TypeVar("_Whole", bound=np.integer[Any])


def address_ids(
    hi: NDArray[np.uint64], lo: NDArray[np.uint64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Number the distinct addresses, in their order.

    Returns the number of each row's address, and for each number the first row that holds it.
    """
    codes, first = distinct_pairs(hi, lo)
    return _in_order(codes, first, np.lexsort((lo[first], hi[first])))


def combined(*keys: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Number the distinct combinations of whole numbers (>= 0), in their order.

    Returns the number of each row's combination, and for each number the first row that holds it.
    """
    group, groups = np.zeros(len(keys[0]), np.int64), 1
    for key in keys:
        width = int(key.max(initial=0)) + 1
        if groups * width > np.iinfo(np.int64).max:
            # Numbered closely, both are below the number of rows, and fit.
            (group, _), (key, _) = _numbered(group), _numbered(key)
            groups, width = int(group.max()) + 1, int(key.max()) + 1
        group, groups = group * width + key, groups * width
    return _numbered(group)


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


def _numbered(values: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The place of each row's value among the distinct ones in order, and the first row of each."""
    codes, first = distinct_pairs(np.zeros(len(values), np.uint64), values.astype(np.uint64))
    return _in_order(codes, first, np.argsort(values[first]))


def _in_order(
    codes: NDArray[np.int32], first: NDArray[np.int32], order: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Codes and first rows numbered anew, so that `order` is how they stand."""
    rank = np.empty(len(order), np.int64)
    rank[order] = np.arange(len(order))
    return rank[codes], first[order].astype(np.int64)
