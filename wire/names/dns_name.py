"""A domain name as it stands in a DNS message: labels, and pointers to earlier labels.

    read_name(buffer, base, at, end, text) -> (status, next, length, is_host)
    hash_name(buffer, base, at, end)       -> (status, next, hash)

`base` is where the message starts, `end` where it ends, `at` where the name starts, `next` the
first byte after it. A pointer must lead to before the name (or the run of labels) that holds it
(RFC 1035 section 4.1.4: "a prior occurrence"), so every walk ends.
"""

from __future__ import annotations

import numpy as np

from wire.kernel import kernel

#: What a reader of DNS says. CUT: the message ends early, and what stood before it was read.
#: NEED_MORE: only from streams. All others from BAD_POINTER on mean that a resolver refuses it.
DNS_OK, DNS_SHORT, DNS_CUT, DNS_NEED_MORE = 0, 1, 2, 3
DNS_BAD_POINTER, DNS_BAD_LABEL, DNS_NAME_TOO_LONG, DNS_BAD_RDATA, DNS_BAD_OPCODE = 4, 5, 6, 7, 8
DNS_STATUS_NAMES = (
    "ok", "short", "cut", "need_more",
    "bad_pointer", "bad_label", "name_too_long", "bad_rdata", "bad_opcode",
)  # fmt: skip

HEADER_BYTES = 12
#: RFC 1035 section 2.3.4: 255 octets, of which the root label takes the last.
MAX_NAME_OCTETS = 254
#: Room for the longest presentation form: every octet written as \DDD.
TEXT_BYTES = 1024
MAX_HOST_NAME = 253

#: The lower-cased byte of each byte that host names have, 0 of every other.
_HOST_BYTES = np.zeros(256, np.uint8)
for _byte in b"abcdefghijklmnopqrstuvwxyz0123456789-_":
    _HOST_BYTES[_byte] = _byte
    _HOST_BYTES[ord(chr(_byte).upper())] = _byte

_FNV_OFFSET = np.uint64(0xCBF29CE484222325)
_FNV_PRIME = np.uint64(0x100000001B3)


@kernel
def step(buffer, base, at, end, limit):  # type: ignore[no-untyped-def]
    """Look at one label or pointer. Returns (status, octets of the label, target of the pointer).

    octets 0 with target -1 is the root, the end of the name. A pointer must lead below `limit`.
    """
    if at < 0 or at >= end:
        return DNS_CUT, 0, -1
    first = np.int64(buffer[at])
    if first < 64:
        if at + 1 + first > end:
            return DNS_CUT, 0, -1
        return DNS_OK, first, -1
    if first < 192:  # 0x40 and 0x80: withdrawn or never given out (RFC 6891 section 5)
        return DNS_BAD_LABEL, 0, -1
    if at + 2 > end:
        return DNS_CUT, 0, -1
    target = base + ((first & 0x3F) << 8 | np.int64(buffer[at + 1]))
    if target >= limit or target < base + HEADER_BYTES:
        return DNS_BAD_POINTER, 0, -1
    return DNS_OK, 0, target


@kernel
def hash_name(buffer, base, at, end):  # type: ignore[no-untyped-def]
    """Walk a name and hash it without regard to case. Returns (status, next, hash uint64).

    Equal names have equal hashes; two names of one message that collide could only be made so
    by who answers, and he may say what he likes about the name anyway.
    """
    value = _FNV_OFFSET
    following = np.int64(-1)
    limit = at
    octets = 0
    while True:
        status, length, target = step(buffer, base, at, end, limit)
        if status != DNS_OK:
            return status, np.int64(-1), value
        if target >= 0:
            if following < 0:
                following = np.int64(at + 2)
            at = target
            limit = target
            continue
        if length == 0:
            if following < 0:
                following = np.int64(at + 1)
            return DNS_OK, following, value
        octets += length + 1
        if octets > MAX_NAME_OCTETS:
            return DNS_NAME_TOO_LONG, np.int64(-1), value
        value = (value ^ np.uint64(length)) * _FNV_PRIME
        for i in range(at + 1, at + 1 + length):
            byte = np.uint64(buffer[i])
            if np.uint64(65) <= byte <= np.uint64(90):
                byte |= np.uint64(32)
            value = (value ^ byte) * _FNV_PRIME
        at += length + 1


@kernel
def _put_strange_byte(text, length, byte):  # type: ignore[no-untyped-def]
    """Write an octet that no host name has into text[length:]; the new length.

    What is not printable, the dot and the backslash become \\DDD (RFC 4343 section 2.1).
    """
    if 33 <= byte <= 126 and byte != 46 and byte != 92:
        text[length] = byte
        return length + 1
    text[length] = 92
    text[length + 1] = 48 + byte // 100
    text[length + 2] = 48 + byte // 10 % 10
    text[length + 3] = 48 + byte % 10
    return length + 4


@kernel
def read_name(buffer, base, at, end, text):  # type: ignore[no-untyped-def]
    """Write a name's presentation form into `text` (uint8, TEXT_BYTES).

    Returns (status, next, length in `text`, is_host). No trailing dot; the root is ".".
    is_host 1: every byte is one that host names have, there are at most 253 of them, and the last
    label is no number, as it is in an IPv4 literal.
    """
    following = np.int64(-1)
    limit = at
    octets = 0
    length = 0
    is_host = 1
    number = 1
    while True:
        status, label, target = step(buffer, base, at, end, limit)
        if status != DNS_OK:
            return status, np.int64(-1), length, 0
        if target >= 0:
            if following < 0:
                following = np.int64(at + 2)
            at = target
            limit = target
            continue
        if label == 0:
            break
        octets += label + 1
        if octets > MAX_NAME_OCTETS or length + 4 * label + 1 > len(text):
            return DNS_NAME_TOO_LONG, np.int64(-1), length, 0
        if length > 0:
            text[length] = 46
            length += 1
        number = 1
        for i in range(at + 1, at + 1 + label):
            byte = np.int64(buffer[i])
            if byte < 48 or byte > 57:
                number = 0
            folded = _HOST_BYTES[byte]
            if folded != 0:
                text[length] = folded
                length += 1
            else:
                is_host = 0
                length = _put_strange_byte(text, length, byte)
        at += label + 1
    if following < 0:
        following = np.int64(at + 1)
    if length == 0:
        text[0] = 46
        return DNS_OK, following, 1, 0
    if length > MAX_HOST_NAME or number == 1:
        is_host = 0
    return DNS_OK, following, length, is_host
