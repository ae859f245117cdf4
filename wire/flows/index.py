"""The flow index: open addressing with linear probing over a hash that both directions share."""

from __future__ import annotations

import numpy as np

from wire.flows.mix import mix
from wire.flows.slots import NO_SLOT
from wire.kernel import kernel

#: How VLAN tags take part in the key.
VLAN_IGNORE, VLAN_OUTER, VLAN_FULL = 0, 1, 2

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_S32 = np.uint64(32)


@kernel(inline=True)
def key_hash(packet, vlan_mode, secret):  # type: ignore[no-untyped-def]
    """32 bits over the 5-tuple (and VLANs, if they count), the same for both directions."""
    source = mix((packet.src_hi * _GOLDEN) ^ packet.src_lo ^ (np.uint64(packet.src_port) << _S32) ^ secret)
    target = mix((packet.dst_hi * _GOLDEN) ^ packet.dst_lo ^ (np.uint64(packet.dst_port) << _S32) ^ secret)
    extra = np.uint64(packet.protocol)
    if vlan_mode >= VLAN_OUTER:
        extra ^= np.uint64(packet.vlan + 1) << np.uint64(8)
    if vlan_mode == VLAN_FULL:
        extra ^= np.uint64(packet.vlan_inner + 1) << np.uint64(24)
    return np.uint32(mix((source + target) ^ (extra * _GOLDEN)) >> _S32)


@kernel(inline=True)
def is_ours(hashed, mine, of):  # type: ignore[no-untyped-def]
    """Whether the flow of this hash is worker `mine`'s of `of`, by its high bits; the index takes the low."""
    return of == 1 or np.int64((np.uint64(hashed) * np.uint64(of)) >> _S32) == mine


@kernel
def flow_identity(flow, secret):  # type: ignore[no-untyped-def]
    """The keyed 64-bit hash of a flow's key and first time that joins its rows."""
    value = mix(secret ^ flow.client_hi)
    value = mix(value ^ flow.client_lo)
    value = mix(value ^ flow.server_hi)
    value = mix(value ^ flow.server_lo)
    ports = (np.uint64(flow.client_port) << np.uint64(16)) | np.uint64(flow.server_port)
    value = mix(value ^ ports ^ (np.uint64(flow.protocol) << _S32))
    return mix(value ^ np.uint64(flow.first_ns))


@kernel(inline=True)
def find(table, packet, hashed, vlan_mode):  # type: ignore[no-untyped-def]
    """Return 2 * slot + direction of the packet's flow; NO_SLOT when it is new."""
    mask = len(table.index) - 1
    at = np.int64(hashed) & mask
    while True:
        slot = table.index[at] - 1
        if slot < 0:
            return NO_SLOT
        flow = table.slots[slot]
        if flow.hash == hashed and flow.protocol == packet.protocol:
            same_vlan = True
            if vlan_mode != VLAN_IGNORE:
                same_vlan = flow.vlan == packet.vlan
                if vlan_mode == VLAN_FULL:
                    same_vlan = same_vlan and flow.vlan_inner == packet.vlan_inner
            if same_vlan:
                if (
                    flow.client_lo == packet.src_lo
                    and flow.server_lo == packet.dst_lo
                    and flow.client_hi == packet.src_hi
                    and flow.server_hi == packet.dst_hi
                    and flow.client_port == packet.src_port
                    and flow.server_port == packet.dst_port
                ):
                    return 2 * slot
                if (
                    flow.client_lo == packet.dst_lo
                    and flow.server_lo == packet.src_lo
                    and flow.client_hi == packet.dst_hi
                    and flow.server_hi == packet.src_hi
                    and flow.client_port == packet.dst_port
                    and flow.server_port == packet.src_port
                ):
                    return 2 * slot + 1
        at = (at + 1) & mask


@kernel(inline=True)
def insert(table, slot, hashed):  # type: ignore[no-untyped-def]
    """Enter a slot under its hash. The index is twice as large as the table, so a cell is free."""
    mask = len(table.index) - 1
    at = np.int64(hashed) & mask
    while table.index[at] != 0:
        at = (at + 1) & mask
    table.index[at] = slot + 1


@kernel
def remove(table, slot):  # type: ignore[no-untyped-def]
    """Take a slot out and close the gap (Knuth, TAOCP volume 3, section 6.4, algorithm R)."""
    mask = len(table.index) - 1
    at = np.int64(table.slots[slot].hash) & mask
    while table.index[at] != slot + 1:
        if table.index[at] == 0:
            return
        at = (at + 1) & mask
    hole = at
    while True:
        at = (at + 1) & mask
        other = table.index[at] - 1
        if other < 0:
            break
        home = np.int64(table.slots[other].hash) & mask
        if ((at - home) & mask) >= ((at - hole) & mask):
            table.index[hole] = other + 1
            hole = at
    table.index[hole] = 0
