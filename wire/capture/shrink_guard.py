"""A mapped file that shrinks while it is read must not kill the process.

Reading a page that a mapping has lost raises SIGBUS. While such mappings are open, a handler
puts zero pages in place of what is lost and notes where; the reader looks at the note after
each block. The fault may come from a compiled kernel, in any thread and without the GIL, so the
handler is machine code that calls mmap and nothing else. It is no kernel: it touches no
array of the program, only its own table of address ranges.

A bus error anywhere else goes to whatever handler was there before.
Sources: signal(7), sigaction(2), mmap(2); the layout of siginfo_t and sigaction is that of
64-bit Linux.
"""

from __future__ import annotations

import ctypes
import mmap
import signal
import sys
import weakref
from functools import lru_cache
from threading import Lock
from typing import Any

import numpy as np

_SLOTS = 1024
#: A row for each mapping: first address, address after the last, lowest lost page (0: none).
_RANGES = np.zeros((_SLOTS, 3), np.int64)
_START, _END, _LOST = 0, 1, 2
_MAP_FIXED, _MAP_NORESERVE = 0x10, 0x4000
_SA_SIGINFO, _SA_ONSTACK = 0x4, 0x08000000
_SIGACTION_BYTES = 152  # handler, 128 bytes of mask, flags, restorer
_FLAGS_AT = 136

_HANDLER = """
define void @on_bus_error(i32 %signal, ptr %info, ptr %context) {{
entry:
  %where_at = getelementptr i8, ptr %info, i64 16
  %where = load i64, ptr %where_at
  br label %next
next:
  %slot = phi i64 [ 0, %entry ], [ %following, %other ]
  %over = icmp eq i64 %slot, {slots}
  br i1 %over, label %foreign, label %look
look:
  %behind = mul i64 %slot, 24
  %row = add i64 %behind, {table}
  %start_at = inttoptr i64 %row to ptr
  %end_at = getelementptr i8, ptr %start_at, i64 8
  %lost_at = getelementptr i8, ptr %start_at, i64 16
  %start = load volatile i64, ptr %start_at
  %end = load volatile i64, ptr %end_at
  %after = icmp uge i64 %where, %start
  %before = icmp ult i64 %where, %end
  %within = and i1 %after, %before
  br i1 %within, label %ours, label %other
other:
  %following = add i64 %slot, 1
  br label %next
ours:
  %page = and i64 %where, {page_mask}
  %length = sub i64 %end, %page
  %page_at = inttoptr i64 %page to ptr
  %mapped = call ptr inttoptr (i64 {mmap} to ptr)(ptr %page_at, i64 %length, i32 {protection}, i32 {flags}, i32 -1, i64 0)
  %same = icmp eq ptr %mapped, %page_at
  br i1 %same, label %noted, label %foreign
noted:
  store volatile i64 %page, ptr %lost_at
  ret void
foreign:
  %ignored = call i32 inttoptr (i64 {sigaction} to ptr)(i32 {signal}, ptr inttoptr (i64 {previous} to ptr), ptr null)
  ret void
}}
"""  # noqa: E501


class GuardedMap(mmap.mmap):
    """A private mapping of a whole file that reads as zeros where the file was lost."""

    _slot = -1

    def damaged(self) -> bool:
        """Some of the mapped bytes are no longer in the file."""
        return bool(_RANGES[self._slot, _LOST]) or self.size() < len(self)

    def damage(self) -> str:
        """The clause that tells of it."""
        if self.size() < len(self):
            return (
                f"the file shrank while it was read, from {len(self):,} to {self.size():,} bytes;"
                " what was left was read"
            )
        return "a part of the file could not be read; look at the disk, or whether it was rewritten"

    def sound_bytes(self) -> int:
        """How many bytes from the start are still the file's."""
        start, _, lost = _RANGES[self._slot].tolist()
        return min(self.size(), lost - start) if lost else min(self.size(), len(self))


def map_file(descriptor: int, size: int) -> GuardedMap | None:
    """Map `size` bytes of an open file, guarded; None where that cannot be done.

    The pages are writable, though never written, because kernels are compiled for writable
    arrays only; being private, nothing could reach the file. Raises OSError as mmap does.
    """
    if not (sys.platform == "linux" and sys.maxsize > 2**32):
        return None
    mapping = GuardedMap(
        descriptor,
        size,
        flags=mmap.MAP_PRIVATE | _MAP_NORESERVE,
        prot=mmap.PROT_READ | mmap.PROT_WRITE,
    )
    slot = _guard().take(mapping, size)
    if slot is None:
        return None
    mapping._slot = slot
    return mapping


class _Guard:
    """The handler, installed while a guarded mapping exists."""

    def __init__(self) -> None:
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._previous = ctypes.create_string_buffer(_SIGACTION_BYTES)
        self._engine, address = _compile_handler(self._libc, ctypes.addressof(self._previous))
        self._action = ctypes.create_string_buffer(_SIGACTION_BYTES)
        ctypes.c_uint64.from_buffer(self._action).value = address
        flags = ctypes.c_int.from_buffer(self._action, _FLAGS_AT)
        flags.value = _SA_SIGINFO | _SA_ONSTACK
        self._free = list(range(_SLOTS))
        self._lock = Lock()

    def take(self, mapping: GuardedMap, size: int) -> int | None:
        """Guard a mapping until it is collected; None when all slots are taken."""
        with self._lock:
            if not self._free:
                return None
            if len(self._free) == _SLOTS:
                self._install()
            slot = self._free.pop()
        start = ctypes.addressof(ctypes.c_char.from_buffer(mapping))
        whole_pages = -(-size // mmap.PAGESIZE) * mmap.PAGESIZE
        _RANGES[slot, _LOST] = 0
        _RANGES[slot, _END] = start + whole_pages
        _RANGES[slot, _START] = start  # last: from here on the handler answers for the slot
        weakref.finalize(mapping, self._release, slot)
        return slot

    def _release(self, slot: int) -> None:
        _RANGES[slot, _END] = 0
        with self._lock:
            self._free.append(slot)
            if len(self._free) == _SLOTS:
                self._libc.sigaction(signal.SIGBUS, self._previous, None)

    def _install(self) -> None:
        if self._libc.sigaction(signal.SIGBUS, self._action, self._previous):
            raise OSError(ctypes.get_errno(), "the bus error handler cannot be installed")


@lru_cache(maxsize=1)
def _guard() -> _Guard:
    return _Guard()


def _address(function: Any) -> int:
    return int(ctypes.cast(function, ctypes.c_void_p).value or 0)


def _compile_handler(libc: ctypes.CDLL, previous: int) -> tuple[Any, int]:
    """The execution engine, which must be kept, and the handler's address."""
    from llvmlite import binding  # type: ignore[import-untyped]  # late: opening a stream does not need it

    binding.initialize_native_target()
    binding.initialize_native_asmprinter()
    text = _HANDLER.format(
        slots=_SLOTS,
        table=_RANGES.ctypes.data,
        page_mask=-mmap.PAGESIZE,
        mmap=_address(libc.mmap),
        protection=mmap.PROT_READ | mmap.PROT_WRITE,
        flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | _MAP_FIXED | _MAP_NORESERVE,
        sigaction=_address(libc.sigaction),
        signal=int(signal.SIGBUS),
        previous=previous,
    )
    machine = binding.Target.from_default_triple().create_target_machine(opt=1)
    engine = binding.create_mcjit_compiler(binding.parse_assembly(text), machine)
    engine.finalize_object()
    return engine, engine.get_function_address("on_bus_error")
