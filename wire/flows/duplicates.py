"""Copies of a packet that a mirror port delivers more than once.

A mirror of several ports, or of both directions of one, shows a packet where it enters and where it
leaves; routed in between, it has other MAC addresses, another VLAN, a lower TTL and another header
checksum, and perhaps another DSCP. What stays is what the digest takes: of the innermost packet the
addresses, the protocol, the identification, the place of a fragment, the length, the ports, and the
24 bytes after them (sequence and acknowledgement numbers, the checksum over all the payload, where
the transport has them, and what follows).

A retransmission is no copy: an IPv4 sender gives it another identification (RFC 791 section 3.2),
and it comes a round trip later, where a copy comes within the time that a switch needs. Where there
is no identification (IPv6, and IPv4's atomic datagrams of RFC 6864 that have 0), two packets that a
sender really repeats at once look alike (duplicate acknowledgements of RFC 5681): there each packet
is allowed one copy, so that behind a doubling mirror every repetition is still counted. Without a
mirror, one of two such repetitions within the window is taken for a copy: the price, and small.

A packet changed on its way by address translation is another packet.
"""

from __future__ import annotations

import numpy as np

from wire.flows.bytes_be import u64
from wire.flows.mix import mix
from wire.flows.packet import FRAGMENT_NONE
from wire.kernel import kernel

#: Sets of four entries, a cache line each: 8192 packets, 8 ms at a million a second and worker.
_SETS, _WAYS = 2048, 4
#: The ports are at hand already; after them come 24 bytes.
_PORT_BYTES, _SHOWN_BYTES = 4, 24
_S32, _S52, _S53 = np.uint64(32), np.uint64(52), np.uint64(53)
#: Odd constants that make a key of its own for each word.
_K1, _K2, _K3 = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xC2B2AE3D27D4EB4F), np.uint64(0x165667B19E3779F9)
_K4, _K5, _K6 = np.uint64(0xD6E8FEB86659FD93), np.uint64(0xA0761D6478BD642F), np.uint64(0xE7037ED1A0B428DB)
_K7, _K8, _K9 = np.uint64(0x8EBC6AF09C88C6E3), np.uint64(0x589965CC75374CC3), np.uint64(0x1D8E4E27C47D124F)

RECENT = np.dtype([("digest", "u8"), ("timestamp_ns", "i8")])


def recent_packets() -> np.ndarray:
    """No packets: (_SETS * _WAYS,) RECENT."""
    return np.zeros(_SETS * _WAYS, RECENT)


@kernel(inline=True)
def _digest(buffer, packet, secret):  # type: ignore[no-untyped-def]
    """What a copy shares with its packet, never 0.

    A sum of products of keyed words (the NH of UMAC, RFC 4418 section 5.2.2, with wider words):
    one multiplication for two words, and without the key nobody can aim at another's digest.
    """
    about = np.uint64(packet.fragment_id) ^ (np.uint64(packet.fragment_offset) << _S32)
    about ^= np.uint64(packet.protocol) << _S52
    ports = (np.uint64(packet.src_port) << _S32) ^ np.uint64(packet.dst_port)
    value = (packet.src_lo + secret) * (packet.dst_lo + (secret ^ _K1))
    value += (packet.src_hi + (secret ^ _K2)) * (packet.dst_hi + (secret ^ _K3))
    value += (about + (secret ^ _K4)) * (np.uint64(packet.payload_bytes) + (secret ^ _K5))
    at, end = packet.position + _PORT_BYTES, min(packet.end, len(buffer))
    if at >= 0 and at + _SHOWN_BYTES <= end:
        value += (u64(buffer, at) + (secret ^ _K6)) * (u64(buffer, at + 8) + (secret ^ _K7))
        value += (u64(buffer, at + 16) + (secret ^ _K8)) * (ports + (secret ^ _K9))
    else:
        value += ports * (secret ^ _K9)
        for i in range(max(at, 0), end):
            value = mix(value ^ np.uint64(buffer[i]) ^ _K6)
    return mix(value) | np.uint64(1)


@kernel(inline=True)
def is_copy(recent, buffer, packet, timestamp_ns, window_ns, secret):  # type: ignore[no-untyped-def]
    """Whether a decoded packet is a copy of one seen within the window; else it is remembered."""
    digest = _digest(buffer, packet, secret)
    first = np.int64(digest >> _S53) * _WAYS
    for k in range(first, first + _WAYS):
        known = recent[k]
        if known.digest == digest and abs(timestamp_ns - known.timestamp_ns) <= window_ns:
            if packet.fragment_id == 0 and packet.fragment == FRAGMENT_NONE:
                known.digest = np.uint64(0)  # without an identification: one copy
            return True
    for k in range(first + _WAYS - 1, first, -1):
        recent[k].digest = recent[k - 1].digest
        recent[k].timestamp_ns = recent[k - 1].timestamp_ns
    recent[first].digest = digest
    recent[first].timestamp_ns = timestamp_ns
    return False
