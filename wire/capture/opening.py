"""From a path to an indexer over a window of bytes: by content, never by file ending."""

from __future__ import annotations

import os
import stat
import sys
from pathlib import Path
from typing import BinaryIO, Protocol

import numpy as np
from numpy.typing import NDArray

from wire.capture import pcap, pcapng, shrink_guard
from wire.capture.compressed import decompressed, is_compressed
from wire.capture.errors import CaptureError
from wire.capture.frame_index import FrameArrays
from wire.capture.link_types import LinkTypeTable
from wire.capture.windows import MappedWindow, StreamWindow, Window

STANDARD_INPUT = "-"
_MAGIC_BYTES = 4


class Indexer(Protocol):
    """A file format: finds frames in a window."""

    def index(
        self, data: NDArray[np.uint8], position: int, count: int, frames: FrameArrays
    ) -> tuple[int, int, int]:
        """(rows filled, next position, status of frame_index)."""

    @property
    def begun(self) -> bool:
        """The bytes have shown to be of this format."""

    def fault(self, status: int) -> str:
        """The clause that tells of a status which ends the file."""


class RawStream:
    """A file's bytes as they stand there, counted; `head` is given out again first."""

    def __init__(self, file: BinaryIO, head: bytes, keep_open: bool) -> None:
        self._file = file
        self._head = head
        self._keep_open = keep_open
        self.bytes_read = 0

    def read(self, limit: int, /) -> bytes:
        """At most `limit` bytes. Raises CaptureError when the system cannot read."""
        if self._head:
            piece, self._head = self._head[:limit], self._head[limit:]
        else:
            try:
                piece = self._file.read(limit)
            except OSError as error:
                raise CaptureError(f"cannot be read further: {error.strerror}") from error
        self.bytes_read += len(piece)
        return piece

    def close(self) -> None:
        """Close the file, unless it is standard input."""
        if not self._keep_open:
            self._file.close()


class OpenedFile:
    """What open_file found: where the bytes are, and how far they go."""

    def __init__(
        self,
        window: Window,
        stream: RawStream | None,
        size: int | None,
        mapping: shrink_guard.GuardedMap | None = None,
    ) -> None:
        self.window = window
        self.stream = stream  # None: mapped
        self.size = size  # bytes of a regular file, else None
        self.mapping = mapping


def open_file(path: str | Path, chunk_bytes: int) -> OpenedFile:
    """Open a path, or standard input for "-". Raises CaptureError (without the path)."""
    try:
        return _open(path, chunk_bytes)
    except OSError as error:
        raise CaptureError(f"cannot be read: {error.strerror or error}") from error
    except ValueError as error:  # a path with a zero byte
        raise CaptureError(f"cannot be read: {error}") from error


def _open(path: str | Path, chunk_bytes: int) -> OpenedFile:
    from_input = str(path) == STANDARD_INPUT
    file: BinaryIO = sys.stdin.buffer if from_input else Path(path).open("rb")  # noqa: SIM115
    try:
        status = os.fstat(file.fileno())
        regular = stat.S_ISREG(status.st_mode)
        head = file.read(_MAGIC_BYTES)
        if not head:
            raise CaptureError("the file is empty (zero bytes); was it still being written?")
        size = status.st_size if regular else None
        if regular and not from_input and not is_compressed(head):
            mapping = shrink_guard.map_file(file.fileno(), status.st_size)
            if mapping is not None:
                file.close()
                return OpenedFile(MappedWindow(mapping), None, size, mapping)
    except BaseException:
        if not from_input:
            file.close()
        raise
    stream = RawStream(file, head, keep_open=from_input)
    bytes_within = decompressed(stream, head) if is_compressed(head) else stream
    return OpenedFile(StreamWindow(bytes_within, chunk_bytes), stream, size)


def recognise(window: Window, table: LinkTypeTable) -> tuple[Indexer, int]:
    """The format of the bytes, and where its records begin.

    Raises CaptureError (without the path) when they are no capture, or one that is not read.
    """
    if not len(window.window):
        window.extend(0)
    head = window.window[: pcap.HEADER_BYTES].tobytes()
    if not head:
        raise CaptureError("the compressed file holds nothing")
    if head.startswith(pcapng.MAGIC):
        return pcapng.PcapngIndexer(table), 0
    if head[:_MAGIC_BYTES] not in pcap.MAGIC:
        raise CaptureError("not a capture; pcap and pcapng are read, plain, gzip or zstd")
    if len(head) < pcap.HEADER_BYTES:
        raise CaptureError("cut off within the file header; copy or record it again")
    return pcap.read_header(head, table), pcap.HEADER_BYTES
