"""The bytes of a capture as windows: a whole mapped file, or chunks of a stream.

An indexer reads `window` from a position; when a record does not end within it, `extend` makes
a new window that begins with that record. Old windows stay whole while a block refers to them.
"""

from __future__ import annotations

import mmap
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from wire.capture.errors import CaptureError

#: Mapped pages this far behind the reader are given back; blocks that still need them fault
#: them in again from the page cache, so this bounds resident memory and nothing else.
_KEPT_BYTES = 512 << 20
_RELEASE_STEP_BYTES = 64 << 20


class ByteStream(Protocol):
    """Bytes in order."""

    def read(self, limit: int, /) -> bytes:
        """At most `limit` bytes, and none only at the end."""

    def close(self) -> None:
        """Let go of the file."""


class Window(Protocol):
    """Where an indexer finds its bytes."""

    window: NDArray[np.uint8]

    def extend(self, position: int) -> bool:
        """Make window[position:] the start of a longer window; False at the end of the bytes."""

    def passed(self, position: int) -> None:
        """Nothing before `position` will be indexed again."""

    def close(self) -> None:
        """Let go of file and memory; blocks that are still held stay readable."""


class MappedWindow:
    """A whole file, mapped: one window, never copied."""

    def __init__(self, mapping: mmap.mmap) -> None:
        self.window: NDArray[np.uint8] = np.frombuffer(mapping, np.uint8)
        self._mapping: mmap.mmap | None = mapping
        self._released = 0

    def extend(self, position: int) -> bool:
        """False: there is nothing beyond a file."""
        return False

    def passed(self, position: int) -> None:
        """Give back pages far behind `position`."""
        end = position - _KEPT_BYTES
        if self._mapping is not None and end - self._released >= _RELEASE_STEP_BYTES:
            end -= end % mmap.PAGESIZE
            self._mapping.madvise(mmap.MADV_DONTNEED, self._released, end - self._released)
            self._released = end

    def close(self) -> None:
        """Drop the mapping; it goes when the last block over it goes."""
        self.window = np.zeros(0, np.uint8)
        self._mapping = None


class StreamWindow:
    """Chunks of a stream, each a buffer of its own that begins with what the last left over."""

    def __init__(self, stream: ByteStream, chunk_bytes: int) -> None:
        self.window: NDArray[np.uint8] = np.zeros(0, np.uint8)
        self._stream = stream
        self._chunk_bytes = chunk_bytes
        self._fault: CaptureError | None = None

    def extend(self, position: int) -> bool:
        """Read a chunk, or as much as is carried if that is more, so that copying stays linear.

        Raises CaptureError when the stream is damaged and all before the damage has been given.
        """
        carried = self.window[position:]
        wider = np.empty(len(carried) + max(self._chunk_bytes, len(carried)), np.uint8)
        wider[: len(carried)] = carried
        filled = len(carried)
        into = wider.data
        while filled < len(wider) and self._fault is None:
            try:
                piece = self._stream.read(len(wider) - filled)
            except CaptureError as error:
                self._fault = error  # what came before it is read first
                break
            if not piece:
                break
            into[filled : filled + len(piece)] = piece
            filled += len(piece)
        if filled == len(carried):
            if self._fault is not None:
                raise self._fault
            return False
        self.window = wider[:filled]
        return True

    def passed(self, position: int) -> None:
        """Nothing to do: old chunks go with their last block."""

    def close(self) -> None:
        """Close the stream."""
        self.window = np.zeros(0, np.uint8)
        self._stream.close()
