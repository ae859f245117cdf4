"""One capture file, read to its end or to its first fault."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from wire.capture.errors import CaptureError
from wire.capture.frame_index import (
    BAD_LINK_TYPE,
    FULL,
    MAX_BLOCK_FRAMES,
    NEEDS_MORE,
    FrameArrays,
)
from wire.capture.frames import FrameBlock
from wire.capture.link_types import LinkTypeTable
from wire.capture.opening import STANDARD_INPUT, open_file, recognise
from wire.capture.pcapng import PcapngIndexer
from wire.capture.pcapng_blocks import SKIPPED

#: Of SKIPPED, those that lose a frame which the file meant to hold.
_LOST_FRAMES = ("malformed_block", "interface_unknown", "frame_over_limit")


class CaptureFile:
    """The blocks of one file in its own order. Raises CaptureError when it is no capture.

    `problem` is None, or the line that says why the file did not end well.
    """

    def __init__(self, path: str | Path, table: LinkTypeTable, chunk_bytes: int) -> None:
        self.name = "standard input" if str(path) == STANDARD_INPUT else str(path)
        self.problem: str | None = None
        self.frames_read = 0
        self._table = table
        self._position = 0
        self._ended = False
        self._link_type_refused = False
        try:
            self._opened = open_file(path, chunk_bytes)
            try:
                self._begin()
            except BaseException:
                self._opened.window.close()
                raise
        except CaptureError as error:
            raise CaptureError(f"{self.name}: {error}") from error

    def _begin(self) -> None:
        self._window = self._opened.window
        self._indexer, self._position = recognise(self._window, self._table)
        self._ahead = self._read_block()
        unreadable = self._link_type_refused or not self._indexer.begun
        if self.problem is not None and self._ahead is None and unreadable:
            raise CaptureError(self.problem.removeprefix(f"{self.name}: "))

    @property
    def size(self) -> int | None:
        """Bytes of a regular file, else None."""
        return self._opened.size

    @property
    def bytes_read(self) -> int:
        """Bytes of the file (compressed, where it is) that are behind us."""
        stream = self._opened.stream
        return self._position if stream is None else stream.bytes_read

    @property
    def skipped(self) -> dict[str, int]:
        """What was passed over, by the names in SKIPPED."""
        if isinstance(self._indexer, PcapngIndexer):
            return dict(zip(SKIPPED, self._indexer.skipped.tolist(), strict=True))
        return dict.fromkeys(SKIPPED, 0)

    def next_block(self) -> FrameBlock | None:
        """The next frames, at least one; None at the end, whether good or not."""
        block, self._ahead = self._ahead, None
        if block is None:
            block = self._read_block()
        if block is not None:
            self.frames_read += len(block)
        return block

    def check_shrunk(self) -> None:
        """Note it when a mapped file has lost bytes, also while a consumer read them."""
        mapping = self._opened.mapping
        if self.problem is None and mapping is not None and mapping.damaged():
            self.problem = f"{self.name}: {mapping.damage()}"

    def close(self) -> None:
        """Let go of the file; blocks that are still held stay readable."""
        self.check_shrunk()
        self._ended = True
        self._ahead = None
        self._window.close()

    def _read_block(self) -> FrameBlock | None:
        if self._ended:
            return None
        frames = FrameArrays.empty(MAX_BLOCK_FRAMES)
        count = 0
        while not self._ended:
            data = self._window.window
            count, self._position, status = self._indexer.index(data, self._position, count, frames)
            count = self._keep_sound(frames, count)
            if count and status in (FULL, NEEDS_MORE):
                break
            if status == NEEDS_MORE:
                self._extend()
            elif status != FULL:
                self._link_type_refused = status == BAD_LINK_TYPE
                self._end(self._indexer.fault(status))
        if not count:
            return None
        self._window.passed(int(frames.offset[0]))
        return frames.block(data, count, self._table.snapshot())

    def _keep_sound(self, frames: FrameArrays, count: int) -> int:
        """Of a mapped file that shrank, only the frames that are still whole."""
        mapping = self._opened.mapping
        if mapping is None or not mapping.damaged():
            return count
        self._end(mapping.damage())
        ends = frames.offset[:count] + frames.captured_bytes[:count]
        beyond = np.flatnonzero(ends > mapping.sound_bytes())
        return int(beyond[0]) if len(beyond) else count

    def _extend(self) -> None:
        try:
            extended = self._window.extend(self._position)
        except CaptureError as error:
            self._end(str(error))
            return
        if extended:
            self._position = 0
            return
        left = len(self._window.window) - self._position
        if left:
            self._end(f"cut off within a record ({left:,} bytes left over); it was read up to there")
            return
        lost = {name: self.skipped[name] for name in _LOST_FRAMES if self.skipped[name]}
        if lost:
            told = ", ".join(f"{count:,} {name}" for name, count in lost.items())
            self._end(f"damaged packet blocks were passed over ({told})")
        self._ended = True

    def _end(self, clause: str) -> None:
        self._ended = True
        if self.problem is None:
            self.problem = f"{self.name}: {clause}"
