"""Crafted captures: link types, fragments, and frames that must be refused by reason."""

from __future__ import annotations

import struct
from collections.abc import Iterator

from scapy.layers.inet import IP, TCP, UDP, IPOption_RR, fragment
from scapy.layers.inet6 import IPv6, IPv6ExtHdrFragment, IPv6ExtHdrHopByHop, fragment6
from scapy.layers.l2 import ARP, Ether
from scapy.packet import Packet, Raw

from pcaps.record.cases import (
    CLIENT_MAC,
    RAW_IP,
    SERVER_MAC,
    Case,
    Talk,
    Wrap,
    ethernet,
    tcp_talk,
    tls_answer,
    tls_hello,
    tls_talk,
)
from pcaps.record.messages import dns_answer, dns_query, dns_talk

NULL, PPP, LOOP, LINUX_SLL, NFLOG, LINUX_SLL2 = 0, 9, 108, 113, 239, 276


def _cooked(packet: Packet, from_server: bool) -> Packet:
    """Linux cooked capture, version 1: packet type, ARPHRD, address, EtherType."""
    kind = 4 if from_server else 0
    return Raw(struct.pack(">HHH8sH", kind, 1, 6, bytes(8), 0x0800) + bytes(packet))


def _cooked_2(packet: Packet, from_server: bool) -> Packet:
    """Version 2: EtherType first, then interface index, ARPHRD, packet type."""
    kind = 4 if from_server else 0
    return Raw(struct.pack(">HHIHBB8s", 0x0800, 0, 2, 1, kind, 6, bytes(8)) + bytes(packet))


def _nflog(packet: Packet, from_server: bool) -> Packet:
    """NFLOG: family, version, group; then attributes (length and type in host order), 9 is the packet."""
    prefix = struct.pack("<HH", 10, 10) + b"log: \0" + b"\0\0"
    payload = bytes(packet)
    attribute = struct.pack("<HH", len(payload) + 4, 9) + payload + bytes(-len(payload) % 4)
    return Raw(struct.pack(">BBH", 2, 0, 5) + prefix + attribute)


_LINKS: tuple[tuple[str, int, str, Wrap], ...] = (
    ("raw-ip", RAW_IP, "raw IP", lambda packet, from_server: packet),
    (
        "null",
        NULL,
        "BSD null, little-endian family",
        lambda packet, _: Raw(struct.pack("<I", 2) + bytes(packet)),
    ),
    (
        "loop",
        LOOP,
        "OpenBSD loop, big-endian family",
        lambda packet, _: Raw(struct.pack(">I", 2) + bytes(packet)),
    ),
    ("ppp", PPP, "PPP with address and control", lambda packet, _: Raw(b"\xff\x03\x00\x21" + bytes(packet))),
    ("sll", LINUX_SLL, "Linux cooked capture", _cooked),
    ("sll2", LINUX_SLL2, "Linux cooked capture, version 2", _cooked_2),
    ("nflog", NFLOG, "Linux netfilter log", _nflog),
)


def _links() -> Iterator[Case]:
    for name, number, about, wrap in _LINKS:
        case = Case(f"link-{name}", f"Link type {number}, {about}: TLS and DNS.", link_type=number)
        case.add(tls_talk("www.zxx.edu.cn"), wrap, category="education")
        case.add(dns_talk("www.zxx.edu.cn", "203.0.113.10"), wrap)
        yield case


