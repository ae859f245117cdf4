"""Large arrays that are filled from their start: memory is taken as they fill."""

from __future__ import annotations

import contextlib
import mmap
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray


def zeros_in_small_pages(count: int, dtype: DTypeLike) -> NDArray[Any]:
    """As `np.zeros`, one dimension, but in pages of the usual size.

    From 4 MiB on NumPy asks the system for pages of 2 MiB, and some systems give them unasked; each is whole
    from its first byte on: right for what is read here and there, a waste for what is short for weeks.
    """
    size = count * np.dtype(dtype).itemsize
    if size == 0:
        return np.zeros(0, dtype)
    memory = mmap.mmap(-1, size, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    with contextlib.suppress(OSError):  # a kernel without large pages
        memory.madvise(mmap.MADV_NOHUGEPAGE)
    return np.frombuffer(memory, dtype)
