"""The records that leave the flow table: payload references, deltas and flow rows.

Addresses are two uint64 (high, low). An IPv4 address is written as its IPv4-mapped IPv6 form
(RFC 4291 section 2.5.5.2): high 0, low 0x0000ffff_aabbccdd.
`flow` is the flow's serial number: 1, 2, 3 ... in the order in which flows open; it joins the
records of one run and never leaves the process.
"""

from __future__ import annotations

import numpy as np

CLIENT_TO_SERVER, SERVER_TO_CLIENT = 0, 1
IPV4_MAPPED = 0x0000FFFF_00000000

#: IP protocol numbers; ARP has none on the wire and takes 255 here (reserved by IANA).
TCP, UDP, SCTP, ICMP, ICMP6, ARP = 6, 17, 132, 1, 58, 255
PROTO_NAMES = {TCP: "tcp", UDP: "udp", SCTP: "sctp", ICMP: "icmp", ICMP6: "icmp6", ARP: "arp"}

#: How a TCP flow ended; END_NONE for a checkpoint and for flows that are not TCP.
END_NONE, END_FIN, END_RST, END_TIMEOUT, END_EVICTED, END_CAPTURE = 0, 1, 2, 3, 4, 5
TCP_END_NAMES = ("none", "fin", "rst", "timeout", "evicted", "capture_end")

#: The innermost tunnel a flow travelled in.
TUNNEL_NAMES = (
    "none", "gre", "erspan", "vxlan", "geneve", "ipip", "6in4", "teredo", "gtp-u", "pppoe", "mpls",
)

#: A payload reference announces a flow (OPEN, no bytes) or carries payload bytes (PAYLOAD).
REF_OPEN, REF_PAYLOAD = 0, 1

PAYLOAD_REF = np.dtype(
    [
        ("flow", "i8"),  # serial
        ("timestamp_ns", "i8"),
        ("offset", "i8"),  # of the payload in the FrameBlock's buffer
        ("length", "i4"),  # captured payload bytes
        ("stream_offset", "i4"),  # TCP: position in this direction's stream, first byte 0
        ("frame", "i4"),  # the packet's place in its FrameBlock
        ("client_hi", "u8"),
        ("client_lo", "u8"),
        ("server_hi", "u8"),
        ("server_lo", "u8"),
        ("client_port", "u2"),
        ("server_port", "u2"),
        ("protocol", "u1"),  # PAYLOAD: TCP | UDP
        ("direction", "u1"),  # CLIENT_TO_SERVER | SERVER_TO_CLIENT
        ("kind", "u1"),  # REF_OPEN | REF_PAYLOAD
        ("fresh", "u1"),  # OPEN: 1 when a TCP SYN opened the flow
        ("vlan", "i2"),  # of the flow, -1 without
        ("vlan_inner", "i2"),
    ]
)

#: What one flow did in one minute: emitted when the minute, the row or the flow ends.
DELTA = np.dtype(
    [
        ("flow", "i8"),
        ("window_start_ns", "i8"),  # the minute, aligned to the epoch
        ("client_hi", "u8"),
        ("client_lo", "u8"),
        ("server_hi", "u8"),
        ("server_lo", "u8"),
        ("bytes_c2s", "i8"),
        ("bytes_s2c", "i8"),
        ("payload_bytes_c2s", "i8"),
        ("payload_bytes_s2c", "i8"),
        ("packets_c2s", "i4"),
        ("packets_s2c", "i4"),
        ("client_port", "u2"),
        ("server_port", "u2"),
        ("protocol", "u1"),
        ("opened", "u1"),  # 1: the flow's first packet lies in this delta
        ("ended", "u1"),  # END_*: the flow ended with this delta; END_NONE: it goes on
        ("over", "u1"),  # 1: the flow is over (also when not TCP)
        ("answered", "u1"),  # 1: the server has sent a packet by now
        ("established", "u1"),  # 1: TCP handshake seen complete, or mid-stream
        ("flags_c2s", "u1"),  # TCP flags seen so far in the row, or-ed
        ("flags_s2c", "u1"),
    ]
)

FIRST_PACKETS = 8

#: A flow's row: counters, times and statistics cover this row alone (see CONTRACTS: Flows).
FLOW_ROW = np.dtype(
    [
        ("flow", "i8"),
        ("flow_id", "u8"),  # keyed hash of key and first time; joins the rows of a flow
        ("ts_start_ns", "i8"),
        ("ts_end_ns", "i8"),
        ("flow_start_ns", "i8"),  # first packet of the whole flow
        ("client_hi", "u8"),
        ("client_lo", "u8"),
        ("server_hi", "u8"),
        ("server_lo", "u8"),
        ("client_port", "u2"),
        ("server_port", "u2"),
        ("protocol", "u1"),
        ("tunnel", "u1"),  # index into TUNNEL_NAMES
        ("tcp_end", "u1"),  # index into TCP_END_NAMES
        ("checkpoint", "u1"),  # 1: the flow goes on
        ("midstream", "u1"),  # 1: TCP flow whose opening was not seen
        ("fragments", "u1"),  # 1: some packet was an IP fragment
        ("vlan", "i4"),  # outermost VLAN id, -1 without
        ("vlan_inner", "i4"),  # next VLAN id, -1 without
        ("interface", "i4"),
        ("rtt_ms", "f4"),  # SYN to the ACK that completes the handshake; NaN unseen
        ("packets", "i4", (2,)),
        ("bytes", "i8", (2,)),
        ("payload_bytes", "i8", (2,)),
        ("size_mean", "f4", (2,)),  # bytes per frame on the wire
        ("size_std", "f4", (2,)),  # sample standard deviation
        ("size_min", "i4", (2,)),
        ("size_max", "i4", (2,)),
        ("iat_mean_ms", "f4", (2,)),  # gap between frames of one direction
        ("iat_std_ms", "f4", (2,)),
        ("iat_min_ms", "f4", (2,)),
        ("iat_max_ms", "f4", (2,)),
        ("tcp_flags", "u1", (2,)),
        ("retransmissions", "i4", (2,)),
        ("zero_windows", "i4", (2,)),
        ("ttl_min", "u1", (2,)),
        ("ttl_max", "u1", (2,)),
        ("first_count", "u1"),
        ("first_sizes", "i4", (FIRST_PACKETS,)),  # wire bytes; negative: server to client
        ("first_gaps_us", "i4", (FIRST_PACKETS,)),  # to the packet before; first is 0
    ]
)
