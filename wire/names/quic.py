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

Read are versions 1 (RFC 9000) and 2 (RFC 9369), drafts 22 to 34, mvfst, Q024 to Q043, Q046, Q050,
T050 and T051. A server's packets are not decrypted. A flow keeps the keys of the first connection
id whose tag fitted; a packet they don't fit is tried with its own id (the client after a Retry).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wire.names.gquic import CHLO_FIELDS
from wire.names.quic_crypto import IV_BYTES, KEYS_BYTES, decrypt
from wire.names.quic_flows import COUNTER_NAMES, forget_flows, quic_flows
from wire.names.quic_packets import PACKETS_PER_DATAGRAM, QUIC_PACKET, find_packets
from wire.names.quic_rounds import (
    HELLO_GQUIC,
    HELLO_TLS,
    QUIC_HELLO,
    absorb,
    batch_of,
    hellos_of,
    prepare,
    read_clear,
)
from wire.names.quic_sha256 import hash_work

__all__ = ["COUNTER_NAMES", "HELLO_GQUIC", "HELLO_TLS", "QUIC_HELLO", "QuicHellos", "QuicReader"]

#: Packets decrypted together: enough to make the calls around them cheap.
_ROUND_PACKETS = 1024


@dataclass(slots=True, frozen=True)
class QuicHellos:
    """Hellos that became whole, in the order in which they did; positions point into `arena`."""

    rows: NDArray[np.void]  # (n,) QUIC_HELLO
    arena: NDArray[np.uint8]  # C-contiguous


class QuicReader:
    """Finds the hello of each QUIC flow; state for at most `max_flows` unfinished hellos.

    `max_hello_bytes`, rounded up to a multiple of 64, bounds the CRYPTO stream kept of a flow.
    """

    def __init__(self, max_flows: int, max_hello_bytes: int = 16384) -> None:
        if max_flows < 1 or max_hello_bytes < 1:
            raise ValueError(f"max_flows={max_flows}, max_hello_bytes={max_hello_bytes}: must be positive")
        limit = -(-max_hello_bytes // 64) * 64
        packets = min(_ROUND_PACKETS, max_flows)
        self._flows = quic_flows(max_flows, limit)
        self._batch = batch_of(packets)
        self._hellos = hellos_of(packets, packets * limit)
        self._work = hash_work()
        self._tags = np.zeros(CHLO_FIELDS, np.int64)
        self._round = 0

    @property
    def counters(self) -> dict[str, int]:
        """What was seen and why it was not read, by COUNTER_NAMES."""
        return dict(zip(COUNTER_NAMES, self._flows.counters.tolist(), strict=True))

    def read(self, buffer: NDArray[np.uint8], refs: NDArray[np.void]) -> QuicHellos:
        """Take a block's payload references; return the hellos that are whole now."""
        buffer = buffer.view()
        buffer.flags.writeable = False  # one kernel signature for mapped files and for copies
        queue = np.empty(PACKETS_PER_DATAGRAM * len(refs), QUIC_PACKET)
        queue = queue[: find_packets(buffer, refs, self._flows, queue)]
        found = []
        if (queue["number_at"] < 0).any():
            clear = queue[queue["number_at"] < 0]
            room = hellos_of(len(clear), int((clear["end"] - clear["start"]).sum()))
            read_clear(buffer, clear, len(clear), self._flows, self._tags, room)
            found.append(QuicHellos(room.rows[: room.size[0]], room.arena[: room.size[1]]))
        while len(queue):
            hellos, queue = self._read_round(buffer, queue)
            found.append(hellos)
        return _joined(found)

    def _read_round(
        self, buffer: NDArray[np.uint8], queue: NDArray[np.void]
    ) -> tuple[QuicHellos, NDArray[np.void]]:
        """Read a packet of each flow; returns the whole hellos and what is still to be read."""
        batch, hellos = self._batch, self._hellos
        waiting = np.empty_like(queue)
        left = prepare(buffer, queue, len(queue), self._flows, self._work, self._round, batch, waiting)
        self._round += 1
        size = int(batch.size[0])
        plain, ends = decrypt(
            buffer,
            batch.bounds[: 4 * size].reshape(-1, 4),
            batch.keys[: KEYS_BYTES * size],
            batch.nonces[: IV_BYTES * size],
            batch.headers,
        )
        again = np.empty(size, QUIC_PACKET)
        hellos.size[:] = 0
        retried = absorb(buffer, batch, plain, ends, self._flows, self._tags, again, hellos)
        whole = QuicHellos(hellos.rows[: hellos.size[0]].copy(), hellos.arena[: hellos.size[1]].copy())
        if not retried:
            return whole, waiting[:left]
        return whole, np.concatenate([again[:retried], waiting[:left]])

    def forget(self, flows: NDArray[np.int64]) -> None:
        """Drop what is kept for these flows; a hello begun and not whole is counted."""
        forget_flows(self._flows, np.ascontiguousarray(flows, np.int64))


def _joined(parts: list[QuicHellos]) -> QuicHellos:
    parts = [part for part in parts if len(part.rows)]
    if len(parts) == 1:
        return parts[0]
    base = 0
    for part in parts:
        for field in ("start", "end", "agent_start", "agent_end"):
            part.rows[field] += base
        base += len(part.arena)
    return QuicHellos(
        np.concatenate([part.rows for part in parts] or [np.zeros(0, QUIC_HELLO)]),
        np.concatenate([part.arena for part in parts] or [np.zeros(0, np.uint8)]),
    )
