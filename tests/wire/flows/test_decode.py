"""Decoding, one case for each layer: frames made by scapy, read through the flow table."""

from __future__ import annotations

from typing import Any

import pytest
from scapy.contrib.erspan import ERSPAN_I, ERSPAN_II, ERSPAN_III, ERSPAN_PlatformSpecific
from scapy.contrib.geneve import GENEVE, GeneveOptions
from scapy.contrib.gtp import GTP_U_Header, GTPPDUSessionContainer
from scapy.contrib.mpls import MPLS
from scapy.layers.inet import ICMP, IP, UDP, IPOption_Router_Alert, fragment
from scapy.layers.inet6 import (
    ICMPv6EchoReply,
    ICMPv6EchoRequest,
    IPv6,
    IPv6ExtHdrDestOpt,
    IPv6ExtHdrFragment,
    IPv6ExtHdrHopByHop,
    IPv6ExtHdrRouting,
    PadN,
    fragment6,
)
from scapy.layers.ipsec import AH
from scapy.layers.l2 import ARP, GRE, LLC, SNAP, Dot1AD, Dot1Q, Dot3
from scapy.layers.ppp import PPP, PPPoE
from scapy.layers.sctp import SCTP, SCTPChunkData
from scapy.layers.vxlan import VXLAN
from scapy.packet import Raw

from tests.wire.flows.frames import ETHERNET, START, Frame, carry, key_of, tunnel_of
from tests.wire.flows.scapy_frames import (
    A6,
    B6,
    DATAGRAM,
    ETHER,
    INNER,
    INNER6,
    KEY,
    KEY6,
    OUTER,
    OUTER6,
    SEGMENT,
    A,
    B,
    only_row,
    read,
)

GRE_FULL = GRE(chksum_present=1, key_present=1, seqnum_present=1)
GRE_III = GRE(proto=0x22EB, seqnum_present=1)
VNI = VXLAN(flags=8, vni=9)
AUTHENTICATED = AH(nh=6, payloadlen=4, icv=bytes(12))


