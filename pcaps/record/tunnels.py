"""Crafted captures: the same TLS hello (or DNS query) inside each tunnel and tag that a tap may show."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator

from scapy.layers.inet import IP, UDP
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import Dot1Q, Ether
from scapy.packet import Packet, Raw

from pcaps.record.cases import CLIENT_MAC, SERVER_MAC, Case, Wrap, ethernet, tls_talk
from pcaps.record.messages import dns_talk

_NEAR, _FAR = "192.0.2.1", "192.0.2.2"
_GRE, _IPIP, _6IN4 = 47, 4, 41


def _outer(from_server: bool, protocol: int | None = None) -> Packet:
    source, target = (_FAR, _NEAR) if from_server else (_NEAR, _FAR)
    header = IP(src=source, dst=target, id=1, ttl=60)
    if protocol is not None:
        header.proto = protocol
    return header


def _over_ip(protocol: int, head: bytes, *, inner_ethernet: bool = False) -> Wrap:
    """The packet (or its Ethernet frame) behind `head`, in an outer IPv4 packet of `protocol`."""

    def wrap(packet: Packet, from_server: bool) -> Packet:
        inner = ethernet(packet, from_server) if inner_ethernet else packet
        return ethernet(_outer(from_server, protocol) / Raw(head + bytes(inner)), from_server)

    return wrap


def _over_udp(port: int, head: Callable[[bytes], bytes], *, inner_ethernet: bool) -> Wrap:
    """The packet behind a header in an outer UDP datagram to `port`, whoever sends."""

    def wrap(packet: Packet, from_server: bool) -> Packet:
        inner = bytes(ethernet(packet, from_server) if inner_ethernet else packet)
        source = port if port == 2152 else 51000
        datagram = UDP(sport=source, dport=port) / Raw(head(inner) + inner)
        return ethernet(_outer(from_server) / datagram, from_server)

    return wrap


def _qinq(packet: Packet, from_server: bool) -> Packet:
    source, target = (SERVER_MAC, CLIENT_MAC) if from_server else (CLIENT_MAC, SERVER_MAC)
    return Ether(src=source, dst=target, type=0x88A8) / Dot1Q(vlan=300) / Dot1Q(vlan=42) / packet


def _one_sided_vlan(packet: Packet, from_server: bool) -> Packet:
    """A mirror port that tags one direction only."""
    source, target = (SERVER_MAC, CLIENT_MAC) if from_server else (CLIENT_MAC, SERVER_MAC)
    frame = Ether(src=source, dst=target)
    return frame / packet if from_server else frame / Dot1Q(vlan=42) / packet


def _ether_type(number: int, head: bytes) -> Wrap:
    def wrap(packet: Packet, from_server: bool) -> Packet:
        source, target = (SERVER_MAC, CLIENT_MAC) if from_server else (CLIENT_MAC, SERVER_MAC)
        return Ether(src=source, dst=target, type=number) / Raw(head + bytes(packet))

    return wrap


def _pppoe(packet: Packet, from_server: bool) -> Packet:
    """RFC 2516: version 1, type 1, session data, then a PPP protocol number."""
    inner = b"\x00\x21" + bytes(packet)
    head = struct.pack(">BBHH", 0x11, 0, 7, len(inner))
    return _ether_type(0x8864, head)(Raw(inner), from_server)


def _teredo(packet: Packet, from_server: bool) -> Packet:
    source, target = (3544, 51413) if from_server else (51413, 3544)
    return ethernet(_outer(from_server) / UDP(sport=source, dport=target) / packet, from_server)


def _gtp_user(inner: bytes) -> bytes:
    """3GPP TS 29.281: version 1, protocol type GTP, G-PDU, tunnel 0x1234."""
    return struct.pack(">BBHI", 0x30, 0xFF, len(inner), 0x1234)


def _gtp_user_extended(inner: bytes) -> bytes:
    """The same with the sequence number and a PDU session container (5G) as extension header."""
    return struct.pack(">BBHIHBB", 0x36, 0xFF, len(inner) + 8, 0x1234, 9, 0, 0x85) + b"\x01\x00\x09\x00"


_ERSPAN_2 = struct.pack(">HHI", 0x1000 | 42, 0x1801, 0)
_ERSPAN_3 = struct.pack(">HHIHH", 0x2000 | 42, 0x0001, 123456, 0, 0)
_MPLS_TWO = struct.pack(">II", (1001 << 12) | 0x40, (2002 << 12) | 0x140)

_CASES: tuple[tuple[str, str, str, Wrap], ...] = (
    ("mpls", "mpls", "two MPLS labels, the lower at the bottom of the stack", _ether_type(0x8847, _MPLS_TWO)),
    ("pppoe", "pppoe", "a PPPoE session", _pppoe),
    ("gre", "gre", "GRE without options (RFC 2784)", _over_ip(_GRE, struct.pack(">HH", 0, 0x0800))),
    (
        "gre-keyed", "gre", "GRE with checksum, key and sequence number (RFC 2890)",
        _over_ip(_GRE, struct.pack(">HHHHII", 0xB000, 0x0800, 0, 0, 77, 5)),
    ),
    (
        "gre-ethernet", "gre", "Ethernet in GRE (transparent bridging)",
        _over_ip(_GRE, struct.pack(">HH", 0, 0x6558), inner_ethernet=True),
    ),
    (
        "erspan-1", "erspan", "ERSPAN type I: GRE without sequence number, no further header",
        _over_ip(_GRE, struct.pack(">HH", 0, 0x88BE), inner_ethernet=True),
    ),
    (
        "erspan-2", "erspan", "ERSPAN type II",
        _over_ip(_GRE, struct.pack(">HHI", 0x1000, 0x88BE, 1) + _ERSPAN_2, inner_ethernet=True),
    ),
    (
        "erspan-3", "erspan", "ERSPAN type III",
        _over_ip(_GRE, struct.pack(">HHI", 0x1000, 0x22EB, 1) + _ERSPAN_3, inner_ethernet=True),
    ),
    (
        "vxlan", "vxlan", "VXLAN (RFC 7348)",
        _over_udp(4789, lambda inner: struct.pack(">II", 0x08000000, 42 << 8), inner_ethernet=True),
    ),
    (
        "geneve", "geneve", "GENEVE with one option (RFC 8926)",
        _over_udp(
            6081,
            lambda inner: struct.pack(">HHI", 0x0200, 0x6558, 42 << 8) + b"\x01\x02\x03\x01abcd",
            inner_ethernet=True,
        ),
    ),
    ("ipip", "ipip", "IPv4 in IPv4 (RFC 2003)", _over_ip(_IPIP, b"")),
    ("gtp-u", "gtp-u", "GTP-U, plain header", _over_udp(2152, _gtp_user, inner_ethernet=False)),
    (
        "gtp-u-extended", "gtp-u", "GTP-U with sequence number and extension header",
        _over_udp(2152, _gtp_user_extended, inner_ethernet=False),
    ),
)  # fmt: skip


def cases() -> Iterator[Case]:
    """Every tag and tunnel, each with a TLS conversation and a DNS query."""
    for name, tunnel, about, wrap in _CASES:
        case = Case(f"tunnel-{name}", f"{about}: TLS and DNS inside.")
        case.add(tls_talk("www.zxx.edu.cn"), wrap, tunnel=tunnel, category="education")
        case.add(dns_talk("www.zxx.edu.cn", "203.0.113.10"), wrap, tunnel=tunnel)
        yield case
    case = Case("tunnel-6in4", "IPv6 in IPv4 (RFC 4213): TLS inside.")
    talk = tls_talk("www.zxx.edu.cn", client="2001:db8:20::5", server="2001:db8:99::10")
    case.add(talk, _over_ip(_6IN4, b""), tunnel="6in4", category="education")
    yield case
    case = Case("tunnel-teredo", "IPv6 in UDP (RFC 4380): TLS inside.")
    talk = tls_talk("www.zxx.edu.cn", client="2001:0:c000:201::5", server="2001:db8:99::10")
    case.add(talk, _teredo, tunnel="teredo", category="education")
    yield case
    case = Case("vlan-qinq", "Two tags, 300 outside (802.1ad) and 42 inside.")
    case.add(tls_talk("www.zxx.edu.cn"), _qinq, tunnel="none", vlan=300, category="education")
    yield case
    case = Case(
        "vlan-one-sided", "A mirror port that tags the client's direction only: one flow all the same."
    )
    case.add(tls_talk("www.zxx.edu.cn"), _one_sided_vlan, tunnel="none", vlan=42, category="education")
    yield case
    case = Case("tunnel-nested", "VXLAN in GRE: the innermost tunnel stays on the flow.")
    vxlan = _over_udp(4789, lambda inner: struct.pack(">II", 0x08000000, 42 << 8), inner_ethernet=True)

    def nested(packet: Packet, from_server: bool) -> Packet:
        inside = vxlan(packet, from_server).payload
        return ethernet(
            _outer(from_server, _GRE) / Raw(struct.pack(">HH", 0, 0x0800) + bytes(inside)), from_server
        )

    case.add(tls_talk("www.zxx.edu.cn"), nested, tunnel="vxlan", category="education")
    yield case
    case = Case("tunnel-ipv6-outer", "VXLAN carried by IPv6.")

    def over_ipv6(packet: Packet, from_server: bool) -> Packet:
        ends = ("2001:db8::1", "2001:db8::2")
        source, target = ends[::-1] if from_server else ends
        inner = bytes(ethernet(packet, from_server))
        head = struct.pack(">II", 0x08000000, 42 << 8)
        datagram = UDP(sport=51000, dport=4789) / Raw(head + inner)
        return ethernet(IPv6(src=source, dst=target) / datagram, from_server)

    case.add(tls_talk("www.zxx.edu.cn"), over_ipv6, tunnel="vxlan", category="education")
    yield case
