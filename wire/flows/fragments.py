"""Fragments: the first one's flow is remembered, and later ones are counted to it.

A bounded table keyed on (source, destination, identification, protocol) as RFC 791 section 3.2
and RFC 8200 section 4.5 identify a datagram. Payload is not reassembled: a name that is split
over fragments stays unseen.
"""

from __future__ import annotations

import numpy as np

from wire.flows.packet import FRAGMENT_WITHOUT_FIRST, LAYER_DONE, OK
from wire.kernel import kernel

_PROBES = 4
_LIFETIME_NS = 30_000_000_000

FRAGMENT = np.dtype(
    [
        ("src_hi", "u8"),
        ("src_lo", "u8"),
        ("dst_hi", "u8"),
        ("dst_lo", "u8"),
        ("identification", "i8"),
        ("timestamp_ns", "i8"),  # 0: free
        ("flow_src_hi", "u8"),
        ("flow_src_lo", "u8"),
        ("flow_dst_hi", "u8"),
        ("flow_dst_lo", "u8"),
        ("outer_protocol", "i4"),
        ("protocol", "i4"),
        ("src_port", "i4"),
        ("dst_port", "i4"),
        ("tunnel", "i4"),
        ("vlan_inner", "i4"),
    ],
    align=True,
)


def fragment_table(entries: int = 4096) -> np.ndarray:
    """An empty table; `entries` is a power of two."""
    return np.zeros(entries, FRAGMENT)


@kernel
def _first_slot(table, src_lo, dst_lo, identification):  # type: ignore[no-untyped-def]
    value = src_lo * np.uint64(0x9E3779B97F4A7C15) ^ dst_lo ^ np.uint64(identification)
    value = value * np.uint64(0xC2B2AE3D27D4EB4F)
    return np.int64(value >> np.uint64(32)) & (len(table) - 1)


@kernel
def remember_fragment(table, outer, packet, timestamp_ns):  # type: ignore[no-untyped-def]
    """Keep the flow of a first fragment; `outer` holds the fragmented header's addresses."""
    first = _first_slot(table, outer.src_lo, outer.dst_lo, outer.fragment_id)
    best = first
    for probe in range(_PROBES):
        slot = (first + probe) & (len(table) - 1)
        if table[slot].timestamp_ns < table[best].timestamp_ns:
            best = slot
    entry = table[best]
    entry.src_hi = outer.src_hi
    entry.src_lo = outer.src_lo
    entry.dst_hi = outer.dst_hi
    entry.dst_lo = outer.dst_lo
    entry.identification = outer.fragment_id
    entry.outer_protocol = outer.outer_protocol
    entry.timestamp_ns = max(timestamp_ns, 1)
    entry.flow_src_hi = packet.src_hi
    entry.flow_src_lo = packet.src_lo
    entry.flow_dst_hi = packet.dst_hi
    entry.flow_dst_lo = packet.dst_lo
    entry.protocol = packet.protocol
    entry.src_port = packet.src_port
    entry.dst_port = packet.dst_port
    entry.tunnel = packet.tunnel
    entry.vlan_inner = packet.vlan_inner


@kernel
def recall_fragment(table, packet, timestamp_ns):  # type: ignore[no-untyped-def]
    """Give a later fragment the key of its first; its bytes count, it carries no header."""
    first = _first_slot(table, packet.src_lo, packet.dst_lo, packet.fragment_id)
    for probe in range(_PROBES):
        entry = table[(first + probe) & (len(table) - 1)]
        if (
            entry.timestamp_ns != 0
            and entry.identification == packet.fragment_id
            and entry.src_lo == packet.src_lo
            and entry.dst_lo == packet.dst_lo
            and entry.src_hi == packet.src_hi
            and entry.dst_hi == packet.dst_hi
            and entry.outer_protocol == packet.outer_protocol
            and abs(timestamp_ns - entry.timestamp_ns) <= _LIFETIME_NS
        ):
            packet.payload_bytes = max(packet.wire_end - packet.position, 0)
            packet.src_hi = entry.flow_src_hi
            packet.src_lo = entry.flow_src_lo
            packet.dst_hi = entry.flow_dst_hi
            packet.dst_lo = entry.flow_dst_lo
            packet.protocol = entry.protocol
            packet.src_port = entry.src_port
            packet.dst_port = entry.dst_port
            packet.tunnel = entry.tunnel
            packet.vlan_inner = entry.vlan_inner
            packet.payload_start = packet.end
            packet.payload_end = packet.end
            packet.flags = 0
            packet.layer = LAYER_DONE
            return OK
    return FRAGMENT_WITHOUT_FIRST