@pytest.mark.parametrize(
    ("frame", "key", "vlan", "vlan_inner", "tunnel"),
    [
        (ETHER / INNER, KEY, -1, -1, "none"),
        (ETHER / INNER6, KEY6, -1, -1, "none"),
        (ETHER / Dot1Q(vlan=7, prio=5) / INNER, KEY, 7, -1, "none"),
        (ETHER / Dot1AD(vlan=200) / Dot1Q(vlan=7) / INNER6, KEY6, 200, 7, "none"),
        (ETHER / Dot1Q(vlan=200) / Dot1Q(vlan=7) / INNER, KEY, 200, 7, "none"),
        (ETHER / Dot1Q(vlan=1) / Dot1Q(vlan=2) / Dot1Q(vlan=3) / INNER, KEY, 1, 2, "none"),
        (ETHER / Dot1Q(vlan=0) / INNER, KEY, 0, -1, "none"),
        (Dot3() / LLC(dsap=0xAA, ssap=0xAA, ctrl=3) / SNAP() / INNER, KEY, -1, -1, "none"),
        (ETHER / MPLS(label=16, s=1) / INNER, KEY, -1, -1, "mpls"),
        (ETHER / MPLS(label=16, s=0) / MPLS(label=17, s=1) / INNER6, KEY6, -1, -1, "mpls"),
        (ETHER / MPLS(label=16, s=1) / Raw(bytes(4)) / ETHER / INNER, KEY, -1, -1, "mpls"),
        (ETHER / PPPoE(sessionid=5) / PPP(proto=0x21) / INNER, KEY, -1, -1, "pppoe"),
        (ETHER / PPPoE(sessionid=5) / PPP(proto=0x57) / INNER6, KEY6, -1, -1, "pppoe"),
        (ETHER / Dot1Q(vlan=9) / PPPoE(sessionid=5) / PPP(proto=0x21) / INNER, KEY, 9, -1, "pppoe"),
        (ETHER / OUTER / GRE() / INNER, KEY, -1, -1, "gre"),
        (ETHER / OUTER / GRE_FULL / INNER6, KEY6, -1, -1, "gre"),
        (ETHER / OUTER6 / GRE() / INNER, KEY, -1, -1, "gre"),
        (ETHER / OUTER / GRE(proto=0x6558) / ETHER / Dot1Q(vlan=3) / INNER, KEY, 3, -1, "gre"),
        (ETHER / OUTER / GRE(proto=0x8847) / MPLS(label=16, s=1) / INNER, KEY, -1, -1, "mpls"),
        (ETHER / OUTER / GRE(proto=0x88BE) / ERSPAN_I() / ETHER / INNER, KEY, -1, -1, "erspan"),
        (
            ETHER / OUTER / GRE(proto=0x88BE, seqnum_present=1) / ERSPAN_II(vlan=5) / ETHER / INNER,
            KEY, -1, -1, "erspan",
        ),
        (
            ETHER / OUTER / GRE_III / ERSPAN_III() / ETHER / Dot1Q(vlan=4) / INNER,
            KEY, 4, -1, "erspan",
        ),
        (
            ETHER / OUTER / GRE_III / ERSPAN_III(o=1)
            / ERSPAN_PlatformSpecific() / ETHER / INNER6,
            KEY6, -1, -1, "erspan",
        ),
        (ETHER / OUTER / UDP(sport=1, dport=4789) / VNI / ETHER / INNER, KEY, -1, -1, "vxlan"),
        (
            ETHER / Dot1Q(vlan=8) / OUTER6 / UDP(sport=1, dport=4789) / VNI
            / ETHER / Dot1Q(vlan=6) / INNER6,
            KEY6, 8, 6, "vxlan",
        ),
        (
            ETHER / OUTER / UDP(sport=1, dport=6081) / GENEVE(proto=0x6558, vni=1) / ETHER / INNER,
            KEY, -1, -1, "geneve",
        ),
        (
            ETHER / OUTER / UDP(sport=1, dport=6081)
            / GENEVE(proto=0x0800, options=[GeneveOptions(classid=1, type=2, data=b"abcd")]) / INNER,
            KEY, -1, -1, "geneve",
        ),
        (ETHER / OUTER / INNER, KEY, -1, -1, "ipip"),
        (ETHER / OUTER6 / INNER6, KEY6, -1, -1, "ipip"),
        (ETHER / OUTER6 / INNER, KEY, -1, -1, "ipip"),
        (ETHER / OUTER / INNER6, KEY6, -1, -1, "6in4"),
        (ETHER / OUTER / UDP(sport=40000, dport=3544) / INNER6, KEY6, -1, -1, "teredo"),
        (
            ETHER / OUTER / UDP(sport=3544, dport=40000)
            / Raw(bytes.fromhex("0001 0202 aabb ccdd 0011223344556677 00" " 0000 1111 22222222"))
            / INNER6,
            KEY6, -1, -1, "teredo",
        ),
        (ETHER / OUTER / UDP(sport=2152, dport=2152) / GTP_U_Header(teid=1) / INNER, KEY, -1, -1, "gtp-u"),
        (
            ETHER / OUTER / UDP(sport=2152, dport=2152) / GTP_U_Header(teid=1, S=1, seq=5) / INNER6,
            KEY6, -1, -1, "gtp-u",
        ),
        (
            ETHER / OUTER / UDP(sport=2152, dport=2152)
            / GTP_U_Header(teid=1, E=1, next_ex=0x85) / GTPPDUSessionContainer(type=0, QFI=3) / INNER,
            KEY, -1, -1, "gtp-u",
        ),
        (
            ETHER / OUTER / UDP(sport=1, dport=4789) / VNI / ETHER / OUTER / GRE() / INNER,
            KEY, -1, -1, "gre",
        ),
        (ETHER / IP(src=A, dst=B, options=[IPOption_Router_Alert()]) / SEGMENT, KEY, -1, -1, "none"),
        (
            ETHER / IPv6(src=A6, dst=B6) / IPv6ExtHdrHopByHop(options=[PadN(optdata=bytes(12))])
            / IPv6ExtHdrRouting() / IPv6ExtHdrDestOpt(options=[PadN(optdata=bytes(4))]) / SEGMENT,
            KEY6, -1, -1, "none",
        ),
        (ETHER / IPv6(src=A6, dst=B6) / AUTHENTICATED / bytes(SEGMENT), KEY6, -1, -1, "none"),
        (ETHER / IPv6(src=A6, dst=B6) / IPv6ExtHdrFragment(nh=6) / SEGMENT, KEY6, -1, -1, "none"),
    ],
)  # fmt: skip
def test_layers(frame: Any, key: tuple[Any, ...], vlan: int, vlan_inner: int, tunnel: str) -> None:
    row = only_row(read(frame))
    assert key_of(row) == key
    assert (int(row["vlan"]), int(row["vlan_inner"]), tunnel_of(row)) == (vlan, vlan_inner, tunnel)
    assert row["bytes"].tolist() == [len(bytes(frame)), 0]
    assert row["tcp_flags"].tolist() == [2, 0]


