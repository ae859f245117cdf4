"""The one decorator that makes every compiled function.

A kernel touches flat NumPy arrays only. Bounds checks stay on in production: a read past an
array raises IndexError, which costs its block and is counted, and never reads foreign memory.
A negative index would wrap, so kernels check that offsets are >= 0.

Kernels neither allocate nor return arrays (scratch and output arrays are arguments), so they are
compiled without Numba's reference counting: with it, every call that passes a tuple of arrays
costs two atomic operations an array, forty times the work itself.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numba
from numba import njit

from wire.kernel_cache import KernelCache
from wire.kernel_guard import refuse_unsafe_environment

#: Every compiled function of the program, in the order of definition.
KERNELS: list[Any] = []


refuse_unsafe_environment()
# The code branches at every step, so vectorising passes only lengthen compilation.
numba.config.LOOP_VECTORIZE = 0  # type: ignore[attr-defined]
numba.config.SLP_VECTORIZE = 0  # type: ignore[attr-defined]


def kernel(function: Callable[..., Any] | None = None, *, inline: bool = False) -> Any:
    """Compile a function without the GIL, with bounds checks, cached on disk, never in parallel.

    `inline` is for the small functions of the per-packet path: a call that passes a tuple of
    arrays copies every array's description, which costs more than a short body.
    """
    if function is None:
        return partial(kernel, inline=inline)
    compiled = njit(  # type: ignore[call-overload]  # not in its stubs: the last two
        function,
        boundscheck=True,
        nogil=True,
        error_model="numpy",
        forceinline=inline,
        no_cfunc_wrapper=True,
        _nrt=False,
    )
    compiled._cache = KernelCache(function)
    KERNELS.append(compiled)
    return compiled
