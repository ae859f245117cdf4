"""Numbering of combinations: exact for keys too wide for one number, too."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from detectors.grouping import address_ids, combined, distinct_values


@pytest.mark.parametrize("widths", [(3, 5, 2), (4, 1 << 60, 1 << 61, 7)])
def test_combinations_are_numbered_in_order(widths: tuple[int, ...]) -> None:
    random = np.random.default_rng(1)
    keys = [random.choice(random.integers(0, width, 4), 300).astype(np.int64) for width in widths]
    _, first, expected = np.unique(np.stack(keys), axis=1, return_index=True, return_inverse=True)
    group, at = combined(*keys)
    assert np.array_equal(group, expected.reshape(-1))
    assert np.array_equal(at, first)


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 2**64 - 1) | st.integers(0, 3)), max_size=50))
def test_addresses_are_numbered_in_order(addresses: list[tuple[int, int]]) -> None:
    hi, lo = (np.array([each[half] for each in addresses], np.uint64) for half in (0, 1))
    ids, first = address_ids(hi, lo)
    distinct = sorted(set(addresses))
    assert [distinct[i] for i in ids.tolist()] == addresses
    assert first.tolist() == [addresses.index(each) for each in distinct]


@given(st.lists(st.integers(-(2**63), 2**63 - 1), max_size=50))
def test_distinct_values_are_those_of_a_set(values: list[int]) -> None:
    assert distinct_values(np.array(values, np.int64)).tolist() == sorted(set(values))
