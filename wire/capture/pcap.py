"""The pcap file format: its header in Python, its records in one kernel.

Source: draft-ietf-opsawg-pcap (sections 4 and 5); the modified format with 24-byte record
headers, magic 0xa1b2cd34, as libpcap reads it (sf-pcap.c).
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from wire.capture import link_types
from wire.capture.errors import CaptureError
from wire.capture.frame_index import (
    BAD_LENGTH,
    FULL,
    MAX_BLOCK_BYTES,
    MAX_DECLARED_FRAME_BYTES,
    MAX_FRAME_BYTES,
    NEEDS_MORE,
    FrameArrays,
    uint32_at,
    wire_length,
)
from wire.capture.frames import (
    DIRECTION_INBOUND,
    DIRECTION_OUTBOUND,
    DIRECTION_UNKNOWN,
    VLAN_ABSENT,
)
from wire.capture.link_types import LinkTypeTable
from wire.capture.pcap_ahead import WALKS, bring_near
from wire.kernel import kernel

HEADER_BYTES = 24
_MICROSECONDS, _NANOSECONDS, _MODIFIED = 0xA1B2C3D4, 0xA1B23C4D, 0xA1B2CD34
#: First four bytes: (big endian, nanoseconds per tick of the fraction, bytes of a record header).
MAGIC = {
    magic.to_bytes(4, order): (order == "big", tick_ns, record_header)
    for order in ("little", "big")
    for magic, tick_ns, record_header in (
        (_MICROSECONDS, 1000, 16),
        (_NANOSECONDS, 1, 16),
        (_MODIFIED, 1000, 24),
    )
}
#: Linux packet types of a modified record (if_packet.h): to this host, broadcast, multicast,
#: to another host, from this host.
_TO_OTHER_HOST, _OUTGOING = 3, 4


@kernel
def index_pcap(data, position, count, layout, max_frame, frames, places):  # type: ignore[no-untyped-def]
    """Index whole records of `data` from `position` into `frames` from row `count`.

    `layout`: int64[3], big endian (0 or 1), nanoseconds per tick, bytes of a record header.
    `places`: int64[WALKS], scratch of bring_near.
    Returns (rows filled, position of the next record, status: FULL, NEEDS_MORE, BAD_LENGTH).
    """
    size = np.int64(len(data))
    big_endian, tick_ns, header = layout[0] != 0, layout[1], layout[2]
    stop = position + MAX_BLOCK_BYTES
    if position < 0:
        return count, position, BAD_LENGTH
    near = position
    while count < len(frames.offset) and position < stop:
        if position >= near:
            near = bring_near(data, position, layout, max_frame, places)
        if position + header > size:
            return count, position, NEEDS_MORE
        captured = uint32_at(data, position + 8, big_endian)
        if captured > max_frame:
            return count, position, BAD_LENGTH
        if position + header + captured > size:
            return count, position, NEEDS_MORE
        seconds = uint32_at(data, position, big_endian)
        ticks = uint32_at(data, position + 4, big_endian)
        frames.offset[count] = position + header
        frames.captured_bytes[count] = captured
        frames.wire_bytes[count] = wire_length(uint32_at(data, position + 12, big_endian), captured)
        frames.timestamp_ns[count] = seconds * 1_000_000_000 + ticks * tick_ns
        frames.vlan[count] = VLAN_ABSENT
        direction = DIRECTION_UNKNOWN
        if header == 24:
            packet_type = data[position + 22]
            if packet_type == _OUTGOING:
                direction = DIRECTION_OUTBOUND
            elif packet_type < _TO_OTHER_HOST:
                direction = DIRECTION_INBOUND
        frames.direction[count] = direction
        position += header + captured
        count += 1
    return count, position, FULL


@dataclass(slots=True)
class PcapIndexer:
    """Indexes the records of one pcap file."""

    layout: NDArray[np.int64]
    max_frame: int
    interface: int
    _places: NDArray[np.int64] = field(default_factory=lambda: np.zeros(WALKS, np.int64))

    def index(
        self, data: NDArray[np.uint8], position: int, count: int, frames: FrameArrays
    ) -> tuple[int, int, int]:
        """Index from `position`; see index_pcap."""
        filled, after, status = index_pcap(
            data, position, count, self.layout, self.max_frame, frames, self._places
        )
        frames.interface[count:filled] = self.interface
        return filled, after, status

    @property
    def begun(self) -> bool:
        """True: the file header has been read."""
        return True

    def fault(self, status: int) -> str:
        """The clause that tells of a status which ends the file."""
        return "a record's length is impossible; the file is damaged there"


def read_header(header: bytes, table: LinkTypeTable) -> PcapIndexer:
    """Read a file header of HEADER_BYTES bytes whose magic is in MAGIC.

    Raises CaptureError (without a path) for a version or a link type that is not read.
    """
    big_endian, tick_ns, record_header = MAGIC[header[:4]]
    order = ">" if big_endian else "<"
    major, minor, _, _, snap_length, link_field = struct.unpack(f"{order}HHiIII", header[4:])
    if major != 2:
        raise CaptureError(f"pcap version {major}.{minor} is not known; convert it with editcap")
    # The upper half holds the length of a frame check sequence, and reserved bits.
    link_type = link_field & 0xFFFF
    if link_type not in link_types.SUPPORTED:
        raise CaptureError(link_types.refusal(link_type))
    return PcapIndexer(
        np.array([big_endian, tick_ns, record_header], np.int64),
        max(MAX_FRAME_BYTES, min(snap_length, MAX_DECLARED_FRAME_BYTES)),
        table.add(link_type),
    )
