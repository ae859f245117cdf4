"""Compressed captures as byte streams: gzip (RFC 1952) and Zstandard (RFC 8878).

Both are read in small steps whose output is bounded, whatever the input claims to hold.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from typing import Any

import zstandard

from wire.capture.errors import CaptureError
from wire.capture.windows import ByteStream

GZIP_MAGIC = b"\x1f\x8b"
ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"
#: A Zstandard block of 4 bytes may stand for 128 KiB, and the library takes no output limit for
#: pieces: 1 KiB of input makes 32 MiB at most. zlib stops at the limit it is given.
_ZSTD_STEP_BYTES = 1024
_GZIP_STEP_BYTES = 256 << 10
_ZSTD_MAX_WINDOW_BYTES = 128 << 20


def is_compressed(head: bytes) -> bool:
    """Whether the first bytes are those of a compressed file that is read here."""
    return head.startswith((GZIP_MAGIC, ZSTD_MAGIC))


def decompressed(stream: ByteStream, head: bytes) -> ByteStream:
    """The bytes within a compressed stream whose first bytes are `head`."""
    return Gzip(stream) if head.startswith(GZIP_MAGIC) else Zstd(stream)


class _Members:
    """Compressed members one after the other, as gzip and zstd files may have them."""

    name = ""
    step_bytes = 0

    def __init__(self, stream: ByteStream, make: Callable[[], Any]) -> None:
        self._stream = stream
        self._make = make
        self._member: Any = make()
        self._begun = False
        self._input = b""
        self._output = memoryview(b"")

    def read(self, limit: int, /) -> bytes:
        """At most `limit` bytes. Raises CaptureError when the data are damaged or cut off."""
        while not self._output:
            if not self._input:
                self._input = self._stream.read(self.step_bytes)
                if not self._input:
                    if self._begun:
                        raise CaptureError(f"the {self.name} data are cut off before their end")
                    return b""
            if not self._begun and not self._input.strip(b"\0"):
                self._input = b""  # padding behind the last member
                continue
            self._begun = True
            self._output = memoryview(self._step(limit))
            if self._member.eof:
                self._input = self._member.unused_data
                self._member = self._make()
                self._begun = False
        piece, self._output = self._output[:limit], self._output[limit:]
        return bytes(piece)

    def close(self) -> None:
        """Close the stream beneath."""
        self._stream.close()

    def _step(self, limit: int) -> bytes:
        raise NotImplementedError


class Gzip(_Members):
    """A gzip stream; zlib holds back what does not fit into `limit`."""

    name = "gzip"
    step_bytes = _GZIP_STEP_BYTES

    def __init__(self, stream: ByteStream) -> None:
        super().__init__(stream, lambda: zlib.decompressobj(wbits=16 + zlib.MAX_WBITS))

    def _step(self, limit: int) -> bytes:
        try:
            output: bytes = self._member.decompress(self._input, limit)
        except zlib.error as error:
            raise CaptureError("the gzip data are damaged") from error
        self._input = self._member.unconsumed_tail
        return output


class Zstd(_Members):
    """A Zstandard stream."""

    name = "zstd"
    step_bytes = _ZSTD_STEP_BYTES

    def __init__(self, stream: ByteStream) -> None:
        context = zstandard.ZstdDecompressor(max_window_size=_ZSTD_MAX_WINDOW_BYTES)
        super().__init__(stream, context.decompressobj)

    def _step(self, limit: int) -> bytes:
        taken, self._input = self._input, b""
        try:
            output: bytes = self._member.decompress(taken)
        except zstandard.ZstdError as error:
            raise CaptureError("the zstd data are damaged") from error
        return output