def _fragments() -> Iterator[Case]:
    query, answer = dns_query("www.chsi.com.cn"), dns_answer("www.chsi.com.cn", "203.0.113.7")
    answer += bytes(2000)  # trailing bytes make it long enough to be cut
    case = Case(
        "fragments-ipv4", "An answer in IPv4 fragments: the first is named, the later ones count to its flow."
    )
    talk = Talk(
        "10.20.0.5",
        "10.20.0.1",
        50002,
        53,
        "udp",
        facts={"dns_query": ["www.chsi.com.cn"], "fragments": True},
    )
    talk.datagram(query)
    whole = IP(src="10.20.0.1", dst="10.20.0.5", id=77, ttl=57) / UDP(sport=53, dport=50002) / Raw(answer)
    talk.packets += [(piece, True) for piece in fragment(whole, fragsize=800)]
    case.add(talk)
    yield case

    case = Case(
        "fragments-reordered", "The same with the last fragment first: none is lost from the account."
    )
    talk = Talk("10.20.0.5", "10.20.0.1", 50003, 53, "udp", facts={"dns_query": ["www.chsi.com.cn"]})
    talk.datagram(query)
    whole = IP(src="10.20.0.1", dst="10.20.0.5", id=78, ttl=57) / UDP(sport=53, dport=50003) / Raw(answer)
    pieces = fragment(whole, fragsize=800)
    for piece in reversed(pieces):
        talk.packets.append((piece, True))
    case.add(talk)
    # What comes before the first fragment has no ports: whether it finds its flow is not promised.
    del case.flows[0]["packets_s2c"]
    yield case

    case = Case("fragments-ipv6", "An answer in IPv6 fragments, behind a hop-by-hop header.")
    client, resolver = "2001:db8:20::5", "2001:db8:20::1"
    talk = Talk(
        client, resolver, 50004, 53, "udp", facts={"dns_query": ["www.chsi.com.cn"], "fragments": True}
    )
    talk.datagram(query)
    head = IPv6(src=resolver, dst=client) / IPv6ExtHdrHopByHop() / IPv6ExtHdrFragment(id=99)
    talk.packets += [
        (piece, True) for piece in fragment6(head / UDP(sport=53, dport=50004) / Raw(answer), 900)
    ]
    case.add(talk)
    yield case

    case = Case(
        "fragments-hello",
        "A TLS hello whose IPv4 packet is cut in two fragments: both count to one flow.",
    )
    hello = tls_hello("www.icourse163.org", 31)
    talk = tcp_talk("10.20.0.5", "203.0.113.10", 42080, 443, [(0, hello)], tls_answer(31))
    at = next(index for index, (packet, _) in enumerate(talk.packets) if Raw in packet)
    packet, _ = talk.packets[at]
    packet[IP].flags = 0
    talk.packets[at : at + 1] = [(piece, False) for piece in fragment(packet, fragsize=400)]
    case.add(talk, fragments=True)
    yield case


def _options() -> Iterator[Case]:
    case = Case("ipv4-options", "IPv4 with options (record route): the transport header starts later.")
    talk = tls_talk("www.zxx.edu.cn", port=42081)
    for packet, _ in talk.packets:
        packet[IP].options = [IPOption_RR(length=7, pointer=4, routers=["0.0.0.0"])]
    case.add(talk, category="education")
    yield case
    case = Case("ipv6-extensions", "IPv6 with hop-by-hop and destination options before TCP.")
    talk = tls_talk("www.zxx.edu.cn", client="2001:db8:20::5", server="2001:db8:99::10", port=42082)

    def extended(packet: Packet, from_server: bool) -> Packet:
        segment = bytes(packet[TCP])
        chain = bytes([60, 0, 1, 4, 0, 0, 0, 0]) + bytes([6, 0, 1, 4, 0, 0, 0, 0])
        head = IPv6(src=packet[IPv6].src, dst=packet[IPv6].dst, nh=0, plen=len(chain) + len(segment))
        return ethernet(head / Raw(chain + segment), from_server)

    case.add(talk, extended, category="education")
    yield case


