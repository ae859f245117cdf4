"""What leaves the flow table: deltas, rows and payload references, into bounded output arrays."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from wire.flows.index import flow_identity
from wire.flows.records import (
    DELTA,
    END_FIN,
    END_NONE,
    END_RST,
    FIRST_PACKETS,
    FLOW_ROW,
    ICMP,
    ICMP6,
    PAYLOAD_REF,
    TCP,
)
from wire.flows.slots import (
    HALF_BYPASSED,
    MINUTE_NS,
    STATE_ANSWERED,
    STATE_CLOSED,
    STATE_ESTABLISHED,
    STATE_FRAGMENTS,
    STATE_MIDSTREAM,
    STATE_NEW_DELTA,
    STATE_RESET,
)
from wire.kernel import kernel

OUT_REFS, OUT_DELTAS, OUT_ROWS = 0, 1, 2
#: The most that one packet can add to each output.
ROOM = 8


class OutputArrays(NamedTuple):
    """Output of one call of the tracking kernel; `used` holds how many of each are filled."""

    refs: NDArray[np.void]
    deltas: NDArray[np.void]
    rows: NDArray[np.void]
    used: NDArray[np.int64]


def output_arrays(refs: int, deltas: int, rows: int) -> OutputArrays:
    """Empty outputs that hold so many records, and ROOM more of each."""
    return OutputArrays(
        refs=np.empty(refs + ROOM, PAYLOAD_REF),
        deltas=np.empty(deltas + ROOM, DELTA),
        rows=np.empty(rows + ROOM, FLOW_ROW),
        used=np.zeros(3, np.int64),
    )


@kernel(inline=True)
def has_room(out):  # type: ignore[no-untyped-def]
    """Whether another packet's output fits for certain."""
    return (
        out.used[OUT_REFS] + ROOM <= len(out.refs)
        and out.used[OUT_DELTAS] + ROOM <= len(out.deltas)
        and out.used[OUT_ROWS] + ROOM <= len(out.rows)
    )


@kernel
def tcp_end_of(flow, otherwise):  # type: ignore[no-untyped-def]
    """How a flow that ends now ended: what TCP said, else why the table let it go."""
    if flow.protocol != TCP:
        return END_NONE
    if (flow.state & STATE_CLOSED) != 0:
        return END_FIN
    if (flow.state & STATE_RESET) != 0:
        return END_RST
    return otherwise


@kernel
def emit_delta(table, slot, out, over, ended):  # type: ignore[no-untyped-def]
    """Write what the flow did since its last delta, if it did anything."""
    flow = table.slots[slot]
    forward = table.halves[2 * slot]
    backward = table.halves[2 * slot + 1]
    packets_c2s = np.uint32(forward.packets - forward.delta_packets)
    packets_s2c = np.uint32(backward.packets - backward.delta_packets)
    if packets_c2s == 0 and packets_s2c == 0:
        return
    at = out.used[OUT_DELTAS]
    out.used[OUT_DELTAS] = at + 1
    row = out.deltas[at]
    row.flow = flow.serial
    row.window_start_ns = np.int64(flow.delta_minute) * MINUTE_NS
    row.client_hi = flow.client_hi
    row.client_lo = flow.client_lo
    row.server_hi = flow.server_hi
    row.server_lo = flow.server_lo
    row.packets_c2s = packets_c2s
    row.packets_s2c = packets_s2c
    row.bytes_c2s = np.uint32(np.uint32(forward.bytes) - forward.delta_bytes)
    row.bytes_s2c = np.uint32(np.uint32(backward.bytes) - backward.delta_bytes)
    row.payload_bytes_c2s = np.uint32(np.uint32(forward.payload_bytes) - forward.delta_payload)
    row.payload_bytes_s2c = np.uint32(np.uint32(backward.payload_bytes) - backward.delta_payload)
    _write_ports(row, flow)
    row.protocol = flow.protocol
    row.opened = 1 if (flow.state & STATE_NEW_DELTA) != 0 else 0
    row.over = over
    row.ended = ended
    row.answered = 1 if (flow.state & STATE_ANSWERED) != 0 else 0
    row.established = 1 if (flow.state & STATE_ESTABLISHED) != 0 else 0
    row.flags_c2s = forward.flags
    row.flags_s2c = backward.flags
    flow.state &= ~STATE_NEW_DELTA
    _mark_delta(forward)
    _mark_delta(backward)


@kernel
def _mark_delta(half):  # type: ignore[no-untyped-def]
    half.delta_packets = half.packets
    half.delta_bytes = np.uint32(half.bytes)
    half.delta_payload = np.uint32(half.payload_bytes)


