"""Captures from files and standard input, as one stream of FrameBlocks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from wire.capture.capture_file import CaptureFile
from wire.capture.errors import CaptureError
from wire.capture.frames import FrameBlock
from wire.capture.link_types import LinkTypeTable
from wire.capture.opening import STANDARD_INPUT
from wire.capture.pcapng_blocks import SKIPPED
from wire.capture.time_merge import merged

__all__ = ["SKIPPED", "CaptureError", "CaptureReader", "open_captures"]

MAX_FILES = 512
MAX_INTERFACES = 65_536
#: Streams are read in chunks that together take about this much memory.
_CHUNKS_BYTES = 64 << 20
_MAX_CHUNK_BYTES = 8 << 20
_MIN_CHUNK_BYTES = 256 << 10


class CaptureReader:
    """Iterable, once, over the FrameBlocks (each with at least one frame) of some captures.

    One file keeps its own order; several are merged in time order, ties in the order of the
    files. After the last block `complete` and `problems` say whether everything was read.
    """

    def __init__(self, files: list[CaptureFile], problems: list[str], table: LinkTypeTable) -> None:
        self._files = files
        self._table = table
        self._refused = problems
        self._frames_read = 0

    def __iter__(self) -> Iterator[FrameBlock]:
        for block in self._blocks():
            self._frames_read += len(block)
            yield block
        for file in self._files:
            file.check_shrunk()

    def _blocks(self) -> Iterator[FrameBlock]:
        if len(self._files) > 1:
            yield from merged([file.next_block for file in self._files], self._table.snapshot)
            return
        while (block := self._files[0].next_block()) is not None:
            yield block

    @property
    def problems(self) -> list[str]:
        """One line for each file that could not be read to its end, with its path."""
        return self._refused + [file.problem for file in self._files if file.problem is not None]

    @property
    def complete(self) -> bool:
        """Nothing was missed so far; ask after the last block, and again after close()."""
        return not self.problems

    @property
    def bytes_total(self) -> int | None:
        """Bytes of all files on disk; None when one is a pipe."""
        sizes = [file.size for file in self._files]
        return None if None in sizes else sum(size for size in sizes if size is not None)

    @property
    def bytes_read(self) -> int:
        """Bytes of the files that are behind us; reaches bytes_total on whole files."""
        return sum(file.bytes_read for file in self._files)

    @property
    def frames_read(self) -> int:
        """Frames given out."""
        return self._frames_read

    @property
    def skipped(self) -> dict[str, int]:
        """What was passed over or repaired, by the names in SKIPPED."""
        counts = dict.fromkeys(SKIPPED, 0)
        for file in self._files:
            for name, count in file.skipped.items():
                counts[name] += count
        return counts

    def close(self) -> None:
        """Let go of all files; blocks that are still held stay readable."""
        for file in self._files:
            file.close()

    def __enter__(self) -> CaptureReader:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def open_captures(paths: Sequence[str | Path]) -> CaptureReader:
    """Open captures by path, "-" being standard input.

    Raises CaptureError, with one line, when none of them can be read; where some can, the
    others stand in the reader's `problems`.
    """
    if not paths:
        raise CaptureError("no capture was named")
    if len(paths) > MAX_FILES:
        raise CaptureError(f"more than {MAX_FILES} captures at once; merge some with mergecap")
    if sum(str(path) == STANDARD_INPUT for path in paths) > 1:
        raise CaptureError("standard input was named more than once")
    chunk_bytes = max(_MIN_CHUNK_BYTES, min(_MAX_CHUNK_BYTES, _CHUNKS_BYTES // len(paths)))
    table = LinkTypeTable(MAX_INTERFACES)
    files: list[CaptureFile] = []
    problems: list[str] = []
    for path in paths:
        try:
            files.append(CaptureFile(path, table, chunk_bytes))
        except CaptureError as error:
            problems.append(str(error))
    if not files:
        raise CaptureError("; ".join(problems))
    return CaptureReader(files, problems, table)
