"""Several captures merged in time order, frames copied into fresh blocks."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from wire.capture.frame_index import MAX_BLOCK_FRAMES, FrameArrays
from wire.capture.frames import FrameBlock
from wire.kernel import kernel

#: Bytes of a merged block; more than any one frame.
_MERGED_BYTES = 32 << 20


@kernel
def merge_order(times, offsets, captured, heads, ends, reach, width, count, room, file):  # type: ignore[no-untyped-def]
    """Choose frames in time order until a file's block is used up or the output is full.

    `times`, `offsets`, `captured`: (files * width,), file f's block standing from f * width.
    `heads`, `ends`: (files,), next and last row of each block, equal when the file has ended;
    `heads` moves on. `reach`: (files,), scratch: up to where f's bytes are taken.
    `file`: the file of each chosen frame, written from `count` on. `room`: bytes to spend on
    the stretches that hold each file's frames. A tie goes to the earlier file.
    Returns the number of frames chosen so far.
    """
    files = len(heads)
    for f in range(files):
        if heads[f] < ends[f]:
            reach[f] = offsets[f * width + heads[f]]
    while count < len(file):
        best, second = -1, -1
        for f in range(files):
            if heads[f] >= ends[f]:
                continue
            time = times[f * width + heads[f]]
            if best < 0 or time < times[best * width + heads[best]]:
                best, second = f, best
            elif second < 0 or time < times[second * width + heads[second]]:
                second = f
        if best < 0:
            break
        while count < len(file):
            place = best * width + heads[best]
            if second >= 0:
                rival = times[second * width + heads[second]]
                if times[place] > rival or (times[place] == rival and second < best):
                    break
            end = offsets[place] + captured[place]
            if end - reach[best] > room:
                return count
            room -= end - reach[best]
            reach[best] = end
            file[count] = best
            count += 1
            heads[best] += 1
            if heads[best] >= ends[best]:
                return count
    return count


class _Heads:
    """The block each file stands at, and the columns that decide the order, side by side."""

    def __init__(self, sources: list[Callable[[], FrameBlock | None]]) -> None:
        self._sources = sources
        self.blocks: list[FrameBlock | None] = [None] * len(sources)
        self._times = np.zeros(len(sources) * MAX_BLOCK_FRAMES, np.int64)
        self._offsets = np.zeros(len(sources) * MAX_BLOCK_FRAMES, np.int64)
        self._captured = np.zeros(len(sources) * MAX_BLOCK_FRAMES, np.int32)
        self._reach = np.zeros(len(sources), np.int64)
        self.rows = np.zeros(len(sources), np.int64)
        self._ends = np.zeros(len(sources), np.int64)
        self._open = set(range(len(sources)))

    @property
    def any_used_up(self) -> bool:
        """Some file that goes on has given out its whole block."""
        return any(self.rows[f] >= self._ends[f] for f in self._open)

    def refill(self) -> bool:
        """Give each file whose block is used up its next one; False when all have ended."""
        for f in sorted(self._open):
            if self.rows[f] < self._ends[f]:
                continue
            block = self._sources[f]()
            self.blocks[f] = block
            self.rows[f] = 0
            self._ends[f] = 0 if block is None else len(block)
            if block is None:
                self._open.discard(f)
                continue
            start = f * MAX_BLOCK_FRAMES
            self._times[start : start + len(block)] = block.timestamp_ns
            self._offsets[start : start + len(block)] = block.offset
            self._captured[start : start + len(block)] = block.captured_bytes
        return bool(self._open)

    def choose(self, file: NDArray[np.int32], count: int, room: int) -> int:
        """Write the files of the next frames to file[count:]; how many stand there then."""
        return int(
            merge_order(
                self._times, self._offsets, self._captured, self.rows, self._ends, self._reach,
                MAX_BLOCK_FRAMES, count, room, file,
            )
        )  # fmt: skip


class _Output:
    """A merged block while it is filled."""

    def __init__(self) -> None:
        self._buffer = np.empty(_MERGED_BYTES, np.uint8)
        self._frames = FrameArrays.empty(MAX_BLOCK_FRAMES)
        self._file = np.empty(MAX_BLOCK_FRAMES, np.int32)
        self._used = 0
        self.count = 0

    def take(self, heads: _Heads) -> None:
        """Take frames until a file's block is used up or this one is full."""
        first, before = self.count, heads.rows.copy()
        self.count = heads.choose(self._file, first, len(self._buffer) - self._used)
        chosen = self._file[first : self.count]
        for f in np.flatnonzero(heads.rows > before).tolist():
            block = heads.blocks[f]
            if block is not None:
                rows = slice(int(before[f]), int(heads.rows[f]))
                self._copy(block, rows, np.flatnonzero(chosen == f) + first)

    def _copy(self, block: FrameBlock, rows: slice, into: NDArray[np.int64]) -> None:
        """Frames that follow each other in a file are one stretch of its bytes: copy that."""
        start = int(block.offset[rows.start])
        end = int(block.offset[rows.stop - 1]) + int(block.captured_bytes[rows.stop - 1])
        self._buffer[self._used : self._used + end - start] = block.buffer[start:end]
        frames = self._frames
        frames.offset[into] = block.offset[rows] + (self._used - start)
        frames.captured_bytes[into] = block.captured_bytes[rows]
        frames.wire_bytes[into] = block.wire_bytes[rows]
        frames.timestamp_ns[into] = block.timestamp_ns[rows]
        frames.interface[into] = block.interface[rows]
        frames.vlan[into] = block.vlan[rows]
        frames.direction[into] = block.direction[rows]
        self._used += end - start

    def block(self, link_types: NDArray[np.int32]) -> FrameBlock:
        """The frames taken so far."""
        return self._frames.block(self._buffer[: self._used], self.count, link_types)


def merged(
    sources: list[Callable[[], FrameBlock | None]], link_types: Callable[[], NDArray[np.int32]]
) -> Iterator[FrameBlock]:
    """Merge what the sources yield (each until None) by time; ties in the order of sources.

    `link_types` gives the run's table as it stands. Each file keeps its own order: one that is
    not sorted holds back its earlier frames.
    """
    heads = _Heads(sources)
    running = heads.refill()
    while running:
        output = _Output()
        while running:
            output.take(heads)
            if not heads.any_used_up:
                break
            running = heads.refill()
        if output.count:
            yield output.block(link_types())
