"""Rounds of reading: at most one packet of a flow is in hand at a time.

A block's packets wait in a queue. A round takes from it the first packet of each flow
(`prepare`), Python decrypts them together, and `absorb` puts their CRYPTO data into the flows'
streams. What came later of the same flows waits for the next round: mostly the hello is whole by
then and they need no decryption.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from wire.flows.records import SERVER_TO_CLIENT
from wire.kernel import kernel
from wire.names.gquic import (
    CHLO_AGENT_END,
    CHLO_AGENT_START,
    CHLO_NEEDS_MORE,
    CHLO_OTHER,
    CHLO_SNI_END,
    CHLO_SNI_START,
    find_chlo,
    read_chlo,
)
from wire.names.quic_crypto import (
    CONNECTION_ID_MAX,
    GOOGLE_CHLO,
    IV_BYTES,
    KEYS_BYTES,
    derive_client_keys,
    dialect_of,
    salt_of,
    unprotect_header,
)
from wire.names.quic_flows import (
    CRYPTO_OVERFLOW,
    DECRYPT_FAILED,
    DONE,
    GQUIC_HELLOS,
    HELLOS,
    INITIALS,
    MALFORMED_FRAMES,
    NOT_CLIENT_HELLO,
    ROW,
    SERVER_INITIAL,
    TOO_MANY_PACKETS,
    UNSEEN,
    clear_stream,
    finish,
    open_row,
    state_of,
    touch,
)
from wire.names.quic_frames import FRAMES_MALFORMED, FRAMES_TOO_FAR, contiguous, walk_frames
from wire.names.quic_packets import FIRST_ID_MIN, QUIC_PACKET

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

#: Initials read of one flow before it is given up: a hello of 16 KiB takes 14 datagrams.
PACKETS_PER_FLOW = 32
#: Bytes of plain headers in one round; a header is shorter than a datagram, 65,535 bytes.
_HEADER_BYTES = 1 << 18
_DATAGRAM_MAX = 1 << 16
_CLIENT_HELLO = 1


class Batch(NamedTuple):
    """The packets of one round, and what decrypting them takes. `size`: packets, header bytes."""

    size: NDArray[np.int64]
    packets: NDArray[np.void]  # (n,) QUIC_PACKET
    rows: NDArray[np.int64]
    bounds: NDArray[np.int64]  # 4 n: see quic_crypto.decrypt
    keys: NDArray[np.uint8]  # n * KEYS_BYTES
    nonces: NDArray[np.uint8]  # n * IV_BYTES
    headers: NDArray[np.uint8]


class Hellos(NamedTuple):
    """Where hellos are put. `size`: hellos, bytes of the arena."""

    size: NDArray[np.int64]
    rows: NDArray[np.void]  # QUIC_HELLO
    arena: NDArray[np.uint8]


def batch_of(packets: int) -> Batch:
    """Room for a round of so many packets."""
    return Batch(
        size=np.zeros(2, np.int64),
        packets=np.zeros(packets, QUIC_PACKET),
        rows=np.zeros(packets, np.int64),
        bounds=np.zeros(4 * packets, np.int64),
        keys=np.zeros(KEYS_BYTES * packets, np.uint8),
        nonces=np.zeros(IV_BYTES * packets, np.uint8),
        headers=np.zeros(_HEADER_BYTES, np.uint8),
    )


def hellos_of(rows: int, arena_bytes: int) -> Hellos:
    """Room for so many hellos."""
    return Hellos(np.zeros(2, np.int64), np.zeros(rows, QUIC_HELLO), np.zeros(arena_bytes, np.uint8))


@kernel
def _row_for(packet, buffer, flows, work, state):  # type: ignore[no-untyped-def]
    """The packet's row, opened and keyed with the packet's own connection id when it has none."""
    if state >= ROW:
        touch(flows, state - ROW)
        return state - ROW
    row = open_row(flows, packet.flow, packet.version, packet.direction)
    flows.id_length[row] = packet.id_length
    for i in range(packet.id_length):
        flows.ids[CONNECTION_ID_MAX * row + i] = buffer[packet.id_start + i]
    derive_client_keys(
        work, salt_of(packet.version), buffer, packet.id_start, packet.id_length, flows.keys, KEYS_BYTES * row
    )
    return row


@kernel
def _add(packet, row, buffer, flows, work, batch):  # type: ignore[no-untyped-def]
    """Put a packet into the batch, under its row's keys or, with own_id, under its own."""
    n = batch.size[0]
    keys_at = KEYS_BYTES * n
    if packet.own_id == 1:
        derive_client_keys(
            work, salt_of(packet.version), buffer, packet.id_start, packet.id_length, batch.keys, keys_at
        )
    else:
        for i in range(KEYS_BYTES):
            batch.keys[keys_at + i] = flows.keys[KEYS_BYTES * row + i]
    header_at = batch.size[1]
    length = unprotect_header(
        batch.keys, keys_at, buffer, packet.start, packet.number_at, work,
        batch.headers, header_at, batch.nonces, IV_BYTES * n,
    )  # fmt: skip
    batch.bounds[4 * n] = packet.start + length
    batch.bounds[4 * n + 1] = packet.end
    batch.bounds[4 * n + 2] = header_at
    batch.bounds[4 * n + 3] = header_at + length
    batch.packets[n] = packet
    batch.rows[n] = row
    batch.size[0] = n + 1
    batch.size[1] = header_at + length


