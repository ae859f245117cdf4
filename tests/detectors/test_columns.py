"""Columns of host rows: what a pattern chooses by them is what it chooses by the rows."""

from __future__ import annotations

import numpy as np
import pytest

from detectors.columns import Columns
from detectors.host_rows import HOST_ROW
from detectors.rules.patterns.pattern import Pattern
from detectors.rules.patterns.watches import OF_HOST_ROWS


def test_a_column_is_made_once_and_lies_together() -> None:
    rows = np.zeros(9, HOST_ROW)
    rows["flow"] = np.arange(9)
    columns = Columns(rows)
    assert columns["flow"] is columns["flow"]
    assert columns["flow"].flags.c_contiguous
    assert columns["flow"].tolist() == list(range(9))
    assert len(columns) == 9


@pytest.mark.parametrize("pattern", OF_HOST_ROWS, ids=lambda each: f"{each.name} {each.form}")
def test_watches_that_share_columns_choose_alike(pattern: Pattern) -> None:
    raw = np.random.default_rng(3).integers(0, 256, 2000 * HOST_ROW.itemsize, np.uint8)
    rows = raw.view(HOST_ROW)
    rows["protocol"] = rows["protocol"] % 18
    shared = Columns(rows)
    for other in OF_HOST_ROWS:
        other.select(shared)
    assert np.array_equal(pattern.select(shared), pattern.select(Columns(rows.copy())))
