"""MD5 (RFC 1321), compiled: JA3 is defined by it, and every hello of a browser that shuffles its
extensions has a JA3 of its own, so it must not cost a call from Python. A fingerprint, no security.
"""

from __future__ import annotations

import math

import numpy as np

from wire.kernel import kernel

_SINES = np.array([int(abs(math.sin(i + 1)) * 2**32) for i in range(64)], np.uint32)
_SHIFTS = np.array(
    [7, 12, 17, 22] * 4 + [5, 9, 14, 20] * 4 + [4, 11, 16, 23] * 4 + [6, 10, 15, 21] * 4, np.uint32
)


@kernel
def _word(message, at):  # type: ignore[no-untyped-def]
    """The 32-bit little-endian number at message[at]."""
    low = np.uint32(message[at]) | (np.uint32(message[at + 1]) << np.uint32(8))
    high = (np.uint32(message[at + 2]) << np.uint32(16)) | (np.uint32(message[at + 3]) << np.uint32(24))
    return low | high


@kernel
def _mix(mixed, a, b, word, i):  # type: ignore[no-untyped-def]
    """One operation of RFC 1321 section 3.4: b + ((a + mixed + word + T[i]) <<< s)."""
    mixed = np.uint32(np.uint32(mixed + a) + np.uint32(_SINES[i] + word))
    shift = _SHIFTS[i]
    return np.uint32(b + np.uint32((mixed << shift) | (mixed >> np.uint32(np.uint32(32) - shift))))


@kernel
def md5(message, length, digest):  # type: ignore[no-untyped-def]
    """Write the MD5 of message[:length] into digest, uint8[16].

    message: uint8[:] with room for 72 more bytes, which are overwritten by the padding.
    """
    blocks = (length + 8) // 64 + 1
    if length < 0 or blocks * 64 > len(message) or len(digest) < 16:
        return  # one look instead of a bounds check at every read below
    message[length] = np.uint8(0x80)
    for i in range(length + 1, blocks * 64):
        message[i] = 0
    bits = np.uint64(length) * np.uint64(8)
    for i in range(8):
        message[blocks * 64 - 8 + i] = np.uint8((bits >> np.uint64(8 * i)) & np.uint64(0xFF))
    a, b = np.uint32(0x67452301), np.uint32(0xEFCDAB89)
    c, d = np.uint32(0x98BADCFE), np.uint32(0x10325476)
    for block in range(blocks):
        at = block * 64
        a0, b0, c0, d0 = a, b, c, d
        for i in range(16):
            mixed = _mix((b & c) | (~b & d), a, b, _word(message, at + 4 * i), i)
            a, b, c, d = d, mixed, b, c
        for i in range(16, 32):
            mixed = _mix((d & b) | (~d & c), a, b, _word(message, at + 4 * ((5 * i + 1) & 15)), i)
            a, b, c, d = d, mixed, b, c
        for i in range(32, 48):
            mixed = _mix(b ^ c ^ d, a, b, _word(message, at + 4 * ((3 * i + 5) & 15)), i)
            a, b, c, d = d, mixed, b, c
        for i in range(48, 64):
            mixed = _mix(c ^ (b | ~d), a, b, _word(message, at + 4 * ((7 * i) & 15)), i)
            a, b, c, d = d, mixed, b, c
        a, b, c, d = np.uint32(a + a0), np.uint32(b + b0), np.uint32(c + c0), np.uint32(d + d0)
    for i in range(4):
        digest[i] = np.uint8((a >> np.uint32(8 * i)) & np.uint32(0xFF))
        digest[4 + i] = np.uint8((b >> np.uint32(8 * i)) & np.uint32(0xFF))
        digest[8 + i] = np.uint8((c >> np.uint32(8 * i)) & np.uint32(0xFF))
        digest[12 + i] = np.uint8((d >> np.uint32(8 * i)) & np.uint32(0xFF))
