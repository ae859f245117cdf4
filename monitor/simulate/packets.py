"""Conversations become packets: who sends what when, with sequence numbers that add up."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from monitor.simulate.conversations import ANSWERED, ARP, ICMP, REFUSED, RESET, SEGMENT, SILENT, TCP, UDP

FIN, SYN, RST, PSH, ACK = 1, 2, 4, 8, 16
#: Captured payload of a data frame.
KEPT_BYTES = 128
_MICROSECOND, _SECOND = 1_000, 1_000_000_000
_RETRY_SECONDS = (1, 3, 7, 15)
#: Places of a conversation's packets in its order.
_DATA, _END = 64, 1 << 29

PACKET = np.dtype(
    [
        ("time_ns", "i8"),
        ("source", "i8"),  # place of the payload in the arena, -1: zeros
        ("talk", "i4"),  # row of the conversation
        ("place", "i4"),  # in the conversation
        ("kept", "i4"),  # payload bytes captured
        ("payload", "i4"),  # payload bytes on the wire
        ("seq", "u4"),
        ("ack", "u4"),
        ("back", "i4"),  # sent again: so much before what is next
        ("flags", "u1"),
        ("from_server", "u1"),
        ("first", "u1"),  # begins the client's opening
        ("again", "u1"),
    ]
)


def packets(talks: NDArray[np.void]) -> NDArray[np.void]:
    """The PACKETs of CONVERSATIONs, in order of time, then of conversation."""
    rows = np.arange(len(talks))
    protocol, shape = talks["protocol"], talks["shape"]
    tcp = protocol == TCP
    full = tcp & ((shape == ANSWERED) | (shape == RESET))
    parts = [
        *_handshakes(talks, rows[tcp], rows[full]),
        *_openings(talks, rows[full], 3),
        *_openings(talks, rows[protocol == UDP], 0),
        *_data(talks, rows[full | (protocol == UDP)]),
        *_echoes(talks, rows[protocol == ICMP]),
        _made(talks, rows[protocol == ARP], 0, np.zeros(int((protocol == ARP).sum()), np.int64)),
        *_ends(talks, rows[full]),
    ]
    found = np.concatenate(parts)
    found = found[np.lexsort((found["place"], found["talk"]))]
    _number(found, talks)
    return found[np.lexsort((found["place"], found["talk"], found["time_ns"]))]


def _made(
    talks: NDArray[np.void],
    rows: NDArray[np.int64],
    place: NDArray[np.int64] | int,
    after_ns: NDArray[np.int64],
    *,
    from_server: NDArray[np.bool_] | bool = False,
    flags: int = ACK,
    source: NDArray[np.int64] | int = -1,
    payload: NDArray[np.int64] | int = 0,
    kept: NDArray[np.int64] | int | None = None,
) -> NDArray[np.void]:
    """A packet for each of `rows`, so long after the conversation began."""
    made = np.zeros(len(rows), PACKET)
    made["talk"], made["place"] = rows, place
    made["time_ns"] = talks["start_ns"][rows] + after_ns
    made["from_server"], made["flags"], made["source"] = from_server, flags, source
    made["payload"] = payload
    made["kept"] = payload if kept is None else kept
    return made


def _handshakes(
    talks: NDArray[np.void], tcp: NDArray[np.int64], full: NDArray[np.int64]
) -> list[NDArray[np.void]]:
    nothing = np.zeros(len(tcp), np.int64)
    parts = [_made(talks, tcp, 0, nothing, flags=SYN)]
    silent = tcp[talks["shape"][tcp] == SILENT]
    for number, seconds in enumerate(_RETRY_SECONDS):
        more = silent[talks["up"][silent] > number]
        retry = _made(talks, more, 1 + number, np.full(len(more), seconds * _SECOND), flags=SYN)
        retry["back"], retry["again"] = 1, 1
        parts.append(retry)
    refused = tcp[talks["shape"][tcp] == REFUSED]
    rtt = talks["rtt_ns"]
    parts.append(_made(talks, refused, 1, rtt[refused], from_server=True, flags=RST | ACK))
    parts.append(_made(talks, full, 1, rtt[full], from_server=True, flags=SYN | ACK))
    parts.append(_made(talks, full, 2, rtt[full] + 50 * _MICROSECOND))
    return parts


def _openings(talks: NDArray[np.void], rows: NDArray[np.int64], place: int) -> list[NDArray[np.void]]:
    """The client's opening in one packet or two, then the server's in segments."""
    if len(rows) == 0:
        return []
    rtt = talks["rtt_ns"]
    begin = np.where(talks["protocol"][rows] == TCP, rtt[rows] + 300 * _MICROSECOND, 0)
    cut, whole = talks["cut"][rows].astype(np.int64), talks["client_bytes"][rows].astype(np.int64)
    speaks = np.flatnonzero(whole > 0)
    first = np.where(cut > 0, cut, whole)
    at = talks["client_at"][rows]
    head = _made(
        talks, rows[speaks], place, begin[speaks], flags=PSH | ACK, source=at[speaks], payload=first[speaks]
    )
    head["first"] = 1
    split = np.flatnonzero(cut > 0)
    rest = _made(
        talks, rows[split], place + 1, begin[split] + 40 * _MICROSECOND,
        flags=PSH | ACK, source=(at + cut)[split], payload=(whole - cut)[split],
    )  # fmt: skip
    parts = [head, rest]
    size, start = talks["server_bytes"][rows].astype(np.int64), talks["server_at"][rows]
    for number in range(int(-(-size.max() // SEGMENT))):
        more = np.flatnonzero(size > number * SEGMENT)
        parts.append(
            _made(
                talks, rows[more], place + 3 + number,
                begin[more] + rtt[rows][more] + number * 60 * _MICROSECOND, from_server=True, flags=PSH | ACK,
                source=start[more] + number * SEGMENT,
                payload=np.minimum(size[more] - number * SEGMENT, SEGMENT),
            )
        )  # fmt: skip
    lost = np.flatnonzero((talks["again"][rows] > 0) & (size > 0))
    again = _made(
        talks, rows[lost], _DATA - 1, begin[lost] + rtt[rows][lost] + 220_000 * _MICROSECOND,
        from_server=True, flags=PSH | ACK, source=start[lost], payload=np.minimum(size[lost], SEGMENT),
    )  # fmt: skip
    again["back"], again["again"] = size[lost], 1
    return [*parts, again]


def _data(talks: NDArray[np.void], rows: NDArray[np.int64]) -> list[NDArray[np.void]]:
    """Data frames, in turns where both sides send as many, else the client's first."""
    up, down = talks["up"][rows].astype(np.int64), talks["down"][rows].astype(np.int64)
    of, number = _numbered(up + down)
    if len(of) == 0:
        return []
    turns = up[of] == down[of]
    from_server = np.where(turns, number % 2 == 1, number >= up[of])
    gap, rtt = talks["gap_ns"][rows][of], talks["rtt_ns"][rows][of]
    turn = np.maximum(gap, rtt * 5 // 4)  # who takes turns waits for the answer
    after = np.where(turns, number // 2 * turn + number % 2 * rtt, number * gap) + _opened(talks, rows)[of]
    size = np.where(from_server, talks["down_bytes"][rows][of], talks["up_bytes"][rows][of]).astype(np.int64)
    place = _DATA + 2 * number
    frames = _made(
        talks, rows[of], place, after, from_server=from_server, flags=PSH | ACK,
        payload=size, kept=np.minimum(size, KEPT_BYTES),
    )  # fmt: skip
    acked = np.flatnonzero((talks["protocol"][rows][of] == TCP) & from_server & (number % 2 == 1))
    acks = _made(talks, rows[of][acked], place[acked] + 1, after[acked] + 80 * _MICROSECOND)
    return [frames, acks]


def _echoes(talks: NDArray[np.void], rows: NDArray[np.int64]) -> list[NDArray[np.void]]:
    """ICMP echo requests and replies; `seq` is the echo's number."""
    parts = []
    for name, size, from_server in (("up", "up_bytes", False), ("down", "down_bytes", True)):
        of, number = _numbered(talks[name][rows].astype(np.int64))
        after = number * talks["gap_ns"][rows][of] + from_server * talks["rtt_ns"][rows][of]
        payload = talks[size][rows][of].astype(np.int64)
        echo = _made(
            talks, rows[of], 2 * number + from_server, after, from_server=from_server,
            payload=payload, kept=np.minimum(payload, KEPT_BYTES),
        )  # fmt: skip
        parts.append(echo)
    return parts


def _ends(talks: NDArray[np.void], rows: NDArray[np.int64]) -> list[NDArray[np.void]]:
    frames = talks["up"][rows].astype(np.int64) + talks["down"][rows]
    turns = talks["up"][rows] == talks["down"][rows]
    gap = talks["gap_ns"][rows]
    turn = np.maximum(gap, talks["rtt_ns"][rows] * 5 // 4)
    last = np.where(turns, frames // 2 * turn, frames * gap)
    after = _opened(talks, rows) + last + talks["rtt_ns"][rows]
    after = np.where(talks["again"][rows] > 0, np.maximum(after, 900_000 * _MICROSECOND), after)
    reset = talks["shape"][rows] == RESET
    orderly = np.flatnonzero(~reset)
    rtt = talks["rtt_ns"][rows]
    return [
        _made(talks, rows[reset], _END, after[reset], from_server=True, flags=RST | ACK),
        _made(talks, rows[orderly], _END, after[orderly], flags=FIN | ACK),
        _made(
            talks, rows[orderly], _END + 1, (after + rtt)[orderly], from_server=True, flags=FIN | ACK
        ),
        _made(talks, rows[orderly], _END + 2, (after + rtt)[orderly] + 40 * _MICROSECOND),
    ]


def _opened(talks: NDArray[np.void], rows: NDArray[np.int64]) -> NDArray[np.int64]:
    """When the openings are over: data may follow."""
    return np.asarray(talks["rtt_ns"][rows] * 5 // 2 + 1_000 * _MICROSECOND, np.int64)


def _numbered(counts: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """For each of `counts` things: whose it is, and which one."""
    of = np.repeat(np.arange(len(counts)), counts)
    return of, np.arange(len(of)) - np.repeat(np.cumsum(counts) - counts, counts)


def _number(found: NDArray[np.void], talks: NDArray[np.void]) -> None:
    """Sequence and acknowledgement numbers; `found` is in order of conversation and place."""
    takes = found["payload"] + ((found["flags"] & (SYN | FIN)) != 0)
    takes = np.where(found["again"] == 1, 0, takes).astype(np.int64)
    new = np.ones(len(found), np.bool_)
    new[1:] = found["talk"][1:] != found["talk"][:-1]
    start = np.maximum.accumulate(np.where(new, np.arange(len(found)), 0))
    sent = []
    for side in (0, 1):
        mine = np.where(found["from_server"] == side, takes, 0)
        before = np.cumsum(mine) - mine
        sent.append(before - before[start])
    initial = [
        (talks["start_ns"] // 4_000 * factor + talks["client"]).astype(np.uint32)[found["talk"]]
        for factor in (1, 3)
    ]
    server = found["from_server"] == 1
    mine = np.where(server, initial[1] + sent[1], initial[0] + sent[0]) - found["back"]
    theirs = np.where(server, initial[0] + sent[0], initial[1] + sent[1])
    found["seq"] = (mine & 0xFFFFFFFF).astype(np.uint32)
    acknowledges = (found["flags"] & ACK) != 0
    found["ack"] = np.where(acknowledges, theirs & 0xFFFFFFFF, 0).astype(np.uint32)
    echo = talks["protocol"][found["talk"]] == ICMP
    found["seq"][echo] = found["place"][echo] // 2 & 0xFFFF