def test_ttl_is_the_innermost() -> None:
    row = only_row(read(ETHER / OUTER / UDP(sport=1, dport=4789) / VNI / ETHER / INNER))
    assert (row["ttl_min"][0], row["ttl_max"][0]) == (61, 61)


def test_vlan_of_the_capture_stands_outside_the_frames_own() -> None:
    frame = bytes(ETHER / Dot1Q(vlan=7) / INNER)
    result = carry([Frame(frame, vlan=0x2000 | 99)], link_types=(ETHERNET,))
    row = only_row(result)
    assert (int(row["vlan"]), int(row["vlan_inner"])) == (99, 7)


@pytest.mark.parametrize(
    ("transport", "key"),
    [
        (UDP(sport=50000, dport=9999) / Raw(b"x"), ("udp", A, 50000, B, 9999)),
        (SCTP(sport=50000, dport=2905) / SCTPChunkData(data=b"x"), ("sctp", A, 50000, B, 2905)),
        (ICMP(type=8, id=77, seq=1) / Raw(b"ping"), ("icmp", A, 8, B, 0)),
        (ICMP(type=3, code=1) / INNER, ("icmp", A, 3, B, 1)),
    ],
)
def test_transports(transport: Any, key: tuple[Any, ...]) -> None:
    assert key_of(only_row(read(ETHER / IP(src=A, dst=B) / transport))) == key


def test_icmp_reply_joins_its_request_and_a_reply_seen_first_is_the_servers() -> None:
    request = ETHER / IP(src=A, dst=B) / ICMP(type=8, id=1)
    reply = ETHER / IP(src=B, dst=A) / ICMP(type=0, id=1)
    row = only_row(read(request, reply, request))
    assert key_of(row) == ("icmp", A, 8, B, 0)
    assert row["packets"].tolist() == [2, 1]
    row = only_row(read(reply, request))
    assert key_of(row) == ("icmp", A, 8, B, 0)
    assert row["packets"].tolist() == [1, 1]


def test_icmp6_reply_joins_its_request() -> None:
    request = ETHER / IPv6(src=A6, dst=B6) / ICMPv6EchoRequest(id=1)
    reply = ETHER / IPv6(src=B6, dst=A6) / ICMPv6EchoReply(id=1)
    row = only_row(read(request, reply))
    assert key_of(row) == ("icmp6", A6, 128, B6, 0)
    assert row["packets"].tolist() == [1, 1]


def test_arp_asker_is_client_and_asked_is_server() -> None:
    request = ETHER / ARP(op=1, psrc=A, pdst=B)
    reply = ETHER / ARP(op=2, psrc=B, pdst=A)
    row = only_row(read(request, reply))
    assert key_of(row) == ("arp", A, 0, B, 0)
    assert row["packets"].tolist() == [1, 1]
    assert row["payload_bytes"].tolist() == [0, 0]


# Fragments


