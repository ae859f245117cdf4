"""Link layers: from a frame's first byte to the network layer.

Each kernel reads at `packet.position`, moves it past its header, sets `packet.layer` to what
follows, and returns OK or a reject status. Numbers are those of the tcpdump LINKTYPE registry.
"""

from __future__ import annotations

import numpy as np

from wire.flows.bytes_be import u16, u32
from wire.flows.packet import (
    BAD_LINK_HEADER,
    ENCRYPTED_LINK,
    LAYER_ETHERNET,
    LAYER_ETHERTYPE,
    LAYER_IP,
    LAYER_IPV4,
    LAYER_IPV6,
    LAYER_LLC,
    LAYER_MPLS,
    LAYER_PPP,
    LAYER_PPPOE,
    LAYER_TRANSPORT,
    NOT_IP,
    OK,
    TRUNCATED_FRAME,
    TUNNEL_MPLS,
    TUNNEL_PPPOE,
    UNKNOWN_LINK_TYPE,
)
from wire.flows.records import ARP
from wire.kernel import kernel

_MAX_LABELS = 16
_NFLOG_PAYLOAD = 9
_MAX_NFLOG_ATTRIBUTES = 32


@kernel
def enter_link(buffer, packet, link_type):  # type: ignore[no-untyped-def]
    """Set the first layer of a frame by its link type, past the headers of the simple ones."""
    if link_type == 1:
        packet.layer = LAYER_ETHERNET
        return OK
    if link_type == 101 or link_type == 12 or link_type == 14 or link_type == 228 or link_type == 229:
        packet.layer = LAYER_IP
        return OK
    if link_type == 113:
        return _cooked(buffer, packet, 16, 14)
    if link_type == 276:
        return _cooked(buffer, packet, 20, 0)
    if link_type == 0 or link_type == 108:
        return _loopback(buffer, packet)
    if link_type == 9 or link_type == 50:
        packet.layer = LAYER_PPP
        return OK
    if link_type == 127:
        return _radiotap(buffer, packet)
    if link_type == 105:
        return _ieee80211(buffer, packet, False)
    if link_type == 239:
        return _nflog(buffer, packet)
    return UNKNOWN_LINK_TYPE


@kernel
def _cooked(buffer, packet, header_bytes, protocol_at):  # type: ignore[no-untyped-def]
    """Linux cooked capture, versions 1 and 2 (LINKTYPE_LINUX_SLL, LINKTYPE_LINUX_SLL2)."""
    at = packet.position
    if at + header_bytes > packet.end:
        return TRUNCATED_FRAME
    packet.ethertype = u16(buffer, at + protocol_at)
    packet.position = at + header_bytes
    packet.layer = LAYER_LLC if packet.ethertype == 4 else LAYER_ETHERTYPE
    return OK


@kernel
def _loopback(buffer, packet):  # type: ignore[no-untyped-def]
    """BSD null and loop: an address family in the order of the host that wrote it."""
    at = packet.position
    if at + 4 > packet.end:
        return TRUNCATED_FRAME
    family = u32(buffer, at)
    if family > 0xFFFF:
        family = (family >> 24) | ((family >> 8) & 0xFF00)
    packet.position = at + 4
    if family == 2:
        packet.layer = LAYER_IPV4
        return OK
    if family == 10 or family == 23 or family == 24 or family == 28 or family == 30:
        packet.layer = LAYER_IPV6
        return OK
    return NOT_IP


@kernel
def _radiotap(buffer, packet):  # type: ignore[no-untyped-def]
    """Radiotap (version 0): only the flags field matters, for padding after the 802.11 header."""
    at = packet.position
    if at + 8 > packet.end:
        return TRUNCATED_FRAME
    length = np.int64(buffer[at + 2]) | (np.int64(buffer[at + 3]) << 8)
    if buffer[at] != 0 or length < 8:
        return BAD_LINK_HEADER
    if at + length > packet.end:
        return TRUNCATED_FRAME
    field = at + 8
    word = at + 4
    while (buffer[word + 3] & 0x80) != 0:
        word += 4
        field += 4
        if word + 4 > at + length:
            return BAD_LINK_HEADER
    padded = False
    present = buffer[at + 4]
    if (present & 0x02) != 0:
        if (present & 0x01) != 0:
            field = at + ((field - at + 7) & ~7) + 8
        if field < at + length:
            padded = (buffer[field] & 0x20) != 0
    packet.position = at + length
    return _ieee80211(buffer, packet, padded)


@kernel
def _ieee80211(buffer, packet, padded):  # type: ignore[no-untyped-def]
    """An 802.11 data frame in clear (IEEE 802.11-2020 section 9.3.2); others carry no IP."""
    at = packet.position
    if at + 24 > packet.end:
        return TRUNCATED_FRAME
    control = buffer[at]
    flags = buffer[at + 1]
    if (control & 0x03) != 0:
        return BAD_LINK_HEADER
    if (control & 0x0C) != 0x08 or (control & 0x40) != 0:
        return NOT_IP
    if (flags & 0x40) != 0:
        return ENCRYPTED_LINK
    length = 24
    if (flags & 0x03) == 0x03:
        length += 6
    if (control & 0x80) != 0:
        if at + length + 2 > packet.end:
            return TRUNCATED_FRAME
        if (buffer[at + length] & 0x80) != 0:
            return NOT_IP
        length += 2
        if (flags & 0x80) != 0:
            length += 4
    if padded:
        length = (length + 3) & ~3
    packet.position = at + length
    packet.layer = LAYER_LLC
    return OK


