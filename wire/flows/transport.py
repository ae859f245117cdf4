"""Transport headers: TCP, UDP, SCTP, ICMP, ICMPv6; and ARP, which yields flows too."""

from __future__ import annotations

import numpy as np

from wire.flows.bytes_be import ipv4_mapped_low, u16, u32
from wire.flows.packet import (
    BAD_ARP,
    BAD_TRANSPORT_HEADER,
    LAYER_DONE,
    OK,
    TRUNCATED_FRAME,
    TUNNEL_TOO_DEEP,
)
from wire.flows.records import ARP, ICMP, ICMP6, TCP, UDP
from wire.flows.tunnels import udp_tunnel_layer
from wire.kernel import kernel

#: The request that an ICMP reply answers, so that both directions share one key.
_ICMP_REQUEST_OF_REPLY = np.full(256, -1, np.int64)
_ICMP_REQUEST_OF_REPLY[[0, 14, 16, 18]] = [8, 13, 15, 17]
_ICMP6_REQUEST_OF_REPLY = np.full(256, -1, np.int64)
_ICMP6_REQUEST_OF_REPLY[[129, 134, 136]] = [128, 133, 135]


@kernel(inline=True)
def transport(buffer, packet, max_depth):  # type: ignore[no-untyped-def]
    """Read the transport header at the cursor; UDP may open another tunnel layer."""
    protocol = packet.protocol
    if protocol == TCP:
        return _tcp(buffer, packet)
    if protocol == UDP:
        return _udp(buffer, packet, max_depth)
    if protocol == ICMP:
        return _icmp(buffer, packet, _ICMP_REQUEST_OF_REPLY)
    if protocol == ICMP6:
        return _icmp(buffer, packet, _ICMP6_REQUEST_OF_REPLY)
    if protocol == ARP:
        return _arp(buffer, packet)
    return _sctp(buffer, packet)


@kernel(inline=True)
def _payload_from(packet, start):  # type: ignore[no-untyped-def]
    packet.payload_start = min(start, packet.end)
    packet.payload_end = packet.end
    packet.payload_bytes = max(packet.wire_end - start, 0)
    packet.layer = LAYER_DONE


@kernel(inline=True)
def _tcp(buffer, packet):  # type: ignore[no-untyped-def]
    """RFC 9293 section 3.1. A header cut by the snap length is read as far as its flags."""
    at = packet.position
    if at < 0 or at + 16 > packet.end or at + 16 > len(buffer):
        return TRUNCATED_FRAME
    header = (np.int64(buffer[at + 12]) >> 4) * 4
    if header < 20 or at + header > packet.wire_end:
        return BAD_TRANSPORT_HEADER
    packet.src_port = u16(buffer, at)
    packet.dst_port = u16(buffer, at + 2)
    packet.sequence = u32(buffer, at + 4)
    packet.flags = np.int64(buffer[at + 13])
    packet.window = u16(buffer, at + 14)
    _payload_from(packet, at + header)
    return OK


@kernel(inline=True)
def _udp(buffer, packet, max_depth):  # type: ignore[no-untyped-def]
    """RFC 768. A length of 0 is a jumbogram (RFC 2675) or segmentation offload."""
    at = packet.position
    if at < 0 or at + 8 > packet.end or at + 8 > len(buffer):
        return TRUNCATED_FRAME
    length = u16(buffer, at + 4)
    if length != 0 and length < 8:
        return BAD_TRANSPORT_HEADER
    src_port = u16(buffer, at)
    dst_port = u16(buffer, at + 2)
    end = packet.end
    if length != 0:
        end = min(end, at + length)
    layer = udp_tunnel_layer(buffer, at + 8, end, src_port, dst_port)
    if layer >= 0:
        packet.depth += 1
        if packet.depth > max_depth:
            return TUNNEL_TOO_DEEP
        packet.position = at + 8
        packet.end = end
        packet.layer = layer
        return OK
    packet.src_port = src_port
    packet.dst_port = dst_port
    packet.end = end
    if length != 0:
        packet.wire_end = min(packet.wire_end, at + length)
    _payload_from(packet, at + 8)
    return OK


@kernel
def _icmp(buffer, packet, request_of_reply):  # type: ignore[no-untyped-def]
    """RFC 792, RFC 4443: both ports of the key are type and code; a reply joins its request."""
    at = packet.position
    if at + 4 > packet.end:
        return TRUNCATED_FRAME
    kind = np.int64(buffer[at])
    request = request_of_reply[kind]
    packet.reply = 0
    if request >= 0:
        packet.reply = 1
        kind = request
    key = (kind << 8) | np.int64(buffer[at + 1])
    packet.src_port = key
    packet.dst_port = key
    _payload_from(packet, at + 8)
    return OK


@kernel
def _sctp(buffer, packet):  # type: ignore[no-untyped-def]
    """The common header of RFC 9260 section 3.1."""
    at = packet.position
    if at + 12 > packet.end:
        return TRUNCATED_FRAME
    packet.src_port = u16(buffer, at)
    packet.dst_port = u16(buffer, at + 2)
    _payload_from(packet, at + 12)
    return OK


@kernel
def _arp(buffer, packet):  # type: ignore[no-untyped-def]
    """RFC 826 for IPv4 over Ethernet: who asks is the client, who is asked for is the server."""
    at = packet.position
    if at + 28 > packet.end:
        return TRUNCATED_FRAME
    if u16(buffer, at + 2) != 0x0800 or buffer[at + 4] != 6 or buffer[at + 5] != 4:
        return BAD_ARP
    operation = u16(buffer, at + 6)
    if operation != 1 and operation != 2:
        return BAD_ARP
    packet.src_hi = np.uint64(0)
    packet.src_lo = ipv4_mapped_low(buffer, at + 14)
    packet.dst_hi = np.uint64(0)
    packet.dst_lo = ipv4_mapped_low(buffer, at + 24)
    packet.reply = 1 if operation == 2 else 0
    packet.fragment_id = 0
    packet.src_port = 0
    packet.dst_port = 0
    packet.ttl = 0
    packet.payload_start = at
    packet.payload_end = at
    packet.payload_bytes = 0
    packet.layer = LAYER_DONE
    return OK
