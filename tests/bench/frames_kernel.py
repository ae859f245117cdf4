"""Compiled half of the campus mix: lays flows out in time and writes their frames.

A flow is a little script: its k-th packet follows from its kind and k alone, plus the sequence
numbers kept per flow. So packets are sorted by (time, flow) only, and written in one pass.
All checksums are right.
"""

from __future__ import annotations

import numpy as np

from wire.kernel import kernel

TLS, QUIC, DNS, HTTP, OPEN_TLS, OPEN_UDP = 0, 1, 2, 3, 4, 5
FULL_SEGMENT = 1440  # what an IPv6 packet of 1,500 bytes carries; IPv4 takes the same here
RECORD_HEADER, ETHERNET, IPV4, IPV6, TCP_HEADER, UDP_HEADER = 16, 14, 20, 40, 20, 8
LARGEST_FRAME = RECORD_HEADER + ETHERNET + IPV6 + TCP_HEADER + 12 + FULL_SEGMENT
FIN, SYN, PSH, ACK = 1, 2, 8, 16

#: One row a flow. Payloads stand in one arena: client's opening bytes, then the server's.
FLOW = np.dtype(
    [
        ("start_ns", "i8"), ("gap_ns", "i8"), ("rtt_ns", "i8"),
        ("client_at", "i8"), ("client_length", "i4"), ("client_cut", "i4"),
        ("server_at", "i8"), ("server_length", "i4"),
        ("data_packets", "i4"), ("packets", "i4"), ("data_bytes", "i4"),
        ("client_hi", "u8"), ("client_lo", "u8"), ("server_hi", "u8"), ("server_lo", "u8"),
        ("client_port", "u2"), ("server_port", "u2"), ("kind", "u1"), ("ipv6", "u1"), ("closes", "u1"),
        ("client_seq", "u4"), ("server_seq", "u4"), ("sent_data", "i4"), ("next", "i4"),
    ]
)  # fmt: skip


