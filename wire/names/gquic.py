"""Google's QUIC before the IETF's: the CHLO message and the packets that carry it in clear.

Sources: "QUIC Wire Layout Specification" and "QUIC Crypto" (Langley, Chang), as far as versions
Q024 to Q046 go; they were never RFCs. Up to Q043 a packet opens with the public header

    flags(1)  connection id(8)  version "Q0.."(4)  packet number(1, 2, 4 or 6)  hash(12)

and Q046 with the long header later standardised, its two connection id lengths in one byte:

    flags(1)  "Q046"(4)  lengths(1)  connection ids  packet number(1 to 4)  hash(12)

Then come frames; the CHLO opens stream 1. From Q050 on Initials are encrypted (see quic_crypto).
"""

from __future__ import annotations

import numpy as np

from wire.kernel import kernel

#: What `read_chlo` returns.
CHLO_WHOLE, CHLO_NEEDS_MORE, CHLO_OTHER = 0, 1, 2
#: Positions in `read_chlo`'s `out`; start == end for a tag that is absent.
CHLO_SNI_START, CHLO_SNI_END, CHLO_AGENT_START, CHLO_AGENT_END, CHLO_FIELDS = 0, 1, 2, 3, 4

_HASH_BYTES = 12
_PUBLIC_VERSION, _PUBLIC_ID, _PUBLIC_MULTIPATH, _LONG = 0x01, 0x08, 0x40, 0x80
_CHLO = 0x43484C4F
_SNI, _UAID = 0x534E4900, 0x55414944
_FIRST_WITHOUT_PRIVATE_FLAGS, _FIRST_BIG_ENDIAN, _LAST_PUBLIC, _LAST_LONG = 34, 39, 43, 46
#: More tags than a CHLO ever had; a table that says more is no CHLO.
_MAX_TAGS = 128


@kernel
def _word(data, at):  # type: ignore[no-untyped-def]
    value = np.int64(0)
    for i in range(4):
        value = (value << np.int64(8)) | np.int64(data[at + i])
    return value


@kernel
def _word_little(data, at):  # type: ignore[no-untyped-def]
    value = np.int64(0)
    for i in range(4):
        value |= np.int64(data[at + i]) << np.int64(8 * i)
    return value


@kernel
def version_number(version):  # type: ignore[no-untyped-def]
    """43 for "Q043" and so on, -1 for what is no such version."""
    tens = ((version >> 8) & 0xFF) - 0x30
    ones = (version & 0xFF) - 0x30
    if version >> 16 != 0x5130 or tens < 0 or tens > 9 or ones < 0 or ones > 9:
        return -1
    return 10 * tens + ones


@kernel
def clear_version(data, start, end):  # type: ignore[no-untyped-def]
    """The version of a gQUIC packet whose frames are in clear (Q024 to Q046), -1 for any other."""
    if start < 0 or end > len(data) or end - start < 13:
        return -1
    flags = np.int64(data[start])
    if flags & _LONG != 0:
        version = _word(data, start + 1)
        number = version_number(version)
        return version if _LAST_PUBLIC < number <= _LAST_LONG else -1
    if flags & _PUBLIC_MULTIPATH != 0 or flags & _PUBLIC_VERSION == 0 or flags & _PUBLIC_ID == 0:
        return -1
    version = _word(data, start + 9)
    number = version_number(version)
    return version if 24 <= number <= _LAST_PUBLIC else -1


@kernel
def _frames_start(data, start, end, number):  # type: ignore[no-untyped-def]
    """Where the frames of a clear packet start, -1 when the packet is too short."""
    flags = np.int64(data[start])
    if flags & _LONG != 0:
        lengths = np.int64(data[start + 5])
        at = start + 6
        for nibble in (lengths >> 4, lengths & 0x0F):
            at += nibble + 3 if nibble != 0 else 0
        at += (flags & 3) + 1 if number >= _LAST_LONG else 4
    else:
        size = (flags >> 4) & 3
        at = start + 13 + (1 if size == 0 else 2 * size)
    at += _HASH_BYTES + (1 if number < _FIRST_WITHOUT_PRIVATE_FLAGS else 0)
    return at if at < end else -1


