"""Interned byte strings: compiled code sees an id, Python sees each distinct string once."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from wire.kernel import kernel
from wire.small_pages import zeros_in_small_pages

ABSENT = -1
_HEADER_COUNT, _HEADER_BYTES, _HEADER_REFUSED = 0, 1, 2
_FNV_OFFSET = np.uint64(0xCBF29CE484222325)
_FNV_PRIME = np.uint64(0x100000001B3)


class StringArrays(NamedTuple):
    """The flat arrays that kernels see. `header`: count, bytes used, strings refused when full."""

    header: NDArray[np.int64]
    slots: NDArray[np.int32]  # open addressing, id + 1, 0 empty; length a power of two
    hashes: NDArray[np.uint64]  # of each id
    starts: NDArray[np.int64]  # of each id in `arena`; one more than ids
    arena: NDArray[np.uint8]


@kernel
def intern(strings, buffer, start, end):  # type: ignore[no-untyped-def]
    """Return the id of buffer[start:end], adding it when new; ABSENT when out of range or full."""
    if start < 0 or end < start or end > len(buffer):
        return ABSENT
    value = _FNV_OFFSET
    at = start
    while at + 4 <= end:  # four bytes a step: the product is what a step waits for
        word = np.uint64(buffer[at]) | (np.uint64(buffer[at + 1]) << np.uint64(8))
        word |= (np.uint64(buffer[at + 2]) << np.uint64(16)) | (np.uint64(buffer[at + 3]) << np.uint64(24))
        value = (value ^ word) * _FNV_PRIME
        value ^= value >> np.uint64(32)
        at += 4
    while at < end:
        value = (value ^ np.uint64(buffer[at])) * _FNV_PRIME
        at += 1
    value ^= value >> np.uint64(29)
    mask = len(strings.slots) - 1
    slot = np.int64(value & np.uint64(mask))
    length = end - start
    while strings.slots[slot] != 0:
        known = strings.slots[slot] - 1
        if strings.hashes[known] == value:
            at = strings.starts[known]
            if strings.starts[known + 1] - at == length:
                same = True
                for i in range(length):
                    if strings.arena[at + i] != buffer[start + i]:
                        same = False
                        break
                if same:
                    return known
        slot = (slot + 1) & mask
    count = strings.header[_HEADER_COUNT]
    used = strings.header[_HEADER_BYTES]
    if count >= len(strings.hashes) or used + length > len(strings.arena):
        strings.header[_HEADER_REFUSED] += 1
        return ABSENT
    for i in range(length):
        strings.arena[used + i] = buffer[start + i]
    strings.hashes[count] = value
    strings.starts[count] = used
    strings.starts[count + 1] = used + length
    strings.slots[slot] = count + 1
    strings.header[_HEADER_COUNT] = count + 1
    strings.header[_HEADER_BYTES] = used + length
    return count


@kernel
def intern_all(strings, text, ends, ids):  # type: ignore[no-untyped-def]
    """Intern n strings that lie one after the other in `text`, ends int64[n]; ids int32[n], written."""
    start = np.int64(0)
    for i in range(len(ends)):
        ids[i] = intern(strings, text, start, ends[i])
        start = ends[i]


class StringTable:
    """A bounded table of distinct byte strings; ids count up from 0 and are never reused."""

    def __init__(self, max_strings: int, max_bytes: int) -> None:
        slots = 1 << (2 * max_strings - 1).bit_length()
        self.arrays = StringArrays(
            header=np.zeros(3, np.int64),
            # Written to: within days strings lie on all its pages, and what is taken now is not missing then.
            slots=np.full(slots, 0, np.int32),
            hashes=zeros_in_small_pages(max_strings, np.uint64),
            starts=zeros_in_small_pages(max_strings + 1, np.int64),
            arena=zeros_in_small_pages(max_bytes, np.uint8),
        )

    def __len__(self) -> int:
        return int(self.arrays.header[_HEADER_COUNT])

    @property
    def refused(self) -> int:
        """Strings that were not kept because the table was full."""
        return int(self.arrays.header[_HEADER_REFUSED])

    def __getitem__(self, string_id: int) -> bytes:
        """The bytes of an id. Raises IndexError for an id that was never given out."""
        if not 0 <= string_id < len(self):
            raise IndexError(string_id)
        starts = self.arrays.starts
        return self.arrays.arena[starts[string_id] : starts[string_id + 1]].tobytes()

    def lengths(self, ids: NDArray[np.int32]) -> NDArray[np.int64]:
        """Bytes of each of these ids (>= 0)."""
        return self.arrays.starts[ids + 1] - self.arrays.starts[ids]

    def add(self, text: bytes) -> int:
        """Intern `text` from Python; ABSENT when the table is full."""
        return int(intern(self.arrays, np.frombuffer(text or b"\0", np.uint8), 0, len(text)))

    def since(self, first: int) -> tuple[NDArray[np.int32], NDArray[np.uint8]]:
        """The strings of all ids from `first` on: their lengths, and their bytes one after the other."""
        starts = self.arrays.starts[first : len(self) + 1]
        text = self.arrays.arena[int(starts[0]) : int(starts[-1])]
        return np.diff(starts).astype(np.int32), text.copy()

    def add_all(self, lengths: NDArray[np.int32], text: NDArray[np.uint8]) -> NDArray[np.int32]:
        """Intern strings as `since` gives them; their ids here, ABSENT for those that do not fit."""
        ids = np.empty(len(lengths), np.int32)
        intern_all(self.arrays, text, np.cumsum(lengths, dtype=np.int64), ids)
        return ids