@pytest.mark.parametrize("six", [False, True])
def test_later_fragments_count_to_the_flow_of_the_first(six: bool) -> None:
    body = UDP(sport=50000, dport=9999) / Raw(bytes(3000))
    if six:
        whole = IPv6(src=A6, dst=B6) / IPv6ExtHdrFragment(id=5) / body
        pieces = [ETHER / piece for piece in fragment6(whole, 1280)]
    else:
        pieces = [ETHER / piece for piece in fragment(IP(src=A, dst=B, id=5) / body, 1200)]
    assert len(pieces) == 3
    result = read(*pieces)
    row = only_row(result)
    assert key_of(row)[1:] == ((A6 if six else A), 50000, (B6 if six else B), 9999)
    assert row["packets"].tolist() == [3, 0]
    assert row["fragments"] == 1
    assert row["payload_bytes"].tolist() == [3000, 0]
    assert result.counters["fragments"] == 3
    # Only the first fragment carries a header, so only its payload is shown to names.
    assert [direction for _, direction, _, _ in result.payloads] == [0]


def test_fragments_without_their_first_are_rejected() -> None:
    first, *later = fragment(IP(src=A, dst=B, id=5) / UDP(sport=1, dport=2) / Raw(bytes(3000)), 1200)
    result = read(ETHER / later[0], ETHER / later[1])
    assert result.rejects == {"fragment_without_first": 2}
    other = later[0].copy()
    other.id = 6
    result = read(ETHER / first, ETHER / other, ETHER / later[0])
    assert result.rejects == {"fragment_without_first": 1}
    assert result.rows[0]["packets"].tolist() == [2, 0]


def test_a_first_fragment_is_forgotten_after_its_lifetime() -> None:
    first, later, _ = fragment(IP(src=A, dst=B, id=5) / UDP(sport=1, dport=2) / Raw(bytes(3000)), 1200)
    frames = [
        Frame(bytes(first), START),
        Frame(bytes(later), START + 30_000_000_000),
        Frame(bytes(later), START + 30_000_000_001),
    ]
    result = carry(frames)
    assert result.rejects == {"fragment_without_first": 1}


def test_a_fragmented_tunnel_packet_counts_to_the_inner_flow() -> None:
    whole = OUTER / UDP(sport=1, dport=4789) / VNI / ETHER / IP(src=A, dst=B) / DATAGRAM / Raw(bytes(2000))
    whole[IP].id = 9
    result = read(*[ETHER / piece for piece in fragment(IP(bytes(whole)), 1000)])
    row = only_row(result)
    assert key_of(row) == ("udp", A, 50000, B, 9999)
    assert tunnel_of(row) == "vxlan"
    assert row["packets"].tolist() == [3, 0]


def test_a_tunnel_port_without_a_fitting_header_stays_a_udp_flow() -> None:
    for port, payload in (
        (4789, bytes(64)),
        (6081, b"\xc0" + bytes(63)),
        (6081, bytes(64)),
        (2152, bytes(64)),
        (3544, bytes(64)),
    ):
        row = only_row(read(ETHER / IP(src=A, dst=B) / UDP(sport=50000, dport=port) / Raw(payload)))
        assert key_of(row) == ("udp", A, 50000, B, port)
        assert tunnel_of(row) == "none"


def test_a_frame_cut_by_the_snap_length_counts_its_wire_length() -> None:
    whole = bytes(ETHER / IP(src=A, dst=B) / SEGMENT / Raw(bytes(1000)))
    result = carry([Frame(whole[:54], wire_bytes=len(whole))], link_types=(ETHERNET,))
    row = only_row(result)
    assert row["bytes"].tolist() == [len(whole), 0]
    assert row["payload_bytes"].tolist() == [1000, 0]
    assert result.counters["truncated_payloads"] == 1
    assert result.payloads == []


def test_ethernet_padding_is_no_payload() -> None:
    frame = bytes(ETHER / INNER) + bytes(6)
    row = only_row(read(frame))
    assert row["bytes"].tolist() == [60, 0]
    assert row["payload_bytes"].tolist() == [0, 0]
