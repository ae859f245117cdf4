"""Arrow columns from arrays: values, nulls, and what making them does not load."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from sinks.records.columns import figures, numbers, texts

_MAKE_SOME = """
import numpy as np
from sinks.records.columns import by_value, enumeration, figures, first_of, numbers, texts, times
a = np.arange(3)
numbers(a); numbers(a > 1, a < 1); times(a); figures(a / 2); texts(["a", None])
enumeration(a, ["x", "y", "z"]); by_value(a, str); first_of(a.reshape(3, 1), a)

from detectors.involvement import NOBODY, of_windows
from detectors.window_features import WINDOW
from sinks.records.windows import involved_table, windows_table
some = np.zeros(2, WINDOW)
windows_table(some, of_windows(some, NOBODY), None); involved_table(NOBODY, None)
"""


@pytest.mark.parametrize("dtype", ["bool", "u1", "i2", "u4", "i8", "u8", "f4", "f8"])
@pytest.mark.parametrize("count", [0, 1, 8, 21])
def test_numbers(dtype: str, count: int) -> None:
    values = (np.arange(2 * count)[::2] % 3).astype(dtype)
    null = np.arange(count) % 4 == 1
    made, sparse = numbers(values), numbers(values, null)
    made.validate(full=True)
    sparse.validate(full=True)
    assert made.type == pa.from_numpy_dtype(np.dtype(dtype))
    assert made.to_pylist() == values.tolist()
    expected = [None if gone else value for gone, value in zip(null.tolist(), values.tolist(), strict=True)]
    assert sparse.to_pylist() == expected


def test_figures_without_a_value_are_null() -> None:
    assert figures(np.array([1.5, np.nan])).to_pylist() == [1.5, None]


def test_texts() -> None:
    told = ["", "校园", None, "a"]
    made = texts(told)
    made.validate(full=True)
    assert made.to_pylist() == told
    assert texts([]).to_pylist() == []


def test_pandas_is_not_loaded(tmp_path: Path, root: Path) -> None:
    (tmp_path / "pandas.py").write_text("raise SystemExit('pandas was loaded')\n")
    paths = os.pathsep.join([str(tmp_path), str(root)])
    ended = subprocess.run(
        [sys.executable, "-c", _MAKE_SOME],
        env=os.environ | {"PYTHONPATH": paths},
        capture_output=True,
        text=True,
    )
    assert (ended.returncode, ended.stderr) == (0, "")
