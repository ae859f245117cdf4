"""Blocks of a TPACKET_V3 ring by hand, and what the kernel that walks them does in plain Python."""

from __future__ import annotations

import struct
from dataclasses import dataclass

SECOND = 10**9
VLAN_VALID, HARDWARE = 1 << 4, 1 << 31


@dataclass(frozen=True)
class RingFrame:
    """A frame in a block, by the fields of struct tpacket3_hdr and struct sockaddr_ll."""

    data: bytes
    seconds: int
    nanoseconds: int
    wire: int
    status: int = 1
    tci: int = 0
    packet_type: int = 0
    mac: int = 82


@dataclass(frozen=True)
class Row:
    """A row as it should be indexed."""

    data: bytes
    time: int
    wire: int
    vlan: int
    direction: int


def block(frames: list[RingFrame], size: int) -> bytearray:
    """A block of `size` bytes with the frames, handed over, opened at second 1,000."""
    out = bytearray(size)
    struct.pack_into("IIIIIIQIIII", out, 0, 1, 48, 1, len(frames), 56, size, 1, 1000, 0, 0, 0)
    at = 56
    for i, frame in enumerate(frames):
        step = (frame.mac + len(frame.data) + 7) // 8 * 8
        if at + step > size:
            struct.pack_into("I", out, 12, i)
            break
        struct.pack_into(
            "IIIIIIHHIIHH", out, at,
            step, frame.seconds, frame.nanoseconds, len(frame.data), frame.wire, frame.status,
            frame.mac, frame.mac + 14, 0, frame.tci, 0x8100, 0,
        )  # fmt: skip
        struct.pack_into("HHiHBB", out, at + 48, 17, 0, 3, 1, frame.packet_type, 6)
        out[at + frame.mac : at + frame.mac + len(frame.data)] = frame.data
        at += step
    return out


def walk(data: bytes, position: int, left: int, opened: int, now: int) -> tuple[list[Row], int, int]:
    """Rows, frames left over, and frames whose time by a NIC's clock was not believed."""
    rows: list[Row] = []
    unsound = 0
    while left:
        if position + 68 > len(data):
            break
        step, seconds, nanoseconds, captured, wire, status, mac, _, _, tci = struct.unpack_from(
            "IIIIIIHHII", data, position
        )
        if mac < 68 or position + mac + captured > len(data):
            break
        time = seconds * SECOND + nanoseconds
        if status & HARDWARE and not opened - SECOND <= time <= now + SECOND:
            time, unsound = opened, unsound + 1
        tagged = bool(status & VLAN_VALID)
        payload = data[position + mac : position + mac + captured]
        whole = min(max(wire + 4 * tagged, captured), 2**31 - 1)
        direction = {0: 1, 1: 1, 2: 1, 4: 2}.get(data[position + 58], 0)
        rows.append(Row(payload, time, whole, tci & 0xFFFF if tagged else -1, direction))
        left -= 1
        if step < 68:
            break
        position += step
    return rows, left, unsound
