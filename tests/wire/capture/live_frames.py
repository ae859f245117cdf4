"""Frames that are sent through a veth pair, and the rings at its end: how they are opened, what they gave."""

from __future__ import annotations

import struct
from dataclasses import dataclass

from tests.wire.capture.namespaces import sender
from wire.capture.frames import FrameBlock
from wire.capture.packet_socket import SocketPlan
from wire.capture.ring import Ring

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


def send(frames: list[bytes], interface: str = "wire") -> None:
    with sender(interface) as sock:
        for frame in frames:
            sock.send(frame)


@dataclass(frozen=True)
class Seen:
    """A frame as a ring gave it out."""

    data: bytes
    wire: int
    vlan: int
    direction: int


def seen(ring: Ring, count: int) -> list[Seen]:
    """The frames until `count` have come, and whatever follows them at once."""
    found: list[Seen] = []
    quiet = 0
    for block in ring.blocks(WAIT):
        if block is None:
            quiet += 1
            if len(found) >= count or quiet > PATIENCE:
                return found
            continue
        assert (block.offset >= 0).all()
        columns = (block.wire_bytes.tolist(), block.vlan.tolist(), block.direction.tolist())
        found += map(Seen, frames_of(block), *columns)
    raise AssertionError


def drained(ring: Ring, count: int) -> list[bytes]:
    """Their bytes alone."""
    return [frame.data for frame in seen(ring, count)]