@kernel
def _write_ports(row, flow):  # type: ignore[no-untyped-def]
    """Ports as the wire has them; for ICMP the type and the code."""
    if flow.protocol == ICMP or flow.protocol == ICMP6:
        row.client_port = flow.client_port >> 8
        row.server_port = flow.client_port & 0xFF
    else:
        row.client_port = flow.client_port
        row.server_port = flow.server_port


@kernel
def emit_row(table, slot, out, checkpoint, tcp_end, secret):  # type: ignore[no-untyped-def]
    """Write the flow's row and clear the counters that a row covers."""
    flow = table.slots[slot]
    at = out.used[OUT_ROWS]
    out.used[OUT_ROWS] = at + 1
    row = out.rows[at]
    row.flow = flow.serial
    row.flow_id = flow_identity(flow, secret)
    row.ts_start_ns = flow.row_start_ns
    last_ns = max(table.halves[2 * slot].last_ns, table.halves[2 * slot + 1].last_ns)
    row.ts_end_ns = max(flow.row_start_ns, last_ns)
    row.flow_start_ns = flow.first_ns
    row.client_hi = flow.client_hi
    row.client_lo = flow.client_lo
    row.server_hi = flow.server_hi
    row.server_lo = flow.server_lo
    _write_ports(row, flow)
    row.protocol = flow.protocol
    row.tunnel = flow.tunnel
    row.tcp_end = tcp_end
    row.checkpoint = checkpoint
    row.midstream = 1 if (flow.state & STATE_MIDSTREAM) != 0 else 0
    row.fragments = 1 if (flow.state & STATE_FRAGMENTS) != 0 else 0
    row.vlan = flow.vlan
    row.vlan_inner = flow.vlan_inner
    row.interface = flow.interface
    row.rtt_ms = flow.rtt_ms
    row.first_count = flow.first_count
    for k in range(FIRST_PACKETS):
        row.first_sizes[k] = table.first_sizes[slot * FIRST_PACKETS + k]
        row.first_gaps_us[k] = min(table.first_gaps_us[slot * FIRST_PACKETS + k], np.uint32(0x7FFFFFFF))
    for direction in range(2):
        half = table.halves[2 * slot + direction]
        _write_half(row, direction, half)
        clear_row_counters(half)


@kernel
def _write_half(row, direction, half):  # type: ignore[no-untyped-def]
    packets = np.int64(half.packets)
    row.packets[direction] = packets
    row.bytes[direction] = half.bytes
    row.payload_bytes[direction] = half.payload_bytes
    row.tcp_flags[direction] = half.flags
    row.retransmissions[direction] = half.retransmissions
    row.zero_windows[direction] = half.zero_windows
    row.ttl_min[direction] = half.ttl_min if packets > 0 else 0
    row.ttl_max[direction] = half.ttl_max
    row.size_min[direction] = half.size_min if packets > 0 else 0
    row.size_max[direction] = half.size_max
    mean = np.nan
    deviation = np.nan
    if packets > 0:
        mean = half.bytes / packets
    looked_at = (half.state & HALF_BYPASSED) == 0  # else minima, maxima are of what was looked at
    if packets > 1 and looked_at:
        spread = half.size_squares - np.float64(half.bytes) * mean
        deviation = np.sqrt(max(spread, 0.0) / (packets - 1))
    row.size_mean[direction] = mean
    row.size_std[direction] = deviation
    gaps = packets - 1
    row.iat_mean_ms[direction] = np.nan
    row.iat_std_ms[direction] = np.nan
    row.iat_min_ms[direction] = np.nan
    row.iat_max_ms[direction] = np.nan
    if gaps > 0:
        total = (half.last_ns - half.first_ns) / 1e6
        mean = total / gaps
        row.iat_mean_ms[direction] = mean
        row.iat_min_ms[direction] = half.gap_min_ms
        row.iat_max_ms[direction] = half.gap_max_ms
        if gaps > 1 and looked_at:
            row.iat_std_ms[direction] = np.sqrt(max(half.gap_squares - total * mean, 0.0) / (gaps - 1))


@kernel
def clear_row_counters(half):  # type: ignore[no-untyped-def]
    """Start a new row in one direction; what TCP needs of the flow stays."""
    half.first_ns = 0
    half.last_ns = 0
    half.bytes = 0
    half.payload_bytes = 0
    half.size_squares = 0.0
    half.gap_squares = 0.0
    half.gap_min_ms = 0.0
    half.gap_max_ms = 0.0
    half.packets = 0
    half.size_min = 0
    half.size_max = 0
    half.delta_packets = 0
    half.delta_bytes = 0
    half.delta_payload = 0
    half.retransmissions = 0
    half.zero_windows = 0
    half.flags = 0
    half.state &= ~HALF_BYPASSED
    half.ttl_min = 0
    half.ttl_max = 0
