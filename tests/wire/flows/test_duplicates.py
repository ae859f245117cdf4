"""Copies from a mirror: counted once, told from retransmissions; against a plain twin."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.wire.flows.frames import (
    ACK,
    ETHERNET,
    PSH,
    SECOND,
    START,
    SYN,
    Frame,
    block_of,
    carry,
    carry_blocks,
    ip,
)
from wire.capture.files import open_captures
from wire.capture.frames import FrameBlock
from wire.flows.table import FlowSettings

US, MS = 1_000, 1_000_000
ON = FlowSettings(duplicate_window_seconds=0.005)
A, B = "10.0.0.1", "192.0.2.1"
A6, B6 = "2001:db8::1", "2001:db8::2"


@dataclass(frozen=True)
class Sent:
    """A packet as a mirror shows it: what it is, and what its way through the network changes."""

    source: str = A
    target: str = B
    flags: int = PSH | ACK
    sequence: int = 1000
    acknowledgement: int = 500
    payload: bytes = b"x" * 40
    identification: int = 0
    ttl: int = 64
    dscp: int = 0
    vlan: int | None = None
    mac: int = 1

    @property
    def data(self) -> bytes:
        tcp = struct.pack(
            "!HHIIBBHHH",
            *(50000, 443, self.sequence, self.acknowledgement, 0x50, self.flags, 8192, 0, 0),
        )
        packet = bytearray(ip(self.source, self.target, 6, tcp + self.payload, self.ttl))
        if self.source == A:
            packet[1] = self.dscp << 2
            packet[4:6] = self.identification.to_bytes(2, "big")
            packet[10:12] = (0xBEEF - self.ttl).to_bytes(2, "big")
        tag = b"" if self.vlan is None else struct.pack("!HH", 0x8100, self.vlan)
        kind = b"\x08\x00" if self.source == A else b"\x86\xdd"
        return bytes(6 * [self.mac]) + bytes(6 * [self.mac + 1]) + tag + kind + bytes(packet)


def counted(sent: Sequence[tuple[int, bytes]], settings: FlowSettings = ON) -> tuple[int, int]:
    """(packets counted to flows, copies) of frames at times after the start, in ns."""
    result = carry([Frame(data, START + at) for at, data in sent], settings, (ETHERNET,))
    result.check_accounting()
    assert not result.rejects
    return result.counters["decoded"], result.counters["duplicates"]


NUMBERED = Sent(identification=77)


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"ttl": 63, "mac": 9},
        {"vlan": 12},
        {"ttl": 62, "mac": 9, "vlan": 7, "dscp": 46},
    ],
    ids=["same frame", "routed", "tagged", "routed, tagged, marked"],
)
@pytest.mark.parametrize("packet", [NUMBERED, Sent(), Sent(source=A6, target=B6)], ids=["v4", "id 0", "v6"])
def test_a_copy_counts_once(packet: Sent, change: dict[str, int]) -> None:
    if packet.source == A6:
        change = {name: value for name, value in change.items() if name != "dscp"}
    frames = [(0, packet.data), (30 * US, replace(packet, **change).data)]
    assert counted(frames) == (1, 1)
    assert counted(frames[::-1]) == (1, 1)  # two taps, merged in another order
    assert counted(frames, FlowSettings()) == (2, 0)


def test_as_many_copies_as_the_mirror_makes() -> None:
    assert counted([(i * 10 * US, NUMBERED.data) for i in range(5)]) == (1, 4)


@pytest.mark.parametrize(
    ("at_ns", "change"),
    [
        (300 * US, {"identification": 78}),  # sent again
        (200 * MS, {}),  # sent again by who gives no new identification
        (10 * US, {"sequence": 1040}),
        (10 * US, {"acknowledgement": 600}),
        (10 * US, {"payload": b"x" * 41}),
        (10 * US, {"flags": ACK}),
        (10 * US, {"source": B, "target": A}),
    ],
)
def test_another_packet_is_no_copy(at_ns: int, change: dict[str, object]) -> None:
    other = replace(NUMBERED, **change)  # type: ignore[arg-type]
    data = other.data if other.source in (A, A6) else other.data[:12] + b"\x08\x00" + other.data[14:]
    assert counted([(0, NUMBERED.data), (at_ns, data)]) == (2, 0)


def test_repeated_acknowledgements_behind_a_doubling_mirror() -> None:
    """Without an identification each packet has one copy, so three of them stay three."""
    bare = Sent(source=A6, target=B6, flags=ACK, payload=b"")
    seen = [(i * 10 * US, bare.data) for i in range(6)]
    assert counted(seen) == (3, 3)


def test_fragments_of_one_datagram_differ_by_their_place() -> None:
    def fragment(offset: int, more: bool, ttl: int) -> bytes:
        head = struct.pack("!BBHHHBBH", 0x45, 0, 44, 9, (0x2000 if more else 0) | offset // 8, ttl, 17, 0)
        body = struct.pack("!HHHH", 53, 53, 72, 0) + bytes(16) if offset == 0 else bytes(24)
        return bytes(12) + b"\x08\x00" + head + bytes([10, 0, 0, 1, 192, 0, 2, 1]) + body

    whole = [(offset, offset < 48) for offset in (0, 24, 48)]
    frames = [(i * US, fragment(*part, ttl)) for i, ttl in enumerate((64, 63)) for part in whole]
    assert counted(frames) == (3, 3)
    assert counted(frames[:3]) == (3, 0)


def test_arp_is_doubled_too() -> None:
    request = struct.pack("!HHBBH6s4s6s4s", 1, 0x0800, 6, 4, 1, b"\2" * 6, bytes(4), bytes(6), bytes(4))
    frame = bytes(12) + b"\x08\x06" + request
    assert counted([(0, NUMBERED.data), (1, frame), (2, frame), (3 * SECOND, frame)]) == (3, 1)


def test_a_mirror_that_encapsulates_numbers_its_own_packets() -> None:
    def mirrored(session: int) -> bytes:
        """ERSPAN type II (GRE with a sequence number) around the same frame."""
        gre = struct.pack("!HHI", 0x1000, 0x88BE, session) + bytes(8)
        outer = bytearray(ip("198.51.100.1", "198.51.100.2", 47, gre + NUMBERED.data))
        outer[4:6] = session.to_bytes(2, "big")
        return bytes(12) + b"\x08\x00" + bytes(outer)

    assert counted([(0, mirrored(1)), (20 * US, mirrored(2))]) == (1, 1)


# Against a plain twin

packets = st.builds(
    Sent,
    flags=st.sampled_from((SYN, ACK, PSH | ACK)),
    sequence=st.sampled_from((1000, 1001)),
    payload=st.sampled_from((b"", b"a" * 3, b"b" * 30)),
    identification=st.sampled_from((0, 0, 1, 2)),
    ttl=st.sampled_from((64, 63)),
    vlan=st.sampled_from((None, 5)),
    mac=st.sampled_from((1, 9)),
) | st.builds(
    Sent,
    source=st.just(A6),
    target=st.just(B6),
    payload=st.sampled_from((b"", b"c" * 30)),
    ttl=st.sampled_from((64, 63)),
)
GAPS = (0, 10 * US, MS, 4 * MS, 5 * MS, 5 * MS + 1, SECOND)


def plain_copies(sent: Sequence[tuple[int, Sent]]) -> list[bool]:
    """The rule as a list of what was seen, without bound."""
    known: list[tuple[int, Sent]] = []
    copies = []
    for at, packet in sent:
        key = replace(packet, ttl=0, dscp=0, vlan=None, mac=0)
        found = next(
            (i for i, (then, other) in enumerate(known) if other == key and at - then <= 5 * MS), None
        )
        copies.append(found is not None)
        if found is None:
            known.insert(0, (at, key))
        elif packet.identification == 0:
            del known[found]
    return copies


@given(st.lists(st.tuples(st.sampled_from(GAPS), packets), min_size=1, max_size=60))
def test_the_kernel_is_its_twin(drawn: list[tuple[int, Sent]]) -> None:
    times = np.cumsum([gap for gap, _ in drawn]).tolist()
    sent = [(at, packet) for at, (_, packet) in zip(times, drawn, strict=True)]
    copies = plain_copies(sent)
    assert counted([(at, packet.data) for at, packet in sent]) == (copies.count(False), copies.count(True))


# Real traffic, as a mirror would double it


def doubled(block: FrameBlock) -> FrameBlock:
    """Every frame again, 20 microseconds later."""
    n = len(block)
    order = np.argsort(np.concatenate([block.timestamp_ns, block.timestamp_ns + 20 * US]), kind="stable")

    def twice(values: np.ndarray) -> np.ndarray:
        return np.concatenate([values, values])[order]

    assert n
    return FrameBlock(
        block.buffer,
        twice(block.offset),
        twice(block.captured_bytes),
        twice(block.wire_bytes),
        np.concatenate([block.timestamp_ns, block.timestamp_ns + 20 * US])[order],
        twice(block.interface),
        twice(block.vlan),
        twice(block.direction),
        block.link_types,
    )


@pytest.mark.parametrize("name", ["chromium-tls", "chromium-quic", "curl-https", "dns-ipv6", "tunnel-vxlan"])
def test_recorded_traffic_doubled(name: str) -> None:
    path = Path(__file__).resolve().parents[3] / "pcaps" / f"{name}.pcap"
    with open_captures([path]) as reader:
        blocks = list(reader)
    once = carry_blocks(blocks)
    twice = carry_blocks([doubled(block) for block in blocks], ON)
    twice.check_accounting()
    assert twice.counters["duplicates"] == once.counters["packets"]
    assert twice.rows["packets"].tolist() == once.rows["packets"].tolist()
    assert twice.rows["retransmissions"].tolist() == once.rows["retransmissions"].tolist()
    assert [data for *_, data in twice.payloads] == [data for *_, data in once.payloads]


def test_the_memory_of_packets_is_bounded() -> None:
    """More packets than are remembered, within the window: the last are known, the first forgotten."""
    frames = [(i, Sent(identification=1 + i % 60_000, sequence=i).data) for i in range(50_000)]
    decoded, copies = counted([*frames, *((50_000 + i, data) for i, (_, data) in enumerate(frames[-1000:]))])
    assert copies == 1000
    assert decoded == 50_000
    _, copies = counted([*frames, *((50_000 + i, data) for i, (_, data) in enumerate(frames[:1000]))])
    assert copies == 0


def test_blocks_do_not_matter() -> None:
    frames = [Frame(NUMBERED.data, START + i) for i in range(4)]
    results = [
        carry_blocks([block_of(frames[at : at + size], (ETHERNET,)) for at in range(0, 4, size)], ON)
        for size in (1, 2, 4)
    ]
    assert {result.counters["duplicates"] for result in results} == {3}
