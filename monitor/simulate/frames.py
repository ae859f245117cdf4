"""Packets become the bytes of a capture file: Ethernet, IP, TCP, UDP, ICMP and ARP, all checksums right."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from monitor.simulate.conversations import ARP, DNS_ID, ICMP, TCP, TLS_RANDOM, UDP
from monitor.simulate.ipv6 import HEADER, headers
from monitor.simulate.packets import SYN

#: A classic pcap file with nanoseconds, Ethernet.
FILE_HEADER = bytes.fromhex("4d3cb2a1 0200 0400 00000000 00000000 00000400 01000000")
_RECORD, _ETHERNET, _IPV4 = 16, 14, 20
_NETWORK, _TRANSPORT = _RECORD + _ETHERNET, _RECORD + _ETHERNET + _IPV4
_LEAST_FRAME = 60
_GATEWAY = 0xFE
_PRIVATE = 0x0A000000
#: MSS 1460, window scale 8, selective acknowledgements.
_SYN_OPTIONS = bytes.fromhex("020405b4 01030308 01010402")
#: A TLS random stands after record header, handshake header and version.
_RANDOM_AT, _RANDOM_BYTES = 11, 32


def frames(
    packets: NDArray[np.void],
    talks: NDArray[np.void],
    arena: NDArray[np.uint8],
    draw: np.random.Generator,
) -> NDArray[np.uint8]:
    """pcap records of PACKETs, in their order."""
    payload, starts = _payload(packets, talks, arena, draw)
    sums = _sums(payload, starts)
    heads, lengths = _heads(packets, talks, sums)
    kept = packets["kept"].astype(np.int64)
    short = np.maximum(_LEAST_FRAME + _RECORD - lengths - kept, 0)
    sizes = lengths + kept + short
    out = np.zeros(int(sizes.sum()), np.uint8)
    begin = np.cumsum(sizes) - sizes
    for length in np.unique(lengths).tolist():
        at = np.flatnonzero(lengths == length)
        out[begin[at][:, None] + np.arange(length)] = heads[at, :length]
    inside = np.arange(len(payload)) - np.repeat(starts[:-1], kept)
    out[np.repeat(begin + lengths, kept) + inside] = payload
    return out


def _payload(
    packets: NDArray[np.void],
    talks: NDArray[np.void],
    arena: NDArray[np.uint8],
    draw: np.random.Generator,
) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """All captured payload bytes one after another, and where each packet's begin."""
    kept = packets["kept"].astype(np.int64)
    starts = np.concatenate([[0], np.cumsum(kept)])
    source = np.repeat(packets["source"], kept)
    inside = np.arange(int(starts[-1])) - np.repeat(starts[:-1], kept)
    payload = np.where(source >= 0, arena[np.where(source >= 0, source + inside, 0)], 0).astype(np.uint8)
    fresh = talks["fresh"][packets["talk"]]
    hello = np.flatnonzero((fresh == TLS_RANDOM) & (packets["first"] == 1) & (kept > 48))
    at = starts[hello] + _RANDOM_AT
    payload[at[:, None] + np.arange(_RANDOM_BYTES)] = draw.integers(
        0, 256, (len(hello), _RANDOM_BYTES), np.uint8
    )
    # A DNS id is the conversation's: the answer brings it back.
    dns = np.flatnonzero((fresh == DNS_ID) & (kept >= 12))
    number = (talks["start_ns"][packets["talk"][dns]] // 1_000 * 40_503) & 0xFFFF
    payload[starts[dns]], payload[starts[dns] + 1] = number >> 8, number & 0xFF
    return payload, starts


def _sums(payload: NDArray[np.uint8], starts: NDArray[np.int64]) -> NDArray[np.int64]:
    """Sum of each packet's payload as 16-bit words; what was cut off is zeros and adds nothing."""
    inside = np.arange(len(payload)) - np.repeat(starts[:-1], np.diff(starts))
    words = payload.astype(np.int64) << np.where(inside % 2 == 0, 8, 0)
    total = np.concatenate([[0], np.cumsum(words)])
    return np.asarray(total[starts[1:]] - total[starts[:-1]], np.int64)


def _heads(
    packets: NDArray[np.void], talks: NDArray[np.void], sums: NDArray[np.int64]
) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Record header, Ethernet, IPv4 and transport headers, uint8[n, 82]; and how long each is."""
    talk = talks[packets["talk"]]
    server = packets["from_server"] == 1
    protocol = talk["protocol"]
    options = (protocol == TCP) & ((packets["flags"] & SYN) != 0)
    transport = np.select([protocol == TCP, protocol == ARP], [20, 8], 8) + 12 * options
    lengths = _TRANSPORT + transport
    heads = np.zeros((len(packets), _TRANSPORT + 32), np.uint8)
    wire = lengths - _RECORD + packets["payload"]
    time = packets["time_ns"]
    shown = np.maximum(lengths - _RECORD + packets["kept"], _LEAST_FRAME)
    for place, value in (
        (0, time // 1_000_000_000),
        (4, time % 1_000_000_000),
        (8, shown),
        (12, np.maximum(wire, _LEAST_FRAME)),
    ):
        _little(heads, place, value)
    sender = np.where(server, talk["server"], talk["client"]).astype(np.int64)
    receiver = np.where(server, talk["client"], talk["server"]).astype(np.int64)
    _put(heads, _RECORD, _hardware(receiver), 6)
    _put(heads, _RECORD + 6, _hardware(sender), 6)
    _put(heads, _RECORD + 12, np.where(protocol == ARP, 0x0806, 0x0800), 2)
    _ipv4(heads, wire - _ETHERNET, protocol, sender, receiver, server, packets)
    _ports(heads, talk, server)
    _tcp(heads, packets, protocol == TCP, options)
    udp = np.flatnonzero(protocol == UDP)
    _put(heads, _TRANSPORT + 4, 8 + packets["payload"][udp].astype(np.int64), 2, udp)
    echo = np.flatnonzero(protocol == ICMP)
    _put(heads, _TRANSPORT, np.where(server[echo], 0, 0x0800), 2, echo)
    _put(heads, _TRANSPORT + 4, talk["client_port"][echo].astype(np.int64), 2, echo)
    _put(heads, _TRANSPORT + 6, packets["seq"][echo].astype(np.int64), 2, echo)
    _check(heads, packets, protocol, transport, sums)
    _arp(heads, np.flatnonzero(protocol == ARP), sender, receiver)
    longer = np.flatnonzero(talk["v6"] == 1)
    return _with_ipv6(heads, lengths, longer, packets[longer], protocol[longer], sums[longer])


def _with_ipv6(
    heads: NDArray[np.uint8],
    lengths: NDArray[np.int64],
    at: NDArray[np.int64],
    packets: NDArray[np.void],
    protocol: NDArray[np.uint8],
    sums: NDArray[np.int64],
) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """The same, with IPv6 headers for the rows `at`, to which the other arrays belong."""
    if len(at) == 0:
        return heads, lengths
    more = HEADER - _IPV4
    wide = np.zeros((len(heads), heads.shape[1] + more), np.uint8)
    wide[:, : heads.shape[1]] = heads
    transport = heads[at, _TRANSPORT:]
    check = np.where(protocol == TCP, 16, 6)
    row = np.arange(len(at))
    transport[row, check] = transport[row, check + 1] = 0
    payload = lengths[at] - _TRANSPORT + packets["payload"]
    ends = heads[at, _NETWORK + 12 : _TRANSPORT]
    network = headers(protocol, packets["from_server"] == 1, payload, ends[:, :4], ends[:, 4:])
    # RFC 8200 section 8.1: the pseudo-header's addresses, length and protocol
    value = _folded(_words(transport) + sums + _words(network[:, 8:]) + payload + protocol)
    value = np.where((protocol == UDP) & (value == 0), 0xFFFF, value)
    transport[row, check], transport[row, check + 1] = value >> 8, value & 0xFF
    wide[at, _RECORD + 12 : _RECORD + 14] = 0x86, 0xDD
    wide[at, _NETWORK : _NETWORK + HEADER] = network
    wide[at, _NETWORK + HEADER :] = transport
    lengths = lengths.copy()
    lengths[at] += more
    frame = lengths[at] - _RECORD
    for place, size in ((8, packets["kept"]), (12, packets["payload"])):
        shown = np.zeros((len(at), 16), np.uint8)
        _little(shown, place, np.maximum(frame + size, _LEAST_FRAME))
        wide[at, place : place + 4] = shown[:, place : place + 4]
    return wide, lengths


def _ipv4(
    heads: NDArray[np.uint8],
    total: NDArray[np.int64],
    protocol: NDArray[np.uint8],
    sender: NDArray[np.int64],
    receiver: NDArray[np.int64],
    server: NDArray[np.bool_],
    packets: NDArray[np.void],
) -> None:
    _put(heads, _NETWORK, 0x45000000 + total, 4)
    _put(heads, _NETWORK + 4, (packets["time_ns"] // 1_000 & 0xFFFF) << 16 | 0x4000, 4)
    _put(heads, _NETWORK + 8, (np.where(server, 57, 64) << 8) | protocol, 2)
    _put(heads, _NETWORK + 12, sender, 4)
    _put(heads, _NETWORK + 16, receiver, 4)
    _put(heads, _NETWORK + 10, _folded(_words(heads[:, _NETWORK:_TRANSPORT])), 2)


def _ports(heads: NDArray[np.uint8], talk: NDArray[np.void], server: NDArray[np.bool_]) -> None:
    at = np.flatnonzero((talk["protocol"] == TCP) | (talk["protocol"] == UDP))
    mine, theirs = talk["client_port"].astype(np.int64), talk["server_port"].astype(np.int64)
    _put(heads, _TRANSPORT, np.where(server, theirs, mine)[at], 2, at)
    _put(heads, _TRANSPORT + 2, np.where(server, mine, theirs)[at], 2, at)


def _tcp(
    heads: NDArray[np.uint8],
    packets: NDArray[np.void],
    tcp: NDArray[np.bool_],
    options: NDArray[np.bool_],
) -> None:
    at = np.flatnonzero(tcp)
    _put(heads, _TRANSPORT + 4, packets["seq"][at].astype(np.int64), 4, at)
    _put(heads, _TRANSPORT + 8, packets["ack"][at].astype(np.int64), 4, at)
    _put(heads, _TRANSPORT + 12, ((5 + 3 * options[at]) << 12) | packets["flags"][at], 2, at)
    _put(heads, _TRANSPORT + 14, np.full(len(at), 0xFA00), 2, at)
    heads[np.flatnonzero(options)[:, None], _TRANSPORT + 20 + np.arange(12)] = np.frombuffer(
        _SYN_OPTIONS, np.uint8
    )


def _check(
    heads: NDArray[np.uint8],
    packets: NDArray[np.void],
    protocol: NDArray[np.uint8],
    transport: NDArray[np.int64],
    sums: NDArray[np.int64],
) -> None:
    """Transport checksums: pseudo-header, header, payload (RFC 9293 section 3.1, RFC 768, RFC 792)."""
    words = _words(heads[:, _TRANSPORT:])
    pseudo = _words(heads[:, _NETWORK + 12 : _NETWORK + 20]) + protocol + transport + packets["payload"]
    total = words + sums + np.where(protocol == ICMP, 0, pseudo)
    value = _folded(total)
    value = np.where((protocol == UDP) & (value == 0), 0xFFFF, value)
    for number, place in ((TCP, 16), (UDP, 6), (ICMP, 2)):
        at = np.flatnonzero(protocol == number)
        _put(heads, _TRANSPORT + place, value[at], 2, at)


def _arp(
    heads: NDArray[np.uint8], at: NDArray[np.int64], sender: NDArray[np.int64], receiver: NDArray[np.int64]
) -> None:
    """Who has `receiver`? Tell `sender` (RFC 826)."""
    if len(at) == 0:
        return
    heads[at, _NETWORK:] = 0
    heads[at, _RECORD : _RECORD + 6] = 0xFF
    heads[at, _NETWORK : _NETWORK + 8] = np.frombuffer(bytes.fromhex("0001 0800 06 04 0001"), np.uint8)
    _put(heads, _NETWORK + 8, _hardware(sender[at]), 6, at)
    _put(heads, _NETWORK + 14, sender[at], 4, at)
    _put(heads, _NETWORK + 24, receiver[at], 4, at)


def _hardware(address: NDArray[np.int64]) -> NDArray[np.int64]:
    """A locally administered MAC: the device's own within the campus, else the gateway's."""
    inside = (address >> 24) == (_PRIVATE >> 24)
    return np.where(inside, 0x0200_0000_0000 | address, 0x0200_0000_0000 | _GATEWAY)


def _words(block: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Sum of a row's 16-bit words."""
    high, low = block[:, ::2].astype(np.int64).sum(axis=1), block[:, 1::2].astype(np.int64).sum(axis=1)
    return np.asarray((high << 8) + low, np.int64)


def _folded(total: NDArray[np.int64]) -> NDArray[np.int64]:
    """The internet checksum of a sum of words (RFC 1071)."""
    for _ in range(3):
        total = (total & 0xFFFF) + (total >> 16)
    return 0xFFFF - total


def _put(
    heads: NDArray[np.uint8],
    place: int,
    value: NDArray[np.int64],
    count: int,
    at: NDArray[np.int64] | None = None,
) -> None:
    """Write `count` bytes of each value in network order, into the rows `at`."""
    for byte in range(count):
        column = (np.asarray(value, np.int64) >> (8 * (count - 1 - byte))) & 0xFF
        if at is None:
            heads[:, place + byte] = column
        else:
            heads[at, place + byte] = column


def _little(heads: NDArray[np.uint8], place: int, value: NDArray[np.int64]) -> None:
    for byte in range(4):
        heads[:, place + byte] = (np.asarray(value, np.int64) >> (8 * byte)) & 0xFF
