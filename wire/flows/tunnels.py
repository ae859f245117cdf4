"""Tunnels that carry frames or packets: GRE, ERSPAN, VXLAN, GENEVE, GTP-U, Teredo."""

from __future__ import annotations

import numpy as np

from wire.flows.bytes_be import u16, u32
from wire.flows.packet import (
    BAD_TUNNEL_HEADER,
    LAYER_ERSPAN,
    LAYER_ETHERNET,
    LAYER_ETHERTYPE,
    LAYER_GENEVE,
    LAYER_GTPU,
    LAYER_IP,
    LAYER_IPV6,
    LAYER_PPP,
    LAYER_TEREDO,
    LAYER_VXLAN,
    OK,
    TRUNCATED_FRAME,
    TUNNEL_ERSPAN,
    TUNNEL_GENEVE,
    TUNNEL_GRE,
    TUNNEL_GTPU,
    TUNNEL_TEREDO,
    TUNNEL_VXLAN,
    UNSUPPORTED_PROTOCOL,
)
from wire.kernel import kernel

_ERSPAN_I_OR_II, _ERSPAN_III = 0x88BE, 0x22EB
_MAX_GTP_EXTENSIONS = 8


@kernel
def gre(buffer, packet):  # type: ignore[no-untyped-def]
    """GRE (RFC 2784, keys and sequence RFC 2890) and its PPTP form (RFC 2637)."""
    at = packet.position
    if at + 4 > packet.end:
        return TRUNCATED_FRAME
    flags = u16(buffer, at)
    kind = u16(buffer, at + 2)
    if (flags & 0x0007) > 1 or (flags & 0x4000) != 0:
        return BAD_TUNNEL_HEADER
    at += 4
    if (flags & 0x8000) != 0:
        at += 4
    if (flags & 0x2000) != 0:
        at += 4
    if (flags & 0x1000) != 0:
        at += 4
    if (flags & 0x0087) == 0x0081:
        at += 4
    if at > packet.end:
        return TRUNCATED_FRAME
    packet.position = at
    packet.tunnel = TUNNEL_GRE
    packet.ethertype = kind
    if kind == _ERSPAN_I_OR_II or kind == _ERSPAN_III:
        packet.gre_sequenced = 1 if (flags & 0x1000) != 0 else 0
        packet.layer = LAYER_ERSPAN
        return OK
    if kind == 0x6558:
        packet.layer = LAYER_ETHERNET
        return OK
    if kind == 0x880B:
        packet.layer = LAYER_PPP
        return OK
    if kind == 0x0800 or kind == 0x86DD or kind == 0x8847 or kind == 0x8848:
        packet.layer = LAYER_ETHERTYPE
        return OK
    return UNSUPPORTED_PROTOCOL


@kernel
def erspan(buffer, packet):  # type: ignore[no-untyped-def]
    """ERSPAN I (no header), II (8 bytes), III (12 bytes and an optional 8), then Ethernet.

    draft-foschiano-erspan: type I has neither GRE sequence number nor own header.
    """
    at = packet.position
    if packet.ethertype == _ERSPAN_III:
        if at + 12 > packet.end:
            return TRUNCATED_FRAME
        optional = (buffer[at + 11] & 1) != 0
        at += 20 if optional else 12
    elif packet.gre_sequenced == 1:
        at += 8
    if at > packet.end:
        return TRUNCATED_FRAME
    packet.position = at
    packet.tunnel = TUNNEL_ERSPAN
    packet.layer = LAYER_ETHERNET
    return OK


@kernel
def udp_tunnel_layer(buffer, start, end, src_port, dst_port):  # type: ignore[no-untyped-def]
    """The tunnel that a UDP payload holds by port and by a header that fits; -1 for none."""
    if (dst_port == 4789 or dst_port == 8472) and end - start >= 8 + 14:
        if buffer[start] == 0x08 and buffer[start + 7] == 0:
            return LAYER_VXLAN
    elif dst_port == 6081 and end - start >= 8:
        kind = u16(buffer, start + 2)
        carried = kind == 0x6558 or kind == 0x0800 or kind == 0x86DD
        if carried and (buffer[start] >> 6) == 0 and (buffer[start + 1] & 0x3F) == 0:
            return LAYER_GENEVE
    elif (dst_port == 2152 or src_port == 2152) and end - start >= 8 + 20:
        if (buffer[start] & 0xF0) == 0x30 and buffer[start + 1] == 0xFF:
            return LAYER_GTPU
    elif (dst_port == 3544 or src_port == 3544) and _teredo_inner(buffer, start, end) >= 0:
        return LAYER_TEREDO
    return -1


@kernel
def vxlan(buffer, packet):  # type: ignore[no-untyped-def]
    """VXLAN (RFC 7348 section 5)."""
    packet.position += 8
    packet.tunnel = TUNNEL_VXLAN
    packet.layer = LAYER_ETHERNET
    return OK


@kernel
def geneve(buffer, packet):  # type: ignore[no-untyped-def]
    """GENEVE (RFC 8926 section 3.4)."""
    at = packet.position
    header = 8 + (np.int64(buffer[at]) & 0x3F) * 4
    packet.ethertype = u16(buffer, at + 2)
    if at + header > packet.end:
        return TRUNCATED_FRAME
    packet.position = at + header
    packet.tunnel = TUNNEL_GENEVE
    packet.layer = LAYER_ETHERNET if packet.ethertype == 0x6558 else LAYER_ETHERTYPE
    return OK


@kernel
def gtpu(buffer, packet):  # type: ignore[no-untyped-def]
    """A GTP-U G-PDU (3GPP TS 29.281 section 5.1) with its extension headers."""
    at = packet.position
    flags = buffer[at]
    at += 8
    if (flags & 0x07) != 0:
        if at + 4 > packet.end:
            return TRUNCATED_FRAME
        following = buffer[at + 3] if (flags & 0x04) != 0 else np.uint8(0)
        at += 4
        for _ in range(_MAX_GTP_EXTENSIONS):
            if following == 0:
                break
            if at >= packet.end:
                return TRUNCATED_FRAME
            length = np.int64(buffer[at]) * 4
            if length < 4 or at + length > packet.end:
                return BAD_TUNNEL_HEADER
            following = buffer[at + length - 1]
            at += length
        if following != 0:
            return BAD_TUNNEL_HEADER
    packet.position = at
    packet.tunnel = TUNNEL_GTPU
    packet.layer = LAYER_IP
    return OK


@kernel
def teredo(buffer, packet):  # type: ignore[no-untyped-def]
    """Teredo (RFC 4380 section 5.1): IPv6 in UDP behind optional indicators."""
    inner = _teredo_inner(buffer, packet.position, packet.end)
    if inner < 0:
        return BAD_TUNNEL_HEADER
    packet.position = inner
    packet.tunnel = TUNNEL_TEREDO
    packet.layer = LAYER_IPV6
    return OK


@kernel
def _teredo_inner(buffer, start, end):  # type: ignore[no-untyped-def]
    """Where the IPv6 header starts; -1 when there is none, or a bubble that carries nothing."""
    at = start
    if at + 4 <= end and u16(buffer, at) == 0x0001:
        at += 13 + np.int64(buffer[at + 2]) + np.int64(buffer[at + 3])
    if at + 8 <= end and u16(buffer, at) == 0x0000:
        at += 8
    if at + 40 > end or (buffer[at] >> 4) != 6:
        return -1
    if u16(buffer, at + 4) == 0 or buffer[at + 6] == 59:
        return -1
    if u32(buffer, at + 8) == 0 and u32(buffer, at + 12) == 0:
        return -1
    return at