@kernel
def lay_out(flows, times, owners):  # type: ignore[no-untyped-def]
    """Give each packet of each flow its time; returns the packets laid out."""
    at = 0
    state = np.uint32(2463534242)
    for f in range(len(flows)):
        time = flows[f]["start_ns"]
        for k in range(flows[f]["packets"]):
            times[at] = time
            owners[at] = f
            at += 1
            state ^= np.uint32(state << np.uint32(13))
            state ^= np.uint32(state >> np.uint32(17))
            state ^= np.uint32(state << np.uint32(5))
            step = flows[f]["rtt_ns"] if k < 6 else flows[f]["gap_ns"]
            time += np.int64(step * (np.int64(state & np.uint32(1023)) + 1) // 512) + 2000
    return at


@kernel
def _put(out, at, value, count):  # type: ignore[no-untyped-def]
    """Write `count` bytes of `value` in network order; returns the next place."""
    for i in range(count):
        shift = np.uint64(8 * (count - 1 - i))
        out[at + i] = np.uint8((np.uint64(value) >> shift) & np.uint64(255))
    return at + count


@kernel
def _put_little(out, at, value):  # type: ignore[no-untyped-def]
    for i in range(4):
        out[at + i] = np.uint8((np.uint64(value) >> np.uint64(8 * i)) & np.uint64(255))
    return at + 4


@kernel
def _copy(out, at, source, start, count):  # type: ignore[no-untyped-def]
    for i in range(count):
        out[at + i] = source[start + i]


@kernel
def _checksum(out, start, end, total):  # type: ignore[no-untyped-def]
    """The internet checksum (RFC 1071) of out[start:end] on top of `total`."""
    at = start
    while at + 1 < end:
        total += (np.int64(out[at]) << 8) | np.int64(out[at + 1])
        at += 2
    if at < end:
        total += np.int64(out[at]) << 8
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return 0xFFFF - total


@kernel
def _tcp_step(flow, k):  # type: ignore[no-untyped-def]
    """The k-th packet of a TCP flow: (from the server, flags, source, length).

    source: 0 nothing, 1 the client's opening, 2 the server's opening, 3 bulk.
    The start within the opening stands in the fifth place.
    """
    if k == 0:
        return 0, SYN, 0, 0, 0
    if k == 1:
        return 1, SYN | ACK, 0, 0, 0
    if flow["kind"] == OPEN_TLS:  # no pure ACK from the client: two packets each side
        if k == 2:
            return 0, PSH | ACK, 1, flow["client_length"], 0
        return 1, ACK, 0, 0, 0
    if k == 2:
        return 0, ACK, 0, 0, 0
    k -= 3
    cut = flow["client_cut"]
    if k == 0:
        first = cut if cut > 0 else flow["client_length"]
        return 0, PSH | ACK, 1, first, 0
    k -= 1
    if cut > 0:
        if k == 0:
            return 0, PSH | ACK, 1, flow["client_length"] - cut, cut
        k -= 1
    if k == 0:
        return 1, ACK, 0, 0, 0
    k -= 1
    done = k * FULL_SEGMENT
    if done < flow["server_length"]:
        return 1, PSH | ACK, 2, min(FULL_SEGMENT, flow["server_length"] - done), done
    k -= (flow["server_length"] + FULL_SEGMENT - 1) // FULL_SEGMENT
    if flow["kind"] == TLS:
        if k == 0:
            return 0, PSH | ACK, 3, 80, 0
        if k == 1:
            return 0, PSH | ACK, 3, 420, 0
        k -= 2
    if k < flow["data_packets"]:
        if k % 3 == 2:
            return 0, ACK, 0, 0, 0
        return 1, ACK, 3, flow["data_bytes"], 0
    k -= flow["data_packets"]
    if k == 1:
        return 1, FIN | ACK, 0, 0, 0
    return 0, (FIN | ACK) if k == 0 else ACK, 0, 0, 0


@kernel
def _udp_step(flow, k):  # type: ignore[no-untyped-def]
    """The k-th packet of a UDP flow: (from the server, source, length, start)."""
    if flow["kind"] != QUIC:
        if k == 0:
            return 0, 1, flow["client_length"], 0
        return 1, 2, flow["server_length"], 0
    cut = flow["client_cut"]  # a datagram's length when the hello takes two
    if cut > 0:
        if k == 0:
            return 0, 1, cut, 0
        if k == 1:
            return 0, 1, flow["client_length"] - cut, cut
        k -= 1
    elif k == 0:
        return 0, 1, flow["client_length"], 0
    if k == 1:
        return 1, 2, flow["server_length"], 0
    if k % 3 == 2:
        return 0, 4, 38, 0
    return 1, 4, min(flow["data_bytes"], 1250), 0


@kernel
def write_frames(flows, order, times, owners, first, last, arena, noise, out):  # type: ignore[no-untyped-def]
    """Write the packets order[first:last] as pcap records; returns (bytes written, wire bytes)."""
    at = np.int64(0)
    wire = np.int64(0)
    for index in range(first, last):
        packet = order[index]
        f = owners[packet]
        flow = flows[f]
        k = flow["next"]
        flows[f]["next"] = k + 1
        kind = flow["kind"]
        is_tcp = kind in (TLS, HTTP, OPEN_TLS)
        flags = 0
        if is_tcp:
            from_server, flags, source, length, start = _tcp_step(flow, k)
        else:
            from_server, source, length, start = _udp_step(flow, k)
        options = 12 if (flags & SYN) != 0 else 0
        transport = (TCP_HEADER + options if is_tcp else UDP_HEADER) + length
        network = IPV6 if flow["ipv6"] else IPV4
        size = ETHERNET + network + transport
        shown = max(size, 60)  # Ethernet pads short frames

        micro = times[packet] // 1000
        at = _put_little(out, at, micro // 1000000)
        at = _put_little(out, at, micro % 1000000)
        at = _put_little(out, at, shown)
        at = _put_little(out, at, shown)
        end = at + shown
        at = _put(out, at, 0x020000000000 + (2 if from_server else 1), 6)
        at = _put(out, at, 0x020000000000 + (1 if from_server else 2), 6)
        at = _put(out, at, 0x86DD if flow["ipv6"] else 0x0800, 2)
        source_hi, source_lo = flow["client_hi"], flow["client_lo"]
        target_hi, target_lo = flow["server_hi"], flow["server_lo"]
        source_port, target_port = flow["client_port"], flow["server_port"]
        if from_server:
            source_hi, source_lo, target_hi, target_lo = target_hi, target_lo, source_hi, source_lo
            source_port, target_port = target_port, source_port
        if flow["ipv6"]:
            at = _put(out, at, 0x60000000, 4)
            at = _put(out, at, transport, 2)
            at = _put(out, at, ((6 if is_tcp else 17) << 8) | 64, 2)
            at = _put(out, at, source_hi, 8)
            at = _put(out, at, source_lo, 8)
            at = _put(out, at, target_hi, 8)
            at = _put(out, at, target_lo, 8)
        else:
            header = at
            at = _put(out, at, 0x45000000 | (IPV4 + transport), 4)
            at = _put(out, at, ((index & 0xFFFF) << 16) | 0x4000, 4)
            at = _put(out, at, ((57 if from_server else 128) << 24) | ((6 if is_tcp else 17) << 16), 4)
            at = _put(out, at, source_lo & np.uint64(0xFFFFFFFF), 4)
            at = _put(out, at, target_lo & np.uint64(0xFFFFFFFF), 4)
            _put(out, header + 10, _checksum(out, header, header + IPV4, np.int64(0)), 2)
        segment = at
        at = _put(out, at, source_port, 2)
        at = _put(out, at, target_port, 2)
        if is_tcp:
            mine, theirs = flow["client_seq"], flow["server_seq"]
            if from_server:
                mine, theirs = theirs, mine
            at = _put(out, at, mine, 4)
            at = _put(out, at, theirs if (flags & ACK) != 0 else np.uint32(0), 4)
            at = _put(out, at, ((TCP_HEADER + options) // 4) << 12 | flags, 2)
            at = _put(out, at, 0xFFFF0000, 4)  # window, checksum
            at = _put(out, at, 0, 2)
            if options:
                at = _put(out, at, 0x020405A0, 4)  # MSS 1440
                at = _put(out, at, 0x0103030801010402, 8)  # window scale, selective ACK
            step = np.uint32(length + (1 if (flags & (SYN | FIN)) != 0 else 0))
            if from_server:
                flows[f]["server_seq"] = mine + step
            else:
                flows[f]["client_seq"] = mine + step
        else:
            at = _put(out, at, transport, 2)
            at = _put(out, at, 0, 2)
        if source == 1:
            here = flow["client_at"] + start
            _copy(out, at, arena, here, length)
        elif source == 2:
            here = flow["server_at"] + start
            _copy(out, at, arena, here, length)
        elif source >= 3 and length > 0:
            here = (np.int64(packet) * 7919) % np.int64(len(noise) - length)
            _copy(out, at, noise, here, length)
            if source == 4:
                out[at] = np.uint8(0x40) | (out[at] & np.uint8(0x3F))  # QUIC short header
            elif kind == TLS:  # a record that the segment fills
                out[at] = 23
                _put(out, at + 1, 0x0303, 2)
                _put(out, at + 3, length - 5, 2)
        at += length
        # The pseudo-header (RFC 9293, RFC 8200 section 8.1): the addresses stand just before the segment.
        pseudo = np.int64(transport + (6 if is_tcp else 17))
        value = _checksum(out, segment - (32 if flow["ipv6"] else 8), at, pseudo)
        if not is_tcp and value == 0:
            value = 0xFFFF
        _put(out, segment + (16 if is_tcp else 6), value, 2)
        while at < end:
            out[at] = 0
            at += 1
        wire += shown
    return at, wire