@kernel
def _nflog(buffer, packet):  # type: ignore[no-untyped-def]
    """NFLOG: attributes of length, type, value, aligned to 4; the packet is attribute 9."""
    at = packet.position
    if at + 4 > packet.end:
        return TRUNCATED_FRAME
    at += 4
    for _ in range(_MAX_NFLOG_ATTRIBUTES):
        if at + 4 > packet.end:
            return TRUNCATED_FRAME
        length = np.int64(buffer[at]) | (np.int64(buffer[at + 1]) << 8)
        kind = np.int64(buffer[at + 2]) | (np.int64(buffer[at + 3]) << 8)
        if (kind & 0x7FFF) == 0 or (kind & 0x7FFF) > 255:
            length = u16(buffer, at)
            kind = u16(buffer, at + 2)
        if length < 4:
            return BAD_LINK_HEADER
        if (kind & 0x7FFF) == _NFLOG_PAYLOAD:
            packet.position = at + 4
            packet.end = min(packet.end, at + length)
            packet.layer = LAYER_IP
            return OK
        at += (length + 3) & ~3
    return BAD_LINK_HEADER


@kernel(inline=True)
def ethernet(buffer, packet):  # type: ignore[no-untyped-def]
    """Ethernet II and 802.3 (a length instead of a type means LLC follows)."""
    at = packet.position
    if at < 0 or at + 14 > packet.end or at + 14 > len(buffer):
        return TRUNCATED_FRAME
    ethertype = u16(buffer, at + 12)
    packet.position = at + 14
    packet.ethertype = ethertype
    packet.layer = LAYER_LLC if ethertype <= 1500 else LAYER_ETHERTYPE
    return OK


@kernel
def llc(buffer, packet):  # type: ignore[no-untyped-def]
    """LLC with a SNAP header that names an EtherType (RFC 1042); anything else carries no IP."""
    at = packet.position
    if at + 8 > packet.end:
        return NOT_IP
    if buffer[at] != 0xAA or buffer[at + 1] != 0xAA or buffer[at + 2] != 0x03:
        return NOT_IP
    packet.ethertype = u16(buffer, at + 6)
    packet.position = at + 8
    packet.layer = LAYER_ETHERTYPE
    return OK


@kernel(inline=True)
def ethertype_layer(buffer, packet):  # type: ignore[no-untyped-def]
    """What follows an EtherType; VLAN tags (802.1Q, 802.1ad) are read here, the outer two kept."""
    kind = packet.ethertype
    if kind == 0x0800:
        packet.layer = LAYER_IPV4
        return OK
    if kind == 0x86DD:
        packet.layer = LAYER_IPV6
        return OK
    if kind == 0x8100 or kind == 0x88A8 or kind == 0x9100:
        at = packet.position
        if at + 4 > packet.end:
            return TRUNCATED_FRAME
        vlan = u16(buffer, at) & 0x0FFF
        if packet.vlan < 0:
            packet.vlan = vlan
        elif packet.vlan_inner < 0:
            packet.vlan_inner = vlan
        packet.ethertype = u16(buffer, at + 2)
        packet.position = at + 4
        if packet.ethertype <= 1500:
            packet.layer = LAYER_LLC
        return OK
    if kind == 0x0806:
        packet.protocol = ARP
        packet.layer = LAYER_TRANSPORT
        return OK
    if kind == 0x8847 or kind == 0x8848:
        packet.layer = LAYER_MPLS
        return OK
    if kind == 0x8864:
        packet.layer = LAYER_PPPOE
        return OK
    return NOT_IP


@kernel
def mpls(buffer, packet):  # type: ignore[no-untyped-def]
    """A label stack (RFC 3032); what follows is guessed by its first nibble (RFC 4928)."""
    at = packet.position
    for _ in range(_MAX_LABELS):
        if at + 4 > packet.end:
            return TRUNCATED_FRAME
        bottom = (buffer[at + 2] & 1) != 0
        at += 4
        if bottom:
            if at >= packet.end:
                return TRUNCATED_FRAME
            packet.tunnel = TUNNEL_MPLS
            nibble = buffer[at] >> 4
            if nibble == 4:
                packet.layer = LAYER_IPV4
            elif nibble == 6:
                packet.layer = LAYER_IPV6
            else:
                packet.layer = LAYER_ETHERNET
                if nibble == 0:
                    at += 4
            packet.position = at
            return OK
    return BAD_LINK_HEADER


@kernel
def pppoe(buffer, packet):  # type: ignore[no-untyped-def]
    """A PPPoE session frame (RFC 2516 section 4)."""
    at = packet.position
    if at + 6 > packet.end:
        return TRUNCATED_FRAME
    if buffer[at] != 0x11 or buffer[at + 1] != 0:
        return BAD_LINK_HEADER
    packet.position = at + 6
    packet.tunnel = TUNNEL_PPPOE
    packet.layer = LAYER_PPP
    return OK


@kernel
def ppp(buffer, packet):  # type: ignore[no-untyped-def]
    """PPP with or without address and control, protocol field of one or two bytes (RFC 1661, 1662)."""
    at = packet.position
    if at + 2 > packet.end:
        return TRUNCATED_FRAME
    if buffer[at] == 0xFF and buffer[at + 1] == 0x03:
        at += 2
    if at + 2 > packet.end:
        return TRUNCATED_FRAME
    if (buffer[at] & 1) != 0:
        protocol = np.int64(buffer[at])
        at += 1
    else:
        protocol = u16(buffer, at)
        at += 2
    packet.position = at
    if protocol == 0x0021:
        packet.layer = LAYER_IPV4
        return OK
    if protocol == 0x0057:
        packet.layer = LAYER_IPV6
        return OK
    return NOT_IP
