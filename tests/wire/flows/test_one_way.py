"""Which directions of TCP connections passed by the tap."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.wire.flows.connections import HANDSHAKE, C, S
from tests.wire.flows.frames import ACK, FIN, PSH, RST, carry, carry_blocks, tcp, timed, udp
from wire.capture.files import open_captures
from wire.capture.frames import FrameBlock
from wire.flows.one_way import TCP_SEEN, is_one_way, tcp_seen

CONVERSATION = [
    *HANDSHAKE,
    (0.03, tcp(*C, PSH | ACK, 1000, b"question")),
    (0.05, tcp(*S, PSH | ACK, 5000, b"answer")),
    (0.06, tcp(*C, FIN | ACK, 1008)),
    (0.07, tcp(*S, FIN | ACK, 5006)),
]


def seen(packets: list[tuple[float, bytes]]) -> dict[str, int]:
    counts = tcp_seen(carry(timed(packets)).rows).tolist()
    return {name: count for name, count in zip(TCP_SEEN, counts, strict=True) if count}


def sent_by(end: tuple[str, int, str, int]) -> list[tuple[float, bytes]]:
    port = end[1].to_bytes(2, "big")
    return [(at, data) for at, data in CONVERSATION if data[20:22] == port]


@pytest.mark.parametrize(
    ("packets", "how"),
    [
        (CONVERSATION, "both_ways"),
        (sent_by(C), "one_way"),
        (sent_by(S), "one_way"),
        (sent_by(C)[1:], "one_way"),  # from the middle on
        (HANDSHAKE[:1] * 3, "unanswered"),
        ([*sent_by(C), (0.2, tcp(*C, RST | ACK, 1009))], "one_way"),
        ([(0, tcp(*S, RST | ACK, 1))], "unanswered"),  # an answer to a forged source
        ([*HANDSHAKE[:1], (0.1, tcp(*S, RST | ACK, 1))], "both_ways"),
    ],
)
def test_how_a_connection_was_seen(packets: list[tuple[float, bytes]], how: str) -> None:
    assert seen(packets) == {how: 1}


def test_other_protocols_tell_nothing() -> None:
    assert seen([(0, udp("10.0.0.1", 1, "192.0.2.1", 2, b"x"))]) == {}


def test_a_long_connection_counts_once_by_its_first_row() -> None:
    kept_alive = [(at, tcp(*C, ACK, 1008)) for at in (100, 200, 290, 400)]
    assert seen([*CONVERSATION[:5], *kept_alive]) == {"both_ways": 1}


def test_a_conclusion_needs_connections_that_tell() -> None:
    assert not is_one_way(0, 49)
    assert is_one_way(0, 50)
    assert not is_one_way(50, 50)


@pytest.mark.parametrize("half", [0, 1])
def test_half_of_recorded_traffic(half: int) -> None:
    """A recorded day, of which one direction is missing, is seen one way, and whole it is not."""
    path = Path(__file__).resolve().parents[3] / "pcaps" / "campus-day.pcap.zst"
    with open_captures([path]) as reader:
        blocks = list(reader)
        whole = carry_blocks(blocks)
        both_ways, one_way, _ = tcp_seen(whole.rows).tolist()
        assert not is_one_way(both_ways, one_way)
        assert both_ways > 1000
        both_ways, one_way, _ = tcp_seen(carry_blocks([_half(block, half) for block in blocks]).rows).tolist()
    assert is_one_way(both_ways, one_way)


def _half(block: FrameBlock, half: int) -> FrameBlock:
    """Frames whose source address is (0) or is not (1) in 10.0.0.0/8; Ethernet without tags."""
    inside = block.buffer[block.offset + 26] == 10
    keep = inside if half == 0 else ~inside
    return FrameBlock(
        block.buffer,
        *(
            getattr(block, name)[keep]
            for name in (
                *("offset", "captured_bytes", "wire_bytes", "timestamp_ns"),
                *("interface", "vlan", "direction"),
            )
        ),
        block.link_types,
    )