@kernel
def _number_bytes(code):  # type: ignore[no-untyped-def]
    return 1 if code == 0 else 2 * code


@kernel
def skip_ack(data, at, end):  # type: ignore[no-untyped-def]
    """Where the gQUIC ACK frame at `at` (type 01ntllmm, Q034 on) ends, -1 when it passes `end`."""
    kind = np.int64(data[at])
    block = _number_bytes(kind & 3)
    at += 1 + _number_bytes((kind >> 2) & 3) + 2
    blocks = np.int64(0)
    if kind & 0x20 != 0:
        if at >= end:
            return -1
        blocks = np.int64(data[at])
        at += 1
    at += block + blocks * (1 + block)
    if at >= end:
        return -1
    stamps = np.int64(data[at])
    at += 1 + (0 if stamps == 0 else 5 + 3 * (stamps - 1))
    return at if at <= end else -1


@kernel
def find_chlo(data, start, end, version, out):  # type: ignore[no-untyped-def]
    """Find stream 1's first bytes in a clear packet; out[0:2] is where they start and end.

    Returns whether they were found. `version` from `clear_version`.
    """
    number = version_number(version)
    at = _frames_start(data, start, end, number)
    while 0 <= at < end:
        kind = np.int64(data[at])
        if kind & 0x80 != 0:
            offset_code = (kind >> 2) & 7
            at += 1
            id_bytes = (kind & 3) + 1
            has_length = kind & 0x20 != 0
            size_at = at + id_bytes + (offset_code + 1 if offset_code > 0 else 0)
            body = size_at + (2 if has_length else 0)
            if body > end:
                return False
            first_id_byte = data[at + id_bytes - 1] if number >= _FIRST_BIG_ENDIAN else data[at]
            stop = end
            if has_length:
                high, low = np.int64(data[size_at]), np.int64(data[size_at + 1])
                if number < _FIRST_BIG_ENDIAN:
                    high, low = low, high
                stop = body + ((high << 8) | low)
            if stop > end:
                return False
            if first_id_byte == 1 and offset_code == 0:
                out[0] = body
                out[1] = stop
                return True
            at = stop
        elif kind & 0x40 != 0:
            at = skip_ack(data, at, end)
        elif kind == 0 or kind == 7:
            at += 1
        elif kind == 6:
            at += 2
        else:
            return False
    return False


@kernel
def read_chlo(data, start, end, out):  # type: ignore[no-untyped-def]
    """Read the tags of the CHLO in data[start:end] into `out`, int64[CHLO_FIELDS]; returns CHLO_*.

    "CHLO"  tag count(2, little-endian)  0(2)  count * [tag(4)  end offset(4, little-endian)]  values
    """
    for i in range(CHLO_FIELDS):
        out[i] = start
    if start < 0 or end > len(data):
        return CHLO_OTHER
    if end - start < 8:
        return CHLO_NEEDS_MORE
    if _word(data, start) != _CHLO:
        return CHLO_OTHER
    tags = np.int64(data[start + 4]) | (np.int64(data[start + 5]) << np.int64(8))
    if tags == 0 or tags > _MAX_TAGS:
        return CHLO_OTHER
    values = start + 8 + 8 * tags
    if values > end:
        return CHLO_NEEDS_MORE
    before = np.int64(0)
    for i in range(tags):
        tag = _word(data, start + 8 + 8 * i)
        after = _word_little(data, start + 12 + 8 * i)
        if after < before:
            return CHLO_OTHER
        if after > end - values:
            return CHLO_NEEDS_MORE
        if tag == _SNI:
            out[CHLO_SNI_START] = values + before
            out[CHLO_SNI_END] = values + after
        elif tag == _UAID:
            out[CHLO_AGENT_START] = values + before
            out[CHLO_AGENT_END] = values + after
        before = after
    return CHLO_WHOLE
