"""One TCP connection, packet by packet, and what tests ask of its rows."""

from __future__ import annotations

from typing import Any

from tests.wire.flows.frames import (
    ACK,
    CLIENT,
    FIN,
    SERVER,
    SYN,
    Result,
    ip,
    tcp,
)
from wire.flows.records import TCP_END_NAMES

C, S = (CLIENT, 50000, SERVER, 443), (SERVER, 443, CLIENT, 50000)
HOUR, YEAR = 3600, 365 * 86_400
HANDSHAKE = [
    (0.0, tcp(*C, SYN, 999)),
    (0.020, tcp(*S, SYN | ACK, 4999)),
    (0.025, tcp(*C, ACK, 1000)),
]


def ends(result: Result) -> list[str]:
    return [TCP_END_NAMES[int(row["tcp_end"])] for row in result.rows]


def only(result: Result) -> Any:
    result.check_accounting()
    assert len(result.rows) == 1
    return result.rows[0]


TICK = ip("10.9.9.9", "10.9.9.8", 1, b"\x08\x00\x00\x00\x00\x00\x00\x00")
CLOSED = [(1, tcp(*C, FIN | ACK, 1000)), (1, tcp(*S, FIN | ACK, 5000))]
