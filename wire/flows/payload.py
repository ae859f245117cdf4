"""Which payload bytes names may see: the first of each direction, fewer where the start says so."""

from __future__ import annotations

import numpy as np

from wire.flows.bytes_be import u16
from wire.flows.emit import OUT_REFS
from wire.flows.records import CLIENT_TO_SERVER, REF_OPEN, REF_PAYLOAD, TCP, UDP
from wire.flows.slots import HALF_HAS_BASE, STATE_MIDSTREAM
from wire.kernel import kernel

#: A ClientHello of 16 KiB and its record headers (and a proxy's greeting before it).
CLIENT_STREAM_BYTES = 17 * 1024
#: A ServerHello and the first certificate.
SERVER_STREAM_BYTES = 8 * 1024
#: A stream that starts like nothing we read.
UNKNOWN_STREAM_BYTES = 2 * 1024
_HTTP_RESPONSE_BYTES = 4 * 1024
UDP_DATAGRAMS = 12
#: All of it.
UNBOUNDED = 0x7FFFFFFF


@kernel(inline=True)
def first_budget(protocol, direction, client_port, server_port):  # type: ignore[no-untyped-def]
    """Bytes (TCP) or datagrams (UDP) of a direction that names want; DNS is read whole."""
    if protocol == UDP:
        if server_port == 53 or server_port == 5353 or server_port == 5355:
            return UNBOUNDED
        if client_port == 53 or client_port == 5353 or client_port == 5355:
            return UNBOUNDED
        return UDP_DATAGRAMS
    if protocol == TCP:
        if server_port == 53:
            return UNBOUNDED
        return CLIENT_STREAM_BYTES if direction == CLIENT_TO_SERVER else SERVER_STREAM_BYTES
    return 0


@kernel
def _budget_by_start(buffer, start, end, direction):  # type: ignore[no-untyped-def]
    """How much of a TCP stream to show, by its first bytes."""
    first = buffer[start]
    if first == 0x16 and end - start >= 9 and buffer[start + 1] == 3:
        record_end = 5 + u16(buffer, start + 3)
        message = (np.int64(buffer[start + 6]) << 16) | u16(buffer, start + 7)
        if direction == CLIENT_TO_SERVER:
            if buffer[start + 5] == 1 and 9 + message <= record_end:
                return record_end
            return CLIENT_STREAM_BYTES
        after = start + record_end
        if after < end and buffer[after] != 0x16:
            return record_end
        return SERVER_STREAM_BYTES
    if direction != CLIENT_TO_SERVER and end - start >= 5:
        if first == 72 and buffer[start + 1] == 84 and buffer[start + 2] == 84 and buffer[start + 3] == 80:
            return _HTTP_RESPONSE_BYTES
    text = first == 13 or first == 10 or (first >= 32 and first < 127)
    socks = first == 4 or first == 5
    if text or socks or first == 0x16:
        return CLIENT_STREAM_BYTES if direction == CLIENT_TO_SERVER else SERVER_STREAM_BYTES
    return UNKNOWN_STREAM_BYTES


@kernel(inline=True)
def announce(flow, out, frame, timestamp_ns):  # type: ignore[no-untyped-def]
    """Tell of a new flow."""
    at = out.used[OUT_REFS]
    out.used[OUT_REFS] = at + 1
    ref = out.refs[at]
    _write_key(ref, flow, frame, timestamp_ns)
    ref.offset = 0
    ref.length = 0
    ref.stream_offset = 0
    ref.direction = CLIENT_TO_SERVER
    ref.kind = REF_OPEN
    ref.fresh = 1 if flow.protocol == TCP and (flow.state & STATE_MIDSTREAM) == 0 else 0


@kernel(inline=True)
def show_payload(buffer, packet, flow, half, direction, out, frame, timestamp_ns):  # type: ignore[no-untyped-def]
    """Refer names to a packet's payload while the direction's budget lasts."""
    length = packet.payload_end - packet.payload_start
    position = np.int64(0)
    if flow.protocol == UDP:
        if half.budget != UNBOUNDED:
            half.budget -= 1
    else:
        syn = 1 if (packet.flags & 2) != 0 else 0
        if (half.state & HALF_HAS_BASE) == 0:
            half.state |= HALF_HAS_BASE
            half.base_sequence = np.uint32(packet.sequence + syn)
        position = (packet.sequence + syn - np.int64(half.base_sequence)) & 0xFFFFFFFF
        if position >= half.budget:
            return
        if position == 0 and half.budget != UNBOUNDED:
            half.budget = _budget_by_start(buffer, packet.payload_start, packet.payload_end, direction)
        if half.budget == UNBOUNDED and position > 0x7FFFFFF0:
            return
    at = out.used[OUT_REFS]
    out.used[OUT_REFS] = at + 1
    ref = out.refs[at]
    _write_key(ref, flow, frame, timestamp_ns)
    ref.offset = packet.payload_start
    ref.length = length
    ref.stream_offset = position
    ref.direction = direction
    ref.kind = REF_PAYLOAD
    ref.fresh = 0


@kernel(inline=True)
def _write_key(ref, flow, frame, timestamp_ns):  # type: ignore[no-untyped-def]
    ref.flow = flow.serial
    ref.frame = frame
    ref.timestamp_ns = timestamp_ns
    ref.client_hi = flow.client_hi
    ref.client_lo = flow.client_lo
    ref.server_hi = flow.server_hi
    ref.server_lo = flow.server_lo
    ref.client_port = flow.client_port
    ref.server_port = flow.server_port
    ref.protocol = flow.protocol
    ref.vlan = flow.vlan
    ref.vlan_inner = flow.vlan_inner
