"""QUIC: the client's hello out of its Initial packets, and gQUIC's CHLO.

Interface for the namer:

    reader = QuicReader(max_flows=4096, max_hello_bytes=16384)
    hellos = reader.read(block.buffer, refs)      # PAYLOAD_REF, all protocols; only UDP is looked at
    for row in hellos.rows: hellos.arena[row["start"] : row["end"]]
    reader.forget(flows)                          # serials of flows that are over
    reader.counters                               # dict[str, int], keys are COUNTER_NAMES

A flow's hello is reported once, in the `read` that made it whole. `rows["kind"]` says what the
bytes are: HELLO_TLS: a TLS ClientHello with its four-byte handshake header, no record headers
(what `read_client_hello(arena, start, end, out)` takes); HELLO_GQUIC: the bytes of the CHLO's SNI
tag (start == end without one), and `agent_start:agent_end` is its UAID tag, gQUIC's user agent.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

HELLO_TLS, HELLO_GQUIC = 0, 1

QUIC_HELLO = np.dtype(
    [
        ("flow", "i8"),  # serial
        ("start", "i8"),  # of the hello in the arena
        ("end", "i8"),
        ("agent_start", "i8"),  # of gQUIC's user agent in the arena; equal when absent
        ("agent_end", "i8"),
        ("version", "u4"),  # as on the wire: 1, 0x6b3343cf, 0xff00001d, 0x51303433 (Q043) ...
        ("kind", "u1"),  # HELLO_TLS | HELLO_GQUIC
    ]
)


@dataclass(slots=True, frozen=True)
class QuicHellos:
    """Hellos that became whole, in the order in which they did; positions point into `arena`."""

    rows: NDArray[np.void]  # (n,) QUIC_HELLO
    arena: NDArray[np.uint8]  # C-contiguous


class QuicReader:
    """Finds the hello of each QUIC flow; state for at most `max_flows` unfinished hellos."""

    def __init__(self, max_flows: int, max_hello_bytes: int = 16384) -> None:
        self.counters: dict[str, int] = {}

    def read(self, buffer: NDArray[np.uint8], refs: NDArray[np.void]) -> QuicHellos:
        """Take a block's payload references; return the hellos that are whole now."""
        return QuicHellos(np.zeros(0, QUIC_HELLO), np.zeros(0, np.uint8))

    def forget(self, flows: NDArray[np.int64]) -> None:
        """Drop what is kept for these flows; an unfinished hello is counted."""
