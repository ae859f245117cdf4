"""What a row says of a connection, and the payload that names see."""

from __future__ import annotations

import numpy as np
import pytest

from tests.wire.flows.connections import HANDSHAKE, C, S, only
from tests.wire.flows.frames import (
    ACK,
    CLIENT,
    PSH,
    RST,
    SERVER,
    SYN,
    carry,
    tcp,
    timed,
    udp,
)


def test_handshake_round_trip_time() -> None:
    assert only(carry(timed(HANDSHAKE)))["rtt_ms"] == pytest.approx(25.0)
    again = [
        (0, tcp(*C, SYN, 999)),
        (3, tcp(*C, SYN, 999)),
        (3.5, tcp(*S, SYN | ACK, 1)),
        (3.6, tcp(*C, ACK, 1000)),
    ]
    assert only(carry(timed(again)))["rtt_ms"] == pytest.approx(600.0)
    assert np.isnan(only(carry(timed(HANDSHAKE[:2])))["rtt_ms"])
    assert np.isnan(only(carry(timed(HANDSHAKE[1:])))["rtt_ms"])


def test_retransmissions_across_the_wrap_of_sequence_numbers() -> None:
    base = 0xFFFFFFFF - 150
    packets = [
        (0.0, tcp(*C, PSH | ACK, base, bytes(100))),
        (0.1, tcp(*C, PSH | ACK, base + 100, bytes(100))),  # wraps
        (0.2, tcp(*C, PSH | ACK, base + 200, bytes(100))),
        (0.3, tcp(*C, PSH | ACK, base, bytes(100))),  # again
        (0.4, tcp(*C, PSH | ACK, base + 250, bytes(50))),  # again
        (0.5, tcp(*C, PSH | ACK, base + 250, bytes(100))),  # half of it is new
        (0.6, tcp(*C, ACK, base + 350)),
    ]
    assert only(carry(timed(packets)))["retransmissions"].tolist() == [2, 0]


def test_a_keep_alive_is_no_retransmission() -> None:
    packets = [*HANDSHAKE, (1, tcp(*C, PSH | ACK, 1000, bytes(10)))]
    packets += [(20, tcp(*C, ACK, 1009)), (40, tcp(*C, ACK, 1009, b"\0")), (41, tcp(*C, ACK, 1008, b"\0\0"))]
    assert only(carry(timed(packets)))["retransmissions"].tolist() == [1, 0]


def test_zero_windows() -> None:
    packets = [*HANDSHAKE, (1, tcp(*S, ACK, 5000, window=0)), (2, tcp(*S, ACK, 5000, window=0))]
    packets += [(3, tcp(*S, ACK, 5000, window=1)), (4, tcp(*S, RST, 5000, window=0))]
    assert only(carry(timed(packets)))["zero_windows"].tolist() == [0, 2]


def test_flags_of_both_directions_and_ttl() -> None:
    packets = [*HANDSHAKE, (1, tcp(*C, PSH | ACK, 1000, b"x", ttl=60)), (1, tcp(*C, ACK, 1001, ttl=128))]
    row = only(carry(timed(packets)))
    assert row["tcp_flags"].tolist() == [SYN | ACK | PSH, SYN | ACK]
    assert (row["ttl_min"].tolist(), row["ttl_max"].tolist()) == ([60, 64], [128, 64])


def test_first_sizes_and_gaps() -> None:
    packets = [(k * 0.5, udp(*(C if k % 3 else S), bytes(k))) for k in range(12)]
    row = only(carry(timed(packets)))
    assert row["first_count"] == 8
    assert row["first_sizes"].tolist() == [(28 + k) * (1 if k % 3 else -1) for k in range(8)]
    assert row["first_gaps_us"].tolist() == [0] + [500_000] * 7


# The payload that names see


def test_stream_offsets_follow_the_initial_sequence_number() -> None:
    base = 0xFFFFFFFF
    packets = [
        (0, tcp(*C, SYN, base - 1)),
        (1, tcp(*C, PSH | ACK, base + 3, b"def")),
        (2, tcp(*C, PSH | ACK, base, b"abc")),
        (3, tcp(*S, PSH | ACK, 7, b"answer")),
    ]
    result = carry(timed(packets))
    assert result.payloads == [(1, 0, 3, b"def"), (1, 0, 0, b"abc"), (1, 1, 0, b"answer")]


def test_datagrams_shown_are_bounded_but_dns_is_shown_whole() -> None:
    for port, shown in ((443, 12), (53, 20)):
        packets = [(k / 100, udp(CLIENT, 50000, SERVER, port, b"x")) for k in range(20)]
        assert len(carry(timed(packets)).payloads) == shown
