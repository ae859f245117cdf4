"""Frames in VXLAN whose outer ports tell the two directions of a connection apart, as Linux makes them."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

from tests.wire.flows.frames import Frame, udp
from wire.capture.files import open_captures

OUTER = b"\x02\0\0\0\0\x01\x02\0\0\0\0\x02\x08\0"


def directed(frame: bytes) -> int:
    """A number for the flow of an Ethernet frame, and another one for its other direction."""
    at = 14
    if frame[12:14] == b"\x08\0":
        header, protocol = (frame[at] & 15) * 4, frame[at + 9]
        ends = [frame[at + 12 : at + 16], frame[at + 16 : at + 20]]
    elif frame[12:14] == b"\x86\xdd":
        header, protocol = 40, frame[at + 6]
        ends = [frame[at + 8 : at + 24], frame[at + 24 : at + 40]]
    else:
        return 2 * zlib.crc32(frame[12:14]) + (frame[20:22] == b"\0\x02")
    if protocol in (6, 17):
        ports = frame[at + header : at + header + 4]
        ends = [ends[0] + ports[:2], ends[1] + ports[2:]]
    low, high = sorted(ends)
    return 2 * zlib.crc32(low + high) + (ends[0] == low)


def in_vxlan(frame: bytes) -> bytes:
    """The frame in VXLAN; as Linux does, the source port tells flow and direction apart."""
    port = 49152 + directed(frame) % 4096
    vxlan = struct.pack("!II", 1 << 27, 7 << 8) + frame
    return OUTER + udp("198.51.100.1", port, "198.51.100.2", 4789, vxlan)


def tunnelled(path: Path) -> list[Frame]:
    with open_captures([str(path)]) as reader:
        return [
            Frame(
                in_vxlan(block.buffer[start : start + size].tobytes()),
                int(when),
                int(wire) + 50,
            )
            for block in reader
            for start, size, wire, when in zip(
                block.offset, block.captured_bytes, block.wire_bytes, block.timestamp_ns, strict=True
            )
        ]
