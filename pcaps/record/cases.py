"""What a crafted capture is made of: conversations, their frames, and the flows they must yield.

The expected facts follow from what the script wrote, never from what campuswatch read.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from scapy.layers.inet import IP, TCP, UDP
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import Ether
from scapy.packet import Packet, Raw

from monitor.simulate.tls_bytes import (
    ANDROID_APP,
    ClientProfile,
    Entropy,
    client_hello,
    records,
    server_flight,
)

FOLDER = Path(__file__).resolve().parents[1]
START_US = 1_788_220_800_000_000  # 2026-09-01 00:00 UTC
STEP_US = 10_000
ETHERNET, RAW_IP = 1, 101
CLIENT_MAC, SERVER_MAC = "02:00:00:00:00:01", "02:00:00:00:00:02"

#: Puts a conversation's packet into its tunnel; the flag says that the server sent it.
Wrap = Callable[[Packet, bool], Packet]


@dataclass(slots=True)
class Case:
    """One capture: frames in order, link type, and the facts it must yield."""

    name: str
    about: str
    frames: list[bytes] = field(default_factory=list)
    flows: list[dict[str, Any]] = field(default_factory=list)
    link_type: int = ETHERNET
    facts: dict[str, Any] = field(default_factory=dict)
    gaps_us: list[int] = field(default_factory=list)

    def add(self, talk: Talk, wrap: Wrap | None = None, **changes: Any) -> None:
        """Append a conversation's packets, each put into its tunnel, and what they must yield."""
        for packet, from_server in talk.packets:
            self.frames.append(bytes(wrap(packet, from_server) if wrap else ethernet(packet, from_server)))
        self.flows.append(talk.expected() | changes)


def ethernet(packet: Packet, from_server: bool) -> Packet:
    """The packet in an Ethernet frame."""
    source, target = (SERVER_MAC, CLIENT_MAC) if from_server else (CLIENT_MAC, SERVER_MAC)
    return Ether(src=source, dst=target) / packet


@dataclass(slots=True)
class Talk:
    """One conversation between a client and a server: its packets and the flow they make."""

    client: str
    server: str
    client_port: int
    server_port: int
    proto: str = "tcp"
    packets: list[tuple[Packet, bool]] = field(default_factory=list)
    facts: dict[str, Any] = field(default_factory=dict)

    def expected(self) -> dict[str, Any]:
        """The flow row that the packets must yield."""
        from_server = sum(1 for _, server in self.packets if server)
        return {
            "client_ip": self.client,
            "client_port": self.client_port,
            "server_ip": self.server,
            "server_port": self.server_port,
            "proto": self.proto,
            "packets_c2s": len(self.packets) - from_server,
            "packets_s2c": from_server,
            **self.facts,
        }

    def network(self, from_server: bool) -> Packet:
        """The IP header of one side."""
        source, target = (self.server, self.client) if from_server else (self.client, self.server)
        if ":" in source:
            return IPv6(src=source, dst=target)
        return IP(src=source, dst=target, id=len(self.packets) + 1, flags="DF", ttl=57 if from_server else 64)

    def datagram(self, payload: bytes, *, from_server: bool = False) -> None:
        """Append a UDP datagram."""
        ports = (self.client_port, self.server_port)
        source, target = ports[::-1] if from_server else ports
        packet = self.network(from_server) / UDP(sport=source, dport=target) / Raw(payload)
        self.packets.append((packet, from_server))

    def segment(
        self, flags: str, sequence: int, acknowledged: int, payload: bytes = b"", *, from_server: bool = False
    ) -> None:
        """Append a TCP segment."""
        ports = (self.client_port, self.server_port)
        source, target = ports[::-1] if from_server else ports
        options = [("MSS", 1460)] if "S" in flags else []
        header = TCP(
            sport=source,
            dport=target,
            flags=flags,
            seq=sequence,
            ack=acknowledged,
            window=64240,
            options=options,
        )
        packet = self.network(from_server) / header
        self.packets.append((packet / Raw(payload) if payload else packet, from_server))


#: A piece of a client's opening: where it starts in the stream, and its bytes.
Piece = tuple[int, bytes]


def tcp_talk(
    client: str,
    server: str,
    client_port: int,
    server_port: int,
    pieces: list[Piece],
    answer: bytes,
    *,
    first_sequence: int = 1000,
    **facts: Any,
) -> Talk:
    """A whole TCP conversation: handshake, the client's pieces as given, the answer, FIN from both."""
    talk = Talk(client, server, client_port, server_port, facts={"tcp_end": "fin", **facts})
    mine, theirs = first_sequence, 5000
    talk.segment("S", mine, 0)
    talk.segment("SA", theirs, mine + 1, from_server=True)
    talk.segment("A", mine + 1, theirs + 1)
    for start, payload in pieces:
        talk.segment("PA", (mine + 1 + start) % 2**32, theirs + 1, payload)
    sent = mine + 1 + max(start + len(payload) for start, payload in pieces)
    for start in range(0, len(answer), 1400):
        talk.segment("PA", theirs + 1 + start, sent, answer[start : start + 1400], from_server=True)
    got = theirs + 1 + len(answer)
    talk.segment("FA", sent, got)
    talk.segment("FA", got, sent + 1, from_server=True)
    talk.segment("A", sent + 1, got + 1)
    return talk


def tls_hello(host: str, seed: int, profile: ClientProfile = ANDROID_APP, **options: Any) -> bytes:
    """A ClientHello in one record."""
    return records(client_hello(profile, host, Entropy(seed), **options))


def tls_answer(seed: int) -> bytes:
    """A short TLS 1.3 server flight."""
    return server_flight(Entropy(seed + 1000), tls13=True, chain=[])[:900]


def tls_talk(
    host: str,
    *,
    client: str = "10.20.0.5",
    server: str = "203.0.113.10",
    port: int = 40001,
    first_sequence: int = 1000,
) -> Talk:
    """A TLS conversation with a server called `host`."""
    return tcp_talk(
        client, server, port, 443, [(0, tls_hello(host, port))], tls_answer(port),
        first_sequence=first_sequence, name=host, name_source="tls_sni",
    )  # fmt: skip


def write_capture(path: Path, case: Case) -> None:
    """Write the case as a classic pcap, microseconds, little-endian."""
    time = START_US
    with path.open("wb") as file:
        file.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262144, case.link_type))
        for number, frame in enumerate(case.frames):
            time += case.gaps_us[number] if number < len(case.gaps_us) else STEP_US
            file.write(
                struct.pack("<IIII", time // 1_000_000, time % 1_000_000, len(frame), len(frame)) + frame
            )


def write_golden(path: Path, case: Case, made_by: str) -> None:
    """Write what the case must yield."""
    golden = {
        "capture": f"{case.name}.pcap",
        "about": case.about,
        "made_by": made_by,
        "link_type": case.link_type,
        "packets": len(case.frames),
        **case.facts,
        "flows": case.flows,
    }
    path.write_text(yaml.safe_dump(golden, sort_keys=False, allow_unicode=True, width=110), encoding="utf-8")
