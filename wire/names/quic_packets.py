"""Long headers of QUIC packets in UDP datagrams (RFC 9000 section 17.2, RFC 8999 section 5.1).

first byte  version(4)  id length(1)  destination id  id length(1)  source id
Initial: token length(v)  token;  Initial, 0-RTT, Handshake: length(v)  packet number, payload
"""

from __future__ import annotations

import numpy as np

from wire.flows.records import REF_PAYLOAD, UDP
from wire.kernel import kernel
from wire.names.gquic import clear_version, version_number
from wire.names.quic_crypto import (
    CONNECTION_ID_MAX,
    SAMPLE_BYTES,
    UNKNOWN_VERSION,
    initial_type_of,
    salt_of,
)
from wire.names.quic_flows import (
    DONE,
    MALFORMED_HEADER,
    RETRY,
    TRUNCATED,
    UNKNOWN_VERSION_SEEN,
    VERSION_NEGOTIATION,
    state_of,
)
from wire.names.quic_frames import varint, varint_end

#: One packet to read. Positions are in the block's buffer.
QUIC_PACKET = np.dtype(
    [
        ("flow", "i8"),
        ("start", "i8"),
        ("number_at", "i8"),  # the packet number; -1: gQUIC in clear
        ("end", "i8"),
        ("id_start", "i8"),  # the destination connection id
        ("id_length", "i8"),
        ("version", "i8"),
        ("direction", "u1"),
        ("own_id", "u1"),  # 1: to be tried with the keys of its own connection id
    ]
)

#: Initials that are read of one datagram; more make no sense and cost time.
PACKETS_PER_DATAGRAM = 4
#: A client's first connection id has 8 bytes at least, its datagrams 1,200 (sections 7.2, 14.1).
FIRST_ID_MIN, CLIENT_DATAGRAM_MIN = 8, 1200
_LONG, _FIXED = 0x80, 0x40
_RETRY_AFTER_INITIAL = 3
_HEADER_MIN = 7


@kernel
def _version_at(buffer, at):  # type: ignore[no-untyped-def]
    value = np.int64(0)
    for i in range(1, 5):
        value = (value << np.int64(8)) | np.int64(buffer[at + i])
    return value


@kernel
def _ids_end(buffer, at, end):  # type: ignore[no-untyped-def]
    """Where the source connection id ends, -1 when the ids are too long or pass `end`."""
    length = np.int64(buffer[at + 5])
    source = at + 6 + length
    if length > CONNECTION_ID_MAX or source >= end:
        return -1
    length = np.int64(buffer[source])
    stop = source + 1 + length
    return stop if length <= CONNECTION_ID_MAX and stop <= end else -1


@kernel
def _lists_versions(buffer, at, end):  # type: ignore[no-untyped-def]
    """Whether buffer[at:end] can be a Version Negotiation's list: a version that is known stands in it."""
    if (end - at) & 3 != 0:
        return False
    for i in range(at, end, 4):
        version = _version_at(buffer, i - 1)
        if salt_of(version) != UNKNOWN_VERSION or version_number(version) >= 0:
            return True
    return False


@kernel
def _read_header(buffer, at, end, packet):  # type: ignore[no-untyped-def]
    """Read the long header at `at`; returns where the packet ends, or -1 when nothing follows.

    Fills `packet`, a record of QUIC_PACKET; its number_at stays -1 unless it is an Initial.
    The second value is the counter to raise, -1 for none.
    """
    packet.number_at = -1
    packet.start = at
    version = _version_at(buffer, at)
    first = np.int64(buffer[at])
    ids_end = _ids_end(buffer, at, end)
    if version == 0:
        return -1, VERSION_NEGOTIATION if ids_end > 0 and _lists_versions(buffer, ids_end, end) else -1
    salt = salt_of(version)
    if salt == UNKNOWN_VERSION:
        plausible = first & _FIXED != 0 and ids_end > 0 and end - at >= CLIENT_DATAGRAM_MIN
        return -1, UNKNOWN_VERSION_SEEN if plausible else -1
    if ids_end < 0:
        return -1, MALFORMED_HEADER
    kind = (first >> 4) & 3
    initial = initial_type_of(salt)
    if kind == (initial + _RETRY_AFTER_INITIAL) & 3:
        return -1, RETRY
    at = ids_end
    if kind == initial:
        stop = varint_end(buffer, at, end)
        if stop < 0:
            return -1, MALFORMED_HEADER
        token = varint(buffer, at, stop)
        if token > end - stop:
            return -1, MALFORMED_HEADER
        at = stop + token
    number_at = varint_end(buffer, at, end)
    if number_at < 0:
        return -1, MALFORMED_HEADER
    length = varint(buffer, at, number_at)
    if length > end - number_at:
        return -1, TRUNCATED
    packet.end = number_at + length
    if kind == initial:
        if length < 4 + SAMPLE_BYTES:
            return packet.end, MALFORMED_HEADER
        packet.number_at = number_at
        packet.id_start = packet.start + 6
        packet.id_length = np.int64(buffer[packet.start + 5])
        packet.version = version
    return packet.end, -1


@kernel
def _read_datagram(buffer, start, end, flow, direction, flows, packets, count):  # type: ignore[no-untyped-def]
    """Note the Initials of one datagram in packets[count:]; returns the new count."""
    at = start
    noted = 0
    while at >= 0 and at + _HEADER_MIN <= end and noted < PACKETS_PER_DATAGRAM and count < len(packets):
        if buffer[at] & _LONG == 0:
            break
        packet = packets[count]
        at, reason = _read_header(buffer, at, end, packet)
        if reason >= 0:
            flows.counters[reason] += 1
        if packet.number_at < 0:
            continue
        packet.flow = flow
        packet.direction = direction
        packet.own_id = 0
        count += 1
        noted += 1
    return count


@kernel
def find_packets(buffer, refs, flows, packets):  # type: ignore[no-untyped-def]
    """Note in `packets` (QUIC_PACKET) what is to be read of the refs' datagrams; returns how many."""
    count = 0
    for i in range(len(refs)):
        ref = refs[i]
        if ref.kind != REF_PAYLOAD or ref.protocol != UDP:
            continue
        start = ref.offset
        end = start + np.int64(ref.length)
        if start < 0 or end > len(buffer) or end - start < _HEADER_MIN:
            continue
        if state_of(flows, ref.flow) == DONE:
            continue
        version = clear_version(buffer, start, end)
        if version >= 0:
            if count < len(packets):
                packets[count].flow = ref.flow
                packets[count].start = start
                packets[count].end = end
                packets[count].number_at = -1
                packets[count].version = version
                count += 1
        elif buffer[start] & _LONG != 0:
            count = _read_datagram(buffer, start, end, ref.flow, ref.direction, flows, packets, count)
    return count
