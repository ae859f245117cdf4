"""What the two indexing kernels share: the arrays they fill, their statuses, number reading."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from wire.capture.frames import FrameBlock
from wire.kernel import kernel

#: A block's bounds: frames, and bytes from its first record to its last.
MAX_BLOCK_FRAMES = 65_536
MAX_BLOCK_BYTES = 64 << 20
#: Largest captured length that is believed, as in libpcap (MAXIMUM_SNAPLEN); a file that
#: declares a longer snap length is believed up to the second bound.
MAX_FRAME_BYTES = 262_144
MAX_DECLARED_FRAME_BYTES = 4 << 20
#: Times are kept in [0, 2**62] ns (to the year 2116), so that no difference overflows.
MAX_TIMESTAMP_NS = 1 << 62
_MAX_INT32 = 2**31 - 1

#: Why a kernel stopped.
#: FULL: the block is full. NEEDS_MORE: the record at the returned position does not end within
#: the data. BAD_LENGTH: its lengths cannot be. DESCRIPTION: a section header or interface
#: description, for Python to read. BAD_LINK_TYPE: a packet of an interface that is not decoded.
FULL, NEEDS_MORE, BAD_LENGTH, DESCRIPTION, BAD_LINK_TYPE = 0, 1, 2, 3, 4


class FrameArrays(NamedTuple):
    """The columns of a FrameBlock while it is filled; all of one length."""

    offset: NDArray[np.int64]
    captured_bytes: NDArray[np.int32]
    wire_bytes: NDArray[np.int32]
    timestamp_ns: NDArray[np.int64]
    interface: NDArray[np.int32]
    vlan: NDArray[np.int32]
    direction: NDArray[np.uint8]

    @classmethod
    def empty(cls, frames: int) -> FrameArrays:
        """Uninitialised columns for `frames` frames."""
        return cls(
            offset=np.empty(frames, np.int64),
            captured_bytes=np.empty(frames, np.int32),
            wire_bytes=np.empty(frames, np.int32),
            timestamp_ns=np.empty(frames, np.int64),
            interface=np.empty(frames, np.int32),
            vlan=np.empty(frames, np.int32),
            direction=np.empty(frames, np.uint8),
        )

    def part(self, first: int, end: int) -> FrameArrays:
        """Rows from `first` up to `end`, not copied."""
        return FrameArrays._make(column[first:end] for column in self)

    def block(self, buffer: NDArray[np.uint8], count: int, link_types: NDArray[np.int32]) -> FrameBlock:
        """The first `count` frames over `buffer`, without a copy."""
        return FrameBlock(
            buffer,
            self.offset[:count],
            self.captured_bytes[:count],
            self.wire_bytes[:count],
            self.timestamp_ns[:count],
            self.interface[:count],
            self.vlan[:count],
            self.direction[:count],
            link_types,
        )


@kernel(inline=True)
def uint32_at(data, at, big_endian):  # type: ignore[no-untyped-def]
    """data[at:at+4] as an unsigned number (int64)."""
    first, second = np.int64(data[at]), np.int64(data[at + 1])
    third, fourth = np.int64(data[at + 2]), np.int64(data[at + 3])
    if big_endian:
        return (first << 24) | (second << 16) | (third << 8) | fourth
    return first | (second << 8) | (third << 16) | (fourth << 24)


@kernel(inline=True)
def wire_length(original, captured):  # type: ignore[no-untyped-def]
    """Length on the wire as int32: a frame is at least as long as what was captured of it."""
    if original < captured:
        return np.int32(captured)
    return np.int32(min(original, np.int64(_MAX_INT32)))
