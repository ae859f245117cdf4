"""Records are copied whole: what NumPy would give, without its looking at every field."""

from __future__ import annotations

import numpy as np
import pytest

from wire.flows.records import DELTA
from wire.record_arrays import as_bytes, joined, kept, owned, picked


def _deltas(first: int, count: int) -> np.ndarray:
    rows = np.zeros(count, DELTA)
    rows["flow"] = np.arange(first, first + count)
    return rows


def test_parts_stand_one_after_the_other() -> None:
    parts = [_deltas(0, 3), _deltas(3, 0), _deltas(3, 40)[::2]]
    together = joined(parts)
    assert together.dtype == DELTA
    assert (together == np.concatenate(parts)).all()
    assert joined(parts[:1]) is parts[0]


def test_few_records_do_not_hold_the_array_they_are_of() -> None:
    many = _deltas(0, 1_000)
    few = owned(many[10:12])
    assert few.dtype == DELTA
    assert few["flow"].tolist() == [10, 11]
    assert not np.shares_memory(few, many)
    assert owned(many) is many


def test_bytes_are_those_of_the_records() -> None:
    rows = _deltas(7, 2)
    assert as_bytes(rows).tobytes() == rows.tobytes()


def test_picked_records_are_those_that_indexing_gives() -> None:
    rows = _deltas(7, 40)[::2]
    mask, places = rows["flow"] % 3 == 0, np.array([4, 0, 4, 19])
    for which in (mask, places, mask & False, places[:0]):
        some = picked(rows, which)
        assert some.dtype == DELTA
        assert (some == rows[which]).all()
        assert len(some) == len(rows[which])
        assert not np.shares_memory(some, rows)


@pytest.mark.parametrize("count", [0, 1, 4_096, 10_000])
@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
def test_kept_records_are_those_that_indexing_gives(count: int, share: float) -> None:
    rows = _deltas(7, count)
    which = np.random.default_rng(count).random(count) < share
    wanted = rows[which]
    found = kept(rows, which)
    assert found.dtype == DELTA
    assert found.tobytes() == wanted.tobytes()
    assert count == 0 or np.shares_memory(found, rows) or len(found) == 0
