"""Small captures, written by hand with struct, and plain twins of the indexing kernels."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from wire.capture.files import CaptureReader, open_captures

ETHERNET = 1
MICROSECONDS, NANOSECONDS, MODIFIED = 0xA1B2C3D4, 0xA1B23C4D, 0xA1B2CD34


@dataclass(frozen=True)
class Frame:
    """One frame as a reader should give it out."""

    data: bytes
    timestamp_ns: int
    wire_bytes: int
    link_type: int = ETHERNET
    direction: int = 0


def read_all(*paths: str | Path) -> tuple[list[Frame], CaptureReader]:
    """All frames of some captures as plain objects, and the closed reader."""
    reader = open_captures(paths)
    frames = []
    for block in reader:
        assert 0 < len(block) <= 65_536
        for i in range(len(block)):
            start, length = int(block.offset[i]), int(block.captured_bytes[i])
            assert start >= 0
            assert start + length <= len(block.buffer)
            assert block.vlan[i] == -1
            frames.append(
                Frame(
                    block.buffer[start : start + length].tobytes(),
                    int(block.timestamp_ns[i]),
                    int(block.wire_bytes[i]),
                    int(block.link_types[block.interface[i]]),
                    int(block.direction[i]),
                )
            )
    reader.close()
    assert reader.frames_read == len(frames)
    return frames, reader


def pcap_header(
    magic: int = MICROSECONDS, order: str = "<", link: int = ETHERNET, snap: int = 65535
) -> bytes:
    """A file header."""
    return struct.pack(f"{order}IHHiIII", magic, 2, 4, 0, 0, snap, link)


def pcap_record(
    data: bytes, seconds: int, ticks: int, order: str = "<", wire: int | None = None, extra: bytes = b""
) -> bytes:
    """A record; `extra` is the rest of a modified record's header."""
    original = len(data) if wire is None else wire
    return struct.pack(f"{order}IIII", seconds, ticks, len(data), original) + extra + data


def block(kind: int, body: bytes, order: str = "<") -> bytes:
    """A pcapng block around a body, which is padded to four bytes."""
    body += bytes(-len(body) % 4)
    length = len(body) + 12
    return struct.pack(f"{order}II", kind, length) + body + struct.pack(f"{order}I", length)


def option(code: int, value: bytes, order: str = "<") -> bytes:
    """A pcapng option."""
    return struct.pack(f"{order}HH", code, len(value)) + value + bytes(-len(value) % 4)


def section(order: str = "<", major: int = 1) -> bytes:
    """A section header block."""
    return block(0x0A0D0D0A, struct.pack(f"{order}IHHq", 0x1A2B3C4D, major, 0, -1), order)


def interface(link: int = ETHERNET, order: str = "<", options: bytes = b"", snap: int = 0) -> bytes:
    """An interface description block."""
    return block(1, struct.pack(f"{order}HHI", link, 0, snap) + options, order)


def enhanced(
    data: bytes, ticks: int, which: int = 0, order: str = "<", options: bytes = b"", wire: int | None = None
) -> bytes:
    """An enhanced packet block."""
    original = len(data) if wire is None else wire
    fixed = struct.pack(f"{order}IIIII", which, ticks >> 32, ticks & 0xFFFFFFFF, len(data), original)
    return block(6, fixed + data + bytes(-len(data) % 4) + options, order)


def simple(data: bytes, order: str = "<", wire: int | None = None) -> bytes:
    """A simple packet block."""
    return block(3, struct.pack(f"{order}I", len(data) if wire is None else wire) + data, order)


def obsolete(data: bytes, ticks: int, which: int = 0, order: str = "<", options: bytes = b"") -> bytes:
    """A packet block as pcapng had it before enhanced ones."""
    high, low = ticks >> 32, ticks & 0xFFFFFFFF
    fixed = struct.pack(f"{order}HHIIII", which, 0, high, low, len(data), len(data))
    return block(2, fixed + data + bytes(-len(data) % 4) + options, order)


def save(path: Path, *parts: bytes | Sequence[bytes]) -> Path:
    """Write the parts to a file."""
    path.write_bytes(b"".join(p if isinstance(p, bytes) else b"".join(p) for p in parts))
    return path
