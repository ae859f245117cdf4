"""Several captures merged in time order, frames copied into fresh blocks."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from wire.capture.frame_index import MAX_BLOCK_FRAMES, FrameArrays
from wire.capture.frames import FrameBlock
from wire.kernel import kernel

#: Bytes of a merged block; at least one frame of any size fits.
_MERGED_BYTES = 32 << 20


@kernel
def merge_order(times, captured, heads, ends, width, count, used, room, file, row, at):  # type: ignore[no-untyped-def]
    """Choose frames in time order until a file's block is used up or the output is full.

    `times`, `captured`: (files * width,), file f's block standing from f * width; `heads`, `ends`:
    (files,), next and last row of each block; head == end: the file has ended. For each chosen
    frame, from `count` on: `file`, `row` (within the block) and `at` (its place in the output).
    Returns (frames chosen so far, bytes used so far). A tie goes to the earlier file.
    """
    files = len(heads)
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
            if used + captured[place] > room:
                return count, used
            file[count] = best
            row[count] = heads[best]
            at[count] = used
            used += np.int64(captured[place])
            count += 1
            heads[best] += 1
            if heads[best] >= ends[best]:
                return count, used
    return count, used


@kernel
def copy_bytes(source, target):  # type: ignore[no-untyped-def]
    """target[:] = source as far as both go; the one bound lets the compiler copy in bulk."""
    length = min(len(source), len(target))
    for i in range(length):
        target[i] = source[i]


@kernel
def gather(buffer, source, rows, at, into, merged_buffer, merged):  # type: ignore[no-untyped-def]
    """Copy the frames `rows` of the block (`buffer`, `source`) to output rows `into[i]`.

    Frame rows[i] becomes row into[i] of `merged`, its bytes standing from at[i].
    """
    for i in range(len(rows)):
        row, place, start = rows[i], into[i], at[i]
        begin, length = source.offset[row], np.int64(source.captured_bytes[row])
        if begin < 0 or begin + length > len(buffer) or start + length > len(merged_buffer):
            continue
        copy_bytes(buffer[begin : begin + length], merged_buffer[start : start + length])
        merged.offset[place] = start
        merged.captured_bytes[place] = source.captured_bytes[row]
        merged.wire_bytes[place] = source.wire_bytes[row]
        merged.timestamp_ns[place] = source.timestamp_ns[row]
        merged.interface[place] = source.interface[row]
        merged.vlan[place] = source.vlan[row]
        merged.direction[place] = source.direction[row]


class _Heads:
    """The block each file stands at, and the columns that decide the order, side by side."""

    def __init__(self, sources: list[Callable[[], FrameBlock | None]]) -> None:
        self._sources = sources
        self.blocks: list[FrameBlock | None] = [None] * len(sources)
        self.times = np.zeros(len(sources) * MAX_BLOCK_FRAMES, np.int64)
        self.captured = np.zeros(len(sources) * MAX_BLOCK_FRAMES, np.int32)
        self.rows = np.zeros(len(sources), np.int64)
        self.ends = np.zeros(len(sources), np.int64)
        self._open = set(range(len(sources)))

    @property
    def any_used_up(self) -> bool:
        """Some file that goes on has given out its whole block."""
        return any(self.rows[f] >= self.ends[f] for f in self._open)

    def refill(self) -> bool:
        """Give each file whose block is used up its next one; False when all have ended."""
        for f in sorted(self._open):
            if self.rows[f] < self.ends[f]:
                continue
            block = self._sources[f]()
            self.blocks[f] = block
            self.rows[f] = 0
            self.ends[f] = 0 if block is None else len(block)
            if block is None:
                self._open.discard(f)
                continue
            start = f * MAX_BLOCK_FRAMES
            self.times[start : start + len(block)] = block.timestamp_ns
            self.captured[start : start + len(block)] = block.captured_bytes
        return bool(self._open)


class _Output:
    """A merged block while it is filled."""

    def __init__(self) -> None:
        self.buffer = np.empty(_MERGED_BYTES, np.uint8)
        self.frames = FrameArrays.empty(MAX_BLOCK_FRAMES)
        self.count = 0
        self._used = 0
        self._file, self._row, self._at = (np.empty(MAX_BLOCK_FRAMES, np.int64) for _ in range(3))

    def take(self, heads: _Heads) -> None:
        """Take frames until a file's block is used up or this one is full."""
        first = self.count
        self.count, self._used = merge_order(
            heads.times, heads.captured, heads.rows, heads.ends, MAX_BLOCK_FRAMES,
            first, self._used, _MERGED_BYTES, self._file, self._row, self._at,
        )  # fmt: skip
        chosen = self._file[first : self.count]
        for f in np.unique(chosen).tolist():
            block = heads.blocks[f]
            if block is None:
                continue
            into = np.flatnonzero(chosen == f) + first
            columns = FrameArrays(
                block.offset, block.captured_bytes, block.wire_bytes, block.timestamp_ns,
                block.interface, block.vlan, block.direction,
            )  # fmt: skip
            gather(
                block.buffer, columns, self._row[into], self._at[into], into,
                self.buffer, self.frames,
            )  # fmt: skip

    def block(self, link_types: NDArray[np.int32]) -> FrameBlock:
        """The frames taken so far."""
        return self.frames.block(self.buffer[: self._used], self.count, link_types)


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
