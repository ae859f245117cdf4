"""Addresses, headers and keys that frames made by scapy share, and how they are read."""

from __future__ import annotations

from typing import Any

from scapy.layers.inet import IP, TCP, UDP
from scapy.layers.inet6 import (
    IPv6,
)
from scapy.layers.l2 import Ether
from scapy.packet import Raw

from tests.wire.flows.frames import ETHERNET, START, Frame, Result, carry
from wire.flows.table import FlowSettings

A, B = "10.1.2.3", "198.51.100.7"
A6, B6 = "2001:db8::a", "2001:db8:1::b"
SEGMENT = TCP(sport=50000, dport=443, flags="S")
DATAGRAM = UDP(sport=50000, dport=9999) / Raw(b"hello")
KEY = ("tcp", A, 50000, B, 443)
KEY6 = ("tcp", A6, 50000, B6, 443)
INNER = IP(src=A, dst=B, ttl=61) / SEGMENT
INNER6 = IPv6(src=A6, dst=B6, hlim=61) / SEGMENT
ETHER = Ether(src="02:00:00:00:00:01", dst="02:00:00:00:00:02")
OUTER = IP(src="203.0.113.1", dst="203.0.113.2")
OUTER6 = IPv6(src="2001:db8:f::1", dst="2001:db8:f::2")


def read(*frames: Any, link_type: int = ETHERNET, settings: FlowSettings | None = None) -> Result:
    """Carry frames through a table and check that every one is accounted for."""
    result = carry(
        [Frame(bytes(frame), START + at) for at, frame in enumerate(frames)], settings, (link_type,)
    )
    result.check_accounting()
    assert result.counters["packets"] == len(frames)
    return result


def only_row(result: Result) -> Any:
    assert result.rejects == {}
    assert len(result.rows) == 1
    return result.rows[0]