def _other_protocols() -> Iterator[Case]:
    case = Case(
        "arp-and-icmp", "An ARP request and its reply, an echo request and its reply, and an ICMPv6 echo."
    )
    case.frames.append(
        bytes(
            Ether(src=CLIENT_MAC, dst="ff:ff:ff:ff:ff:ff")
            / ARP(op=1, hwsrc=CLIENT_MAC, psrc="10.20.0.5", hwdst="00:00:00:00:00:00", pdst="10.20.0.1")
        )
    )
    case.frames.append(
        bytes(
            Ether(src=SERVER_MAC, dst=CLIENT_MAC)
            / ARP(op=2, hwsrc=SERVER_MAC, psrc="10.20.0.1", hwdst=CLIENT_MAC, pdst="10.20.0.5")
        )
    )
    case.flows.append({"proto": "arp", "client_ip": "10.20.0.5", "server_ip": "10.20.0.1"})
    for kind, from_server in ((8, False), (0, True)):
        source, target = ("10.20.0.1", "10.20.0.5") if from_server else ("10.20.0.5", "10.20.0.1")
        message = struct.pack(">BBHHH", kind, 0, 0, 7, 1) + bytes(16)
        packet = IP(src=source, dst=target, proto=1, id=5) / Raw(message)
        case.frames.append(bytes(ethernet(packet, from_server)))
    case.flows.append(
        {
            "proto": "icmp",
            "client_ip": "10.20.0.5",
            "server_ip": "10.20.0.1",
            "packets_c2s": 1,
            "packets_s2c": 1,
        }
    )
    for kind, from_server in ((128, False), (129, True)):
        ends = ("2001:db8:20::5", "2001:db8:20::1")
        source, target = ends[::-1] if from_server else ends
        message = struct.pack(">BBHHH", kind, 0, 0, 7, 1) + bytes(16)
        packet = IPv6(src=source, dst=target, nh=58) / Raw(message)
        case.frames.append(bytes(ethernet(packet, from_server)))
    case.flows.append(
        {
            "proto": "icmp6",
            "client_ip": "2001:db8:20::5",
            "server_ip": "2001:db8:20::1",
            "packets_c2s": 1,
            "packets_s2c": 1,
        }
    )
    yield case
    case = Case("sctp", "An SCTP INIT and its answer.")
    for from_server in (False, True):
        ports = (5000, 3868)
        source, target = ports[::-1] if from_server else ports
        ends = ("10.20.0.5", "203.0.113.30")
        here, there = ends[::-1] if from_server else ends
        chunk = struct.pack(">BBHIIHHI", 2 if from_server else 1, 0, 20, 1, 65535, 1, 1, 1)
        packet = IP(src=here, dst=there, proto=132, id=5) / Raw(
            struct.pack(">HHII", source, target, 0, 0) + chunk
        )
        case.frames.append(bytes(ethernet(packet, from_server)))
    case.flows.append(
        {
            "proto": "sctp", "client_ip": "10.20.0.5", "client_port": 5000, "server_ip": "203.0.113.30",
            "server_port": 3868, "packets_c2s": 1, "packets_s2c": 1,
        }
    )  # fmt: skip
    yield case


def _malformed() -> Iterator[Case]:
    case = Case(
        "frames-malformed",
        "One good conversation among frames cut or lying about their lengths; none stops the rest.",
    )
    good = tls_talk("www.zxx.edu.cn", port=42090)
    case.add(good, category="education")
    whole = bytes(ethernet(good.packets[3][0], False))
    case.frames += [
        whole[:10],  # shorter than an Ethernet header
        whole[:20],  # cut inside the IPv4 header
        whole[:14] + b"\x4f" + whole[15:30],  # header length past the end of the frame
        whole[:14] + b"\x42" + whole[15:],  # header length below its least
        whole[:14] + b"\x90" + whole[15:],  # IP version nine
        whole[:40],  # cut inside the TCP header
        whole[:46] + b"\xf0" + whole[47:54],  # TCP data offset past the end
        whole[:12] + b"\x86\xdd" + b"\x60" + bytes(20),  # cut inside the IPv6 header
        whole[:12] + b"\x81\x00\x00",  # cut inside the VLAN tag
    ]
    case.facts["rejected"] = 9
    yield case
    yield Case("empty", "A header and no packet: valid, and yields nothing.")


def cases() -> Iterator[Case]:
    """Every capture about links, fragments, headers and refusals."""
    for group in (_links, _fragments, _options, _other_protocols, _malformed):
        yield from group()
