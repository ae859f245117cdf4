"""Ethernet frames with IPv4 and TCP or UDP, with right checksums, byte by byte."""

from __future__ import annotations

import struct

FIN, SYN, RST, PSH, ACK = 1, 2, 4, 8, 16
_INSIDE, _OUTSIDE = 0x0A, 0x02
_LEAST_FRAME = 60


def checksum(data: bytes) -> int:
    """The internet checksum (RFC 1071)."""
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack(f">{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return 0xFFFF - total


def _frame(source: int, target: int, protocol: int, segment: bytes) -> bytes:
    """Behind an Ethernet header and an IPv4 header, padded to Ethernet's least length."""
    inside = source >> 24 == _INSIDE
    head = struct.pack(
        ">BBHHHBBHII",
        0x45,
        0,
        20 + len(segment),
        0,
        0x4000,
        64 if inside else 52,
        protocol,
        0,
        source,
        target,
    )
    head = head[:10] + struct.pack(">H", checksum(head)) + head[12:]
    macs = [_mac(target), _mac(source)]
    return (b"".join(macs) + b"\x08\x00" + head + segment).ljust(_LEAST_FRAME, b"\0")


def _mac(address: int) -> bytes:
    """A device's own MAC; everything outside stands behind the gateway's."""
    own = address if address >> 24 == _INSIDE else 1
    return bytes([_OUTSIDE, 0]) + own.to_bytes(4, "big")


def _pseudo(source: int, target: int, protocol: int, length: int) -> bytes:
    return struct.pack(">IIBBH", source, target, 0, protocol, length)


def tcp_frame(
    source: int,
    target: int,
    source_port: int,
    target_port: int,
    sequence: int,
    acknowledged: int,
    flags: int,
    payload: bytes,
) -> bytes:
    """A TCP segment in a frame."""
    options = b"\x02\x04\x05\xb4" if flags & SYN else b""
    offset = (20 + len(options)) // 4 << 12
    head = struct.pack(
        ">HHIIHHHH", source_port, target_port, sequence, acknowledged, offset | flags, 64240, 0, 0
    )
    segment = head + options + payload
    value = checksum(_pseudo(source, target, 6, len(segment)) + segment)
    return _frame(source, target, 6, segment[:16] + struct.pack(">H", value) + segment[18:])


def udp_frame(source: int, target: int, source_port: int, target_port: int, payload: bytes) -> bytes:
    """A UDP datagram in a frame."""
    length = 8 + len(payload)
    segment = struct.pack(">HHHH", source_port, target_port, length, 0) + payload
    value = checksum(_pseudo(source, target, 17, length) + segment) or 0xFFFF
    return _frame(source, target, 17, segment[:6] + struct.pack(">H", value) + segment[8:])
