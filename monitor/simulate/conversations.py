"""Connections as rows: what packets.py turns into packets."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

TCP, UDP, ICMP, ARP = 6, 17, 1, 255

#: How a conversation goes: in full; a TCP opening without answer; one refused by a reset; in full but
#: ended by a reset.
ANSWERED, SILENT, REFUSED, RESET = range(4)

#: Bytes of an opening that are drawn anew for every conversation: none, a TLS random, a DNS id.
SAME, TLS_RANDOM, DNS_ID = range(3)

CONVERSATION = np.dtype(
    [
        ("start_ns", "i8"),
        ("gap_ns", "i8"),  # between data frames
        ("rtt_ns", "i8"),
        ("client_at", "i8"),  # place of the client's opening in the arena
        ("server_at", "i8"),
        ("client_bytes", "i4"),  # length of the opening
        ("server_bytes", "i4"),
        ("cut", "i4"),  # where the client's opening is cut into two packets, 0 not
        ("up", "i4"),  # data frames from the client, after the openings
        ("down", "i4"),
        ("up_bytes", "i4"),  # payload of each on the wire
        ("down_bytes", "i4"),
        ("again", "i4"),  # times the server's first segment is sent again
        ("client", "u4"),  # IPv4 addresses
        ("server", "u4"),
        ("client_port", "u2"),  # 0: packets.py gives one
        ("server_port", "u2"),
        ("protocol", "u1"),
        ("shape", "u1"),
        ("fresh", "u1"),  # SAME | TLS_RANDOM | DNS_ID
        ("v6", "u1"),  # over IPv6 (ipv6.py), whose addresses end in these
    ]
)

#: Frames of a full segment on the wire; a receiver with large receive offload shows longer ones.
SEGMENT, LONGEST_FRAME_PAYLOAD = 1_440, 60_000
_FRAMES_OF_A_TRANSFER = 24


def conversations(count: int) -> NDArray[np.void]:
    """Rows to fill: TCP, answered, with a round trip of 30 ms."""
    rows = np.zeros(count, CONVERSATION)
    rows["protocol"], rows["rtt_ns"], rows["gap_ns"] = TCP, 30_000_000, 20_000_000
    return rows


def frames_of(size: NDArray[np.integer]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """How many data frames carry `size` bytes, and how long each is: large transfers in long frames."""
    size = size.astype(np.int64)
    each = np.clip(size // _FRAMES_OF_A_TRANSFER, 1, LONGEST_FRAME_PAYLOAD)
    each = np.where(size <= SEGMENT, np.maximum(size, 1), np.maximum(each, SEGMENT))
    return np.where(size > 0, -(-size // each), 0), each
