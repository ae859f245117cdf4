"""Every link type, down to the flow key."""

from __future__ import annotations

import struct
from typing import Any

import pytest
from scapy.layers.dot11 import Dot11, Dot11QoS, RadioTap
from scapy.layers.l2 import LLC, SNAP, Dot1Q, Loopback

from tests.wire.flows.frames import key_of
from tests.wire.flows.scapy_frames import (
    ETHER,
    INNER,
    INNER6,
    KEY,
    KEY6,
    only_row,
    read,
)


def sll(inner: bytes, ethertype: int) -> bytes:
    return struct.pack("!HHH8sH", 0, 1, 6, bytes(8), ethertype) + inner


def sll2(inner: bytes, ethertype: int) -> bytes:
    return struct.pack("!HHIHBB8s", ethertype, 0, 2, 1, 0, 6, bytes(8)) + inner


def nflog(inner: bytes) -> bytes:
    return (
        b"\x02\x00\x00\x00"
        + struct.pack("<HH3sx", 7, 10, b"ab\0")
        + struct.pack("<HH", 4 + len(inner), 9)
        + inner
    )


DATA = Dot11(type=2, subtype=0, FCfield=1) / LLC(dsap=0xAA, ssap=0xAA, ctrl=3) / SNAP()
QOS = Dot11(type=2, subtype=8, FCfield=2) / Dot11QoS() / LLC(dsap=0xAA, ssap=0xAA, ctrl=3) / SNAP()
QOS_BYTES = bytes(QOS / INNER)


@pytest.mark.parametrize(
    ("link_type", "frame"),
    [
        (1, ETHER / INNER),
        (12, INNER),
        (14, INNER),
        (101, INNER),
        (228, INNER),
        (113, sll(bytes(INNER), 0x0800)),
        (113, sll(bytes(Dot1Q(vlan=0) / INNER), 0x8100)),
        (276, sll2(bytes(INNER), 0x0800)),
        (0, Loopback(type=2) / INNER),
        (0, struct.pack("<I", 2) + bytes(INNER)),
        (108, struct.pack(">I", 2) + bytes(INNER)),
        (9, b"\xff\x03\x00\x21" + bytes(INNER)),
        (9, b"\x00\x21" + bytes(INNER)),
        (50, b"\x21" + bytes(INNER)),
        (239, nflog(bytes(INNER))),
        (105, DATA / INNER),
        (127, RadioTap() / DATA / INNER),
        (127, RadioTap() / QOS / INNER),
        # Radiotap with TSFT and a flags field that says the 802.11 header is padded to 4 bytes.
        (127, struct.pack("<BBHIQB", 0, 0, 17, 3, 0, 0x20) + QOS_BYTES[:26] + bytes(2) + QOS_BYTES[26:]),
    ],
)  # fmt: skip
def test_link_types(link_type: int, frame: Any) -> None:
    assert key_of(only_row(read(frame, link_type=link_type))) == KEY


@pytest.mark.parametrize(
    ("link_type", "frame"),
    [
        (229, INNER6),
        (101, INNER6),
        (276, sll2(bytes(INNER6), 0x86DD)),
        (0, struct.pack("<I", 24) + bytes(INNER6)),
        (0, struct.pack("<I", 28) + bytes(INNER6)),
        (108, struct.pack(">I", 30) + bytes(INNER6)),
        (9, b"\xff\x03\x00\x57" + bytes(INNER6)),
        (239, nflog(bytes(INNER6))),
    ],
)
def test_link_types_with_ipv6(link_type: int, frame: Any) -> None:
    assert key_of(only_row(read(frame, link_type=link_type))) == KEY6
