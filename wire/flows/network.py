"""IPv4 (RFC 791) and IPv6 (RFC 8200) with extension headers."""

from __future__ import annotations

import numpy as np

from wire.flows.bytes_be import ipv4_mapped_low, u16, u32, u64
from wire.flows.packet import (
    BAD_IP_HEADER,
    BAD_IPV6_EXTENSIONS,
    FRAGMENT_FIRST,
    FRAGMENT_LATER,
    FRAGMENT_NONE,
    LAYER_GRE,
    LAYER_IPV4,
    LAYER_IPV6,
    LAYER_TRANSPORT,
    OK,
    TRUNCATED_FRAME,
    TUNNEL_6IN4,
    TUNNEL_IPIP,
    TUNNEL_TOO_DEEP,
    UNSUPPORTED_PROTOCOL,
)
from wire.flows.records import ICMP, ICMP6, SCTP, TCP, UDP
from wire.kernel import kernel

_MAX_EXTENSIONS = 16
_HOP_BY_HOP, _ROUTING, _FRAGMENT, _AUTHENTICATION, _OPTIONS = 0, 43, 44, 51, 60
_MOBILITY, _HIP, _SHIM6 = 135, 139, 140


@kernel
def ip_by_version(buffer, packet):  # type: ignore[no-untyped-def]
    """Raw IP: the version nibble says which."""
    if packet.position >= packet.end:
        return TRUNCATED_FRAME
    version = buffer[packet.position] >> 4
    if version == 4:
        packet.layer = LAYER_IPV4
        return OK
    if version == 6:
        packet.layer = LAYER_IPV6
        return OK
    return BAD_IP_HEADER


@kernel(inline=True)
def ipv4(buffer, packet, max_depth):  # type: ignore[no-untyped-def]
    """An IPv4 header with its options; a total length of 0 is segmentation offload."""
    at = packet.position
    if at < 0 or at + 20 > packet.end or at + 20 > len(buffer):
        return TRUNCATED_FRAME
    header = (np.int64(buffer[at]) & 0x0F) * 4
    if (buffer[at] >> 4) != 4 or header < 20:
        return BAD_IP_HEADER
    total = u16(buffer, at + 2)
    if total != 0:
        if total < header:
            return BAD_IP_HEADER
        packet.wire_end = min(packet.wire_end, at + total)
        packet.end = min(packet.end, at + total)
    if at + header > packet.end:
        return TRUNCATED_FRAME
    packet.src_hi = np.uint64(0)
    packet.src_lo = ipv4_mapped_low(buffer, at + 12)
    packet.dst_hi = np.uint64(0)
    packet.dst_lo = ipv4_mapped_low(buffer, at + 16)
    packet.ttl = np.int64(buffer[at + 8])
    fragment = u16(buffer, at + 6)
    packet.fragment_id = u16(buffer, at + 4)
    packet.fragment_offset = fragment & 0x1FFF
    if (fragment & 0x1FFF) != 0:
        packet.fragment = FRAGMENT_LATER
    elif (fragment & 0x2000) != 0:
        packet.fragment = FRAGMENT_FIRST
    else:
        packet.fragment = FRAGMENT_NONE
    packet.position = at + header
    return _enter_protocol(packet, np.int64(buffer[at + 9]), max_depth, 4)


@kernel
def ipv6(buffer, packet, max_depth):  # type: ignore[no-untyped-def]
    """An IPv6 header and its chain of extension headers, at most _MAX_EXTENSIONS of them."""
    at = packet.position
    if at + 40 > packet.end:
        return TRUNCATED_FRAME
    if (buffer[at] >> 4) != 6:
        return BAD_IP_HEADER
    length = u16(buffer, at + 4)
    if length != 0:
        packet.wire_end = min(packet.wire_end, at + 40 + length)
        packet.end = min(packet.end, at + 40 + length)
    packet.src_hi = u64(buffer, at + 8)
    packet.src_lo = u64(buffer, at + 16)
    packet.dst_hi = u64(buffer, at + 24)
    packet.dst_lo = u64(buffer, at + 32)
    packet.ttl = np.int64(buffer[at + 7])
    packet.fragment = FRAGMENT_NONE
    packet.fragment_id = 0
    packet.fragment_offset = 0
    following = np.int64(buffer[at + 6])
    at += 40
    for _ in range(_MAX_EXTENSIONS):
        if following == _FRAGMENT:
            if at + 8 > packet.end:
                return TRUNCATED_FRAME
            word = u16(buffer, at + 2)
            packet.fragment_id = u32(buffer, at + 4)
            packet.fragment_offset = word >> 3
            following = np.int64(buffer[at])
            at += 8
            if (word & 0xFFF8) != 0:
                packet.fragment = FRAGMENT_LATER
                break
            if (word & 1) != 0:
                packet.fragment = FRAGMENT_FIRST
        elif (
            following == _HOP_BY_HOP
            or following == _ROUTING
            or following == _OPTIONS
            or following == _MOBILITY
            or following == _HIP
            or following == _SHIM6
        ):
            if at + 8 > packet.end:
                return TRUNCATED_FRAME
            following = np.int64(buffer[at])
            at += (np.int64(buffer[at + 1]) + 1) * 8
        elif following == _AUTHENTICATION:
            if at + 8 > packet.end:
                return TRUNCATED_FRAME
            following = np.int64(buffer[at])
            at += (np.int64(buffer[at + 1]) + 2) * 4
        else:
            break
    else:
        return BAD_IPV6_EXTENSIONS
    if at > packet.end:
        return TRUNCATED_FRAME
    packet.position = at
    return _enter_protocol(packet, following, max_depth, 6)


@kernel(inline=True)
def _enter_protocol(packet, protocol, max_depth, version):  # type: ignore[no-untyped-def]
    """Choose what follows an IP header by its protocol number."""
    packet.protocol = protocol
    packet.outer_protocol = protocol
    if packet.fragment == FRAGMENT_LATER:
        packet.layer = LAYER_TRANSPORT
        return OK
    if protocol == TCP or protocol == UDP or protocol == ICMP or protocol == ICMP6 or protocol == SCTP:
        packet.layer = LAYER_TRANSPORT
        return OK
    if protocol != 4 and protocol != 41 and protocol != 47:
        return UNSUPPORTED_PROTOCOL
    packet.depth += 1
    if packet.depth > max_depth:
        return TUNNEL_TOO_DEEP
    if protocol == 47:
        packet.layer = LAYER_GRE
    elif protocol == 4:
        packet.layer = LAYER_IPV4
        packet.tunnel = TUNNEL_IPIP
    else:
        packet.layer = LAYER_IPV6
        packet.tunnel = TUNNEL_6IN4 if version == 4 else TUNNEL_IPIP
    return OK