@kernel
def prepare(buffer, queue, count, flows, work, round_, batch, waiting):  # type: ignore[no-untyped-def]
    """Fill `batch` from queue[:count]; what must wait goes to `waiting`, whose count is returned."""
    batch.size[0] = 0
    batch.size[1] = 0
    left = 0
    for i in range(count):
        packet = queue[i]
        state = state_of(flows, packet.flow)
        if state == DONE or packet.number_at < 0:
            continue
        full = batch.size[0] == len(batch.rows) or len(batch.headers) - batch.size[1] < _DATAGRAM_MAX
        if full or (state >= ROW and flows.round_[state - ROW] == round_):
            waiting[left] = packet
            left += 1
            continue
        if state >= ROW:
            row = state - ROW
            if packet.direction != flows.direction[row]:
                flows.counters[SERVER_INITIAL] += 1
                continue
            flows.packets[row] += 1
            if flows.packets[row] > PACKETS_PER_FLOW:
                flows.counters[TOO_MANY_PACKETS] += 1
                finish(flows, packet.flow, DONE)
                continue
            if packet.version != flows.version[row]:
                packet.own_id = 1
        elif packet.direction == SERVER_TO_CLIENT and packet.id_length < FIRST_ID_MIN:
            flows.counters[SERVER_INITIAL] += 1
            continue
        row = _row_for(packet, buffer, flows, work, state)
        flows.round_[row] = round_
        _add(packet, row, buffer, flows, work, batch)
    return left


@kernel
def _emit(hellos, flow, version, kind, data, start, end, agent_start, agent_end):  # type: ignore[no-untyped-def]
    """Copy a hello to the arena; says whether there was room."""
    length, agent = end - start, agent_end - agent_start
    n, at = hellos.size[0], hellos.size[1]
    if n >= len(hellos.rows) or at + length + agent > len(hellos.arena):
        return False
    for i in range(length):
        hellos.arena[at + i] = data[start + i]
    for i in range(agent):
        hellos.arena[at + length + i] = data[agent_start + i]
    row = hellos.rows[n]
    row.flow = flow
    row.version = np.uint32(version)
    row.kind = kind
    row.start = at
    row.end = at + length
    row.agent_start = at + length
    row.agent_end = at + length + agent
    hellos.size[0] = n + 1
    hellos.size[1] = at + length + agent
    return True


@kernel
def _finish_whole(flows, row, limit, tags, hellos):  # type: ignore[no-untyped-def]
    """Report the row's hello when it is whole; give the flow up when it can't become one."""
    flow, version = flows.flow[row], flows.version[row]
    start = row * limit
    prefix = flows.prefix[row]
    if prefix == 0:
        return
    if dialect_of(salt_of(version)) == GOOGLE_CHLO:
        status = read_chlo(flows.stream, start, start + prefix, tags)
        if status == CHLO_NEEDS_MORE:
            return
        if status == CHLO_OTHER:
            flows.counters[NOT_CLIENT_HELLO] += 1
        elif _emit(
            hellos, flow, version, HELLO_GQUIC, flows.stream,
            tags[CHLO_SNI_START], tags[CHLO_SNI_END], tags[CHLO_AGENT_START], tags[CHLO_AGENT_END],
        ):  # fmt: skip
            flows.counters[GQUIC_HELLOS] += 1
        finish(flows, flow, DONE)
        return
    if flows.stream[start] != _CLIENT_HELLO:
        flows.counters[NOT_CLIENT_HELLO] += 1
        finish(flows, flow, DONE)
        return
    if prefix < 4:
        return
    total = np.int64(4)
    for i in range(1, 4):
        total += np.int64(flows.stream[start + i]) << np.int64(8 * (3 - i))
    if total > limit:
        flows.counters[CRYPTO_OVERFLOW] += 1
        finish(flows, flow, DONE)
    elif prefix >= total:
        if _emit(hellos, flow, version, HELLO_TLS, flows.stream, start, start + total, start, start):
            flows.counters[HELLOS] += 1
        finish(flows, flow, DONE)


