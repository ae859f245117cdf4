"""A hint to the processor that memory will be read soon; it reads nothing, and no address is wrong."""

from __future__ import annotations

from typing import Any

from llvmlite import ir  # type: ignore[import-untyped]
from numba import types
from numba.core.cgutils import get_or_insert_function
from numba.extending import intrinsic

LINE_BYTES = 64  # of a cache line, on x86-64 and nearly all of ARM
_READ, _KEEP, _DATA = 0, 3, 1


def _prefetch(typing_context: Any, array: Any, index: Any) -> Any:
    """How a call is compiled: to LLVM's llvm.prefetch (LLVM Language Reference Manual)."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        held = context.make_array(signature.args[0])(context, builder, arguments[0])
        at = builder.bitcast(builder.gep(held.data, [arguments[1]]), ir.IntType(8).as_pointer())
        number = ir.IntType(32)
        shape = ir.FunctionType(ir.VoidType(), [at.type, number, number, number])
        hint = get_or_insert_function(builder.module, shape, "llvm.prefetch.p0")
        builder.call(hint, [at, number(_READ), number(_KEEP), number(_DATA)])
        return context.get_dummy_value()

    return types.void(array, index), generate


#: For kernels: prefetch(array, index) brings the cache line of an item of a one-dimensional array near.
prefetch: Any = intrinsic(_prefetch)
