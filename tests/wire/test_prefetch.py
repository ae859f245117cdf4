"""A hint about memory changes nothing, and no address is wrong."""

from __future__ import annotations

import numpy as np
import pytest
from numba import njit

from wire.kernel import kernel
from wire.prefetch import prefetch


@kernel
def _hint(values, at):  # type: ignore[no-untyped-def]
    prefetch(values, at)
    return values[0]


@pytest.mark.parametrize("at", [0, 7, 8, -1, 1 << 40, -(1 << 62)])
def test_any_address_may_be_hinted_at(at: int) -> None:
    values = np.arange(3, 11, dtype=np.uint8)
    assert _hint(values, at) == 3
    assert values.tolist() == list(range(3, 11))


def test_a_hint_is_the_processors_own_instruction() -> None:
    compiled_here = njit(_hint.py_func)  # a kernel read from its cache can't be looked into
    compiled_here(np.zeros(8, np.uint8), 0)
    assert "@llvm.prefetch" in next(iter(compiled_here.inspect_llvm().values()))