@kernel
def _adopt(flows, row, packet, buffer, batch, i):  # type: ignore[no-untyped-def]
    """The client started again under another connection id or version: its stream starts anew.

    After a Retry it sends the whole hello again (RFC 9000 section 17.2.5.2).
    """
    for k in range(KEYS_BYTES):
        flows.keys[KEYS_BYTES * row + k] = batch.keys[KEYS_BYTES * i + k]
    flows.id_length[row] = packet.id_length
    for k in range(packet.id_length):
        flows.ids[CONNECTION_ID_MAX * row + k] = buffer[packet.id_start + k]
    flows.version[row] = packet.version
    clear_stream(flows, row)


@kernel
def _same_id(flows, row, packet, buffer):  # type: ignore[no-untyped-def]
    if flows.id_length[row] != packet.id_length:
        return False
    for i in range(packet.id_length):
        if flows.ids[CONNECTION_ID_MAX * row + i] != buffer[packet.id_start + i]:
            return False
    return True


@kernel
def _failed(flows, row, packet, buffer):  # type: ignore[no-untyped-def]
    """A tag that does not fit; says whether the packet is to be tried with its own id's keys."""
    if flows.proven[row] == 1 and packet.own_id == 0 and not _same_id(flows, row, packet, buffer):
        return True
    flows.counters[DECRYPT_FAILED if packet.direction == 0 else SERVER_INITIAL] += 1
    if flows.proven[row] == 0:
        finish(flows, packet.flow, UNSEEN)
    return False


@kernel
def absorb(buffer, batch, payloads, ends, flows, tags, again, hellos):  # type: ignore[no-untyped-def]
    """Take the round's payloads into their flows; returns the count of packets in `again`.

    `payloads`: the plain payloads one after another; `ends`: where each ends, -1 where the tag did
    not fit. Whole hellos go to `hellos`.
    """
    retried = 0
    at = np.int64(0)
    limit = len(flows.stream) // len(flows.flow)
    words = len(flows.filled) // len(flows.flow)
    for i in range(batch.size[0]):
        packet, row = batch.packets[i], batch.rows[i]
        if flows.flow[row] != packet.flow:
            at = max(at, ends[i])
            continue
        flows.counters[INITIALS] += 1
        if ends[i] < 0:
            if _failed(flows, row, packet, buffer):
                again[retried] = packet
                again[retried].own_id = 1
                retried += 1
            continue
        if packet.own_id == 1:
            _adopt(flows, row, packet, buffer, batch, i)
        flows.proven[row] = 1
        status = walk_frames(
            payloads, at, ends[i], dialect_of(salt_of(flows.version[row])),
            flows.filled, row * words, flows.stream, row * limit, limit,
        )  # fmt: skip
        if status == FRAMES_MALFORMED:
            flows.counters[MALFORMED_FRAMES] += 1
        elif status == FRAMES_TOO_FAR:
            flows.counters[CRYPTO_OVERFLOW] += 1
        flows.prefix[row] = contiguous(flows.filled, row * words, flows.prefix[row], limit)
        _finish_whole(flows, row, limit, tags, hellos)
        at = ends[i]
    return retried


@kernel
def read_clear(buffer, queue, count, flows, tags, hellos):  # type: ignore[no-untyped-def]
    """Read the CHLO of the clear gQUIC packets in queue[:count]."""
    for i in range(count):
        packet = queue[i]
        if packet.number_at >= 0 or state_of(flows, packet.flow) == DONE:
            continue
        if not find_chlo(buffer, packet.start, packet.end, packet.version, tags):
            continue
        if read_chlo(buffer, tags[0], tags[1], tags) == 0 and _emit(
            hellos, packet.flow, packet.version, HELLO_GQUIC, buffer,
            tags[CHLO_SNI_START], tags[CHLO_SNI_END], tags[CHLO_AGENT_START], tags[CHLO_AGENT_END],
        ):  # fmt: skip
            flows.counters[GQUIC_HELLOS] += 1
            finish(flows, packet.flow, DONE)
