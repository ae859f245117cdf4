"""Every reason for which a frame is rejected."""

from __future__ import annotations

import struct
from typing import Any

import pytest
from scapy.layers.dot11 import Dot11
from scapy.layers.inet import IP, TCP, UDP
from scapy.layers.inet6 import (
    IPv6,
    IPv6ExtHdrDestOpt,
)
from scapy.layers.l2 import ARP, GRE, LLC, SNAP, Dot1Q, Dot3, Ether
from scapy.layers.ppp import PPP, PPPoE
from scapy.packet import Raw

from tests.wire.flows.frames import ETHERNET, RAW, Frame, carry, key_of
from tests.wire.flows.scapy_frames import (
    A6,
    B6,
    ETHER,
    INNER,
    INNER6,
    KEY,
    OUTER,
    SEGMENT,
    A,
    B,
    only_row,
    read,
)
from wire.flows.packet import REJECT_REASONS
from wire.flows.table import FlowSettings

DATA = Dot11(type=2, subtype=0, FCfield=1) / LLC(dsap=0xAA, ssap=0xAA, ctrl=3) / SNAP()
EXTENSIONS = IPv6(src=A6, dst=B6)
for _ in range(17):
    EXTENSIONS = EXTENSIONS / IPv6ExtHdrDestOpt()
BAD_OPERATION = ARP(op=9, psrc=A, pdst=B)
DOT11_WEP = Dot11(type=2, subtype=0, FCfield=0x41) / Raw(bytes(64))

REJECTED = [
    ("truncated_frame", ETHERNET, bytes(ETHER / INNER)[:13]),
    ("truncated_frame", ETHERNET, bytes(ETHER / INNER)[:33]),
    ("truncated_frame", ETHERNET, bytes(ETHER / INNER)[:49]),
    ("truncated_frame", ETHERNET, bytes(ETHER / INNER6)[:50]),
    ("truncated_frame", ETHERNET, bytes(ETHER / Dot1Q(vlan=1))[:16]),
    ("truncated_frame", ETHERNET, b""),
    ("truncated_frame", RAW, b""),
    ("not_ip", ETHERNET, bytes(Ether(type=0x88CC) / Raw(bytes(40)))),
    ("not_ip", ETHERNET, bytes(Dot3() / LLC(dsap=0x42, ssap=0x42, ctrl=3) / Raw(bytes(35)))),
    ("not_ip", 0, struct.pack("<I", 7) + bytes(INNER)),
    ("not_ip", 9, b"\xff\x03\xc0\x21" + bytes(20)),
    ("not_ip", 105, bytes(Dot11(type=0, subtype=8) / Raw(bytes(40)))),
    ("bad_link_header", ETHERNET, bytes(ETHER / PPPoE(version=2) / PPP(proto=0x21) / INNER)),
    ("bad_link_header", 127, struct.pack("<BBHI", 1, 0, 8, 0) + bytes(DATA / INNER)),
    ("bad_link_header", 239, b"\x02\x00\x00\x00" + struct.pack("<HH", 2, 7) + bytes(20)),
    ("bad_link_header", ETHERNET, bytes(ETHER / Raw(b""))[:12] + b"\x88\x47" + bytes(4 * 20)),
    ("encrypted_link", 105, bytes(DOT11_WEP)),
    ("bad_ip_header", RAW, b"\x50" + bytes(INNER)[1:]),
    ("bad_ip_header", RAW, b"\x44" + bytes(INNER)[1:]),
    ("bad_ip_header", ETHERNET, bytes(ETHER)[:12] + b"\x86\xdd\x40" + bytes(INNER6)[1:]),
    ("bad_ip_header", RAW, bytes(IP(src=A, dst=B, len=19) / SEGMENT)),
    ("bad_ipv6_extensions", RAW, bytes(EXTENSIONS / SEGMENT)),
    ("bad_transport_header", RAW, bytes(IP(src=A, dst=B) / TCP(dataofs=4))),
    ("bad_transport_header", RAW, bytes(IP(src=A, dst=B) / TCP(dataofs=15))),
    ("bad_transport_header", RAW, bytes(IP(src=A, dst=B) / UDP(len=7))),
    ("unsupported_protocol", RAW, bytes(IP(src=A, dst=B, proto=89) / Raw(bytes(40)))),
    ("unsupported_protocol", RAW, bytes(IPv6(src=A6, dst=B6, nh=50) / Raw(bytes(40)))),
    ("unsupported_protocol", RAW, bytes(IP(src=A, dst=B) / GRE(proto=0x9000) / Raw(bytes(40)))),
    ("bad_tunnel_header", RAW, bytes(IP(src=A, dst=B) / GRE(version=5) / INNER)),
    (
        "bad_tunnel_header",
        RAW,
        bytes(
            OUTER / UDP(sport=2152, dport=2152)
            / Raw(b"\x34\xff" + struct.pack("!HI", 60, 1) + b"\0\0\0\x85" + bytes(60))
        ),
    ),
    ("bad_arp", ETHERNET, bytes(ETHER / BAD_OPERATION)),
    ("bad_arp", ETHERNET, bytes(ETHER / ARP(hwlen=8, op=1) / Raw(bytes(20)))),
    ("unknown_link_type", 147, bytes(INNER)),
]  # fmt: skip


@pytest.mark.parametrize(("reason", "link_type", "data"), REJECTED)
def test_rejects(reason: str, link_type: int, data: bytes) -> None:
    result = read(data, link_type=link_type)
    assert result.rejects == {reason: 1}
    assert len(result.rows) == 0


def test_an_interface_that_the_block_does_not_know_is_an_unknown_link_type() -> None:
    result = carry([Frame(bytes(INNER), interface=1)])
    result.check_accounting()
    assert result.rejects == {"unknown_link_type": 1}


def nested(depth: int) -> Any:
    packet = INNER
    for _ in range(depth):
        packet = OUTER / packet
    return ETHER / packet


@pytest.mark.parametrize("bound", [0, 1, 4])
def test_depth_is_bounded_and_configurable(bound: int) -> None:
    settings = FlowSettings(max_tunnel_depth=bound)
    assert key_of(only_row(read(nested(bound), settings=settings))) == KEY
    assert read(nested(bound + 1), settings=settings).rejects == {"tunnel_too_deep": 1}


def test_a_chain_of_tags_without_end_is_too_deep() -> None:
    frame = bytes(ETHER)[:12] + b"\x81\x00\x00\x01" * 60 + b"\x08\x00" + bytes(INNER)
    assert read(frame).rejects == {"tunnel_too_deep": 1}


def test_every_reject_reason_has_a_case() -> None:
    shown = {reason for reason, _, _ in REJECTED} | {"fragment_without_first", "tunnel_too_deep"}
    assert shown == set(REJECT_REASONS) - {"none"}
