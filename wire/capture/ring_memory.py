"""The rings of some packet sockets, mapped side by side: an offset into one buffer finds any frame."""

from __future__ import annotations

import ctypes
import mmap
import os
import weakref
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from wire.capture.errors import CaptureError

_MAP_FIXED, _MAP_NORESERVE, _PROT_NONE = 0x10, 0x4000, 0
_FAILED = ctypes.c_void_p(-1).value


def map_side_by_side(descriptors: Sequence[int], sizes: Sequence[int]) -> NDArray[np.uint8]:
    """Map each socket's whole ring, one behind the other; shape (sum of sizes,), writable.

    sizes: bytes, multiples of the page size. The memory is let go with the last array over it.
    Raises CaptureError when a ring is not of its size, or there is no room.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    libc.mmap.restype = ctypes.c_void_p
    libc.mmap.argtypes = (
        ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_long,
    )  # fmt: skip
    libc.munmap.argtypes = (ctypes.c_void_p, ctypes.c_size_t)
    total = sum(sizes)
    private = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | _MAP_NORESERVE
    start = libc.mmap(None, total, _PROT_NONE, private, -1, 0)
    if start == _FAILED:
        raise CaptureError(f"the rings cannot be mapped: {os.strerror(ctypes.get_errno())}")
    at = start
    for descriptor, size in zip(descriptors, sizes, strict=True):
        protection = mmap.PROT_READ | mmap.PROT_WRITE
        if libc.mmap(at, size, protection, mmap.MAP_SHARED | _MAP_FIXED, descriptor, 0) == _FAILED:
            reason = os.strerror(ctypes.get_errno())
            libc.munmap(start, total)
            raise CaptureError(f"a ring of {size} bytes cannot be mapped: {reason}")
        at += size
    region = (ctypes.c_uint8 * total).from_address(start)
    let_go = weakref.finalize(region, libc.munmap, start, total)
    let_go.atexit = False  # arrays over it may outlive that
    rings: NDArray[np.uint8] = np.frombuffer(memoryview(region), np.uint8)
    return rings
