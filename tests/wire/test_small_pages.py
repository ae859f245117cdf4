"""Arrays that are filled in order take no more memory than what was written."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from tests.bench.measure import ROOT
from wire.small_pages import zeros_in_small_pages

_TOUCHES = """
import numpy as np
from tests.wire.flows.test_give_back import resident_bytes
from wire.small_pages import zeros_in_small_pages

before = resident_bytes()
arrays = [zeros_in_small_pages(8 << 20, np.uint64) for _ in range(10)]
for each in arrays:
    each[0] = 1
taken = resident_bytes() - before
assert taken < 1 << 20, taken
"""


@pytest.mark.parametrize("dtype", [np.uint8, np.int64, np.dtype([("a", "u1"), ("b", "f8")])])
def test_it_is_an_array_of_zeros_like_any_other(dtype: np.dtype) -> None:
    ours, plain = zeros_in_small_pages(1_001, dtype), np.zeros(1_001, dtype)
    assert ours.dtype == plain.dtype
    assert ours.flags.writeable
    assert ours.flags.c_contiguous
    assert ours.flags.aligned
    assert ours.tobytes() == plain.tobytes()
    assert len(zeros_in_small_pages(0, dtype)) == 0


def test_only_what_is_touched_takes_memory() -> None:
    subprocess.run([sys.executable, "-c", _TOUCHES], check=True, cwd=ROOT)
