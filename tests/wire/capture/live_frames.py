"""Frames that are sent through a veth pair, and how the rings at its end are opened."""

from __future__ import annotations

import struct

from wire.capture.frames import FrameBlock
from wire.capture.packet_socket import SocketPlan

MACS = bytes.fromhex("020000000002020000000001")
PLAN = SocketPlan(
    interface="tap",
    block_bytes=1 << 16,
    blocks=16,
    frame_timeout_ms=20,
    promiscuous=True,
    fanout_group=None,
    fanout_size=1,
    filter_text=None,
)
#: Twice the time after which the kernel hands over what came, and how often that is waited for.
WAIT, PATIENCE = 0.08, 200


def numbered(number: int, size: int = 60) -> bytes:
    return (MACS + b"\x08\x00" + struct.pack(">I", number)).ljust(size, b"\xaa")


def frames_of(block: FrameBlock) -> list[bytes]:
    ends = block.offset + block.captured_bytes
    spans = zip(block.offset.tolist(), ends.tolist(), strict=True)
    return [block.buffer[start:end].tobytes() for start, end in spans]
