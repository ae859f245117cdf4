"""The decoded packet: one record that the layer kernels fill in while they walk a frame."""

from __future__ import annotations

import numpy as np

#: Why a frame was rejected. A closed set; the index is the status that decoding returns.
REJECT_REASONS = (
    "none",
    "truncated_frame",  # the capture holds too few bytes of a header
    "not_ip",  # a frame that carries neither IP nor ARP
    "bad_link_header",
    "encrypted_link",  # 802.11 data under link encryption
    "bad_ip_header",
    "bad_ipv6_extensions",
    "bad_transport_header",
    "unsupported_protocol",  # an IP protocol that yields no flow
    "fragment_without_first",
    "bad_tunnel_header",
    "tunnel_too_deep",
    "bad_arp",
    "unknown_link_type",
)
(
    OK,
    TRUNCATED_FRAME,
    NOT_IP,
    BAD_LINK_HEADER,
    ENCRYPTED_LINK,
    BAD_IP_HEADER,
    BAD_IPV6_EXTENSIONS,
    BAD_TRANSPORT_HEADER,
    UNSUPPORTED_PROTOCOL,
    FRAGMENT_WITHOUT_FIRST,
    BAD_TUNNEL_HEADER,
    TUNNEL_TOO_DEEP,
    BAD_ARP,
    UNKNOWN_LINK_TYPE,
) = range(len(REJECT_REASONS))

#: What stands at the cursor.
(
    LAYER_ETHERNET,
    LAYER_ETHERTYPE,
    LAYER_IPV4,
    LAYER_IPV6,
    LAYER_TRANSPORT,
    LAYER_LLC,
    LAYER_IP,
    LAYER_MPLS,
    LAYER_PPPOE,
    LAYER_PPP,
    LAYER_GRE,
    LAYER_ERSPAN,
    LAYER_VXLAN,
    LAYER_GENEVE,
    LAYER_GTPU,
    LAYER_TEREDO,
    LAYER_DONE,
) = range(17)
LAST_ORDINARY_LAYER = LAYER_TRANSPORT

FRAGMENT_NONE, FRAGMENT_FIRST, FRAGMENT_LATER = 0, 1, 2

TUNNEL_NONE = 0
(
    TUNNEL_GRE,
    TUNNEL_ERSPAN,
    TUNNEL_VXLAN,
    TUNNEL_GENEVE,
    TUNNEL_IPIP,
    TUNNEL_6IN4,
    TUNNEL_TEREDO,
    TUNNEL_GTPU,
    TUNNEL_PPPOE,
    TUNNEL_MPLS,
) = range(1, 11)

PACKET = np.dtype(
    [
        ("src_hi", "u8"),
        ("src_lo", "u8"),
        ("dst_hi", "u8"),
        ("dst_lo", "u8"),
        ("position", "i8"),  # cursor: where the next layer starts in the buffer
        ("end", "i8"),  # cursor: end of captured bytes of this layer
        ("wire_end", "i8"),  # cursor: where the layer would end had all bytes been captured
        ("payload_start", "i8"),
        ("payload_end", "i8"),
        ("payload_bytes", "i8"),  # on the wire
        ("sequence", "i8"),
        ("layer", "i4"),
        ("ethertype", "i4"),  # EtherType, or the GRE protocol type for LAYER_ERSPAN
        ("depth", "i4"),
        ("vlan", "i4"),
        ("vlan_inner", "i4"),
        ("src_port", "i4"),
        ("dst_port", "i4"),
        ("window", "i4"),
        ("fragment_id", "i8"),  # identification; 0 where the header has none
        ("fragment_offset", "i8"),  # of a fragment, as the header counts it
        ("protocol", "i4"),
        ("outer_protocol", "i4"),  # of the IP header whose fragment this is
        ("tunnel", "i4"),
        ("fragment", "i4"),
        ("flags", "i4"),
        ("ttl", "i4"),
        ("gre_sequenced", "i4"),
        ("reply", "i4"),  # 1: an ICMP or ARP reply, so its sender is the server
    ],
    align=True,
)


def packet_scratch() -> np.ndarray:
    """Two PACKET records: the packet, and the header of a fragmented datagram around it."""
    return np.zeros(2, PACKET)
