"""One block of AES-128, compiled (FIPS 197): QUIC's header protection mask (RFC 9001 section 5.4.3).

Why not `cryptography` here: a mask is one block under a key used once or twice, and there each
key costs a new ECB context, 11 us against 0.3 us compiled, more than the whole AEAD decryption.
The key is no secret (it follows from the connection id in the same packet), so table look-ups leak
nothing, and a wrong mask only makes the AEAD tag fail, which `cryptography` checks.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from wire.kernel import kernel

SCHEDULE_WORDS = 44


def _double(value: int) -> int:
    """Multiplication by x in GF(2^8) (FIPS 197 section 4.2.1)."""
    value <<= 1
    return value ^ 0x11B if value & 0x100 else value


def _sbox() -> NDArray[np.uint8]:
    """FIPS 197 section 5.1.1: the inverse in GF(2^8), then the affine map."""
    powers = [1]
    for _ in range(254):
        powers.append(powers[-1] ^ _double(powers[-1]))  # times 3, a generator
    log = {value: exponent for exponent, value in enumerate(powers)}
    box = np.zeros(256, np.uint8)
    for value in range(256):
        inverse = powers[-log[value] % 255] if value else 0
        turned = inverse
        for bits in range(1, 5):
            turned ^= ((inverse << bits) | (inverse >> (8 - bits))) & 0xFF
        box[value] = turned ^ 0x63
    return box


_SBOX = _sbox()
#: SubBytes and MixColumns of a byte in a column's first row; the other rows are rotations of it.
_COLUMN = np.array(
    [(_double(s) << 24) | (s << 16) | (s << 8) | (_double(s) ^ s) for s in (int(value) for value in _SBOX)],
    np.uint32,
)
_ROUND_CONSTANTS = np.array([1, 2, 4, 8, 16, 32, 64, 128, 0x1B, 0x36], np.uint32)


@kernel
def _word(data, at):  # type: ignore[no-untyped-def]
    return np.uint32(
        (np.uint32(data[at]) << np.uint32(24))
        | (np.uint32(data[at + 1]) << np.uint32(16))
        | (np.uint32(data[at + 2]) << np.uint32(8))
        | np.uint32(data[at + 3])
    )


@kernel
def _byte(word, row):  # type: ignore[no-untyped-def]
    """The byte of a column in `row`, 0 on top."""
    return np.int64((word >> np.uint32(24 - 8 * row)) & np.uint32(0xFF))


@kernel
def _expand(key, start, schedule):  # type: ignore[no-untyped-def]
    """The key schedule (FIPS 197 section 5.2) of key[start : start + 16]."""
    for i in range(4):
        schedule[i] = _word(key, start + 4 * i)
    for i in range(4, SCHEDULE_WORDS):
        word = schedule[i - 1]
        if i & 3 == 0:
            word = np.uint32(
                (np.uint32(_SBOX[_byte(word, 1)]) << np.uint32(24))
                | (np.uint32(_SBOX[_byte(word, 2)]) << np.uint32(16))
                | (np.uint32(_SBOX[_byte(word, 3)]) << np.uint32(8))
                | np.uint32(_SBOX[_byte(word, 0)])
            ) ^ np.uint32(_ROUND_CONSTANTS[(i >> 2) - 1] << np.uint32(24))
        schedule[i] = np.uint32(schedule[i - 4] ^ word)


@kernel
def _mixed(c0, c1, c2, c3, round_key):  # type: ignore[no-untyped-def]
    """SubBytes, ShiftRows, MixColumns and AddRoundKey for the column that starts in c0."""
    x1 = _COLUMN[_byte(c1, 1)]
    x2 = _COLUMN[_byte(c2, 2)]
    x3 = _COLUMN[_byte(c3, 3)]
    return np.uint32(
        _COLUMN[_byte(c0, 0)]
        ^ np.uint32((x1 >> np.uint32(8)) | (x1 << np.uint32(24)))
        ^ np.uint32((x2 >> np.uint32(16)) | (x2 << np.uint32(16)))
        ^ np.uint32((x3 >> np.uint32(24)) | (x3 << np.uint32(8)))
        ^ round_key
    )


@kernel
def _last(c0, c1, c2, c3, round_key):  # type: ignore[no-untyped-def]
    """The last round's column: no MixColumns."""
    return np.uint32(
        (np.uint32(_SBOX[_byte(c0, 0)]) << np.uint32(24))
        | (np.uint32(_SBOX[_byte(c1, 1)]) << np.uint32(16))
        | (np.uint32(_SBOX[_byte(c2, 2)]) << np.uint32(8))
        | np.uint32(_SBOX[_byte(c3, 3)])
    ) ^ np.uint32(round_key)


@kernel
def encrypt_block(key, key_start, data, start, schedule, out):  # type: ignore[no-untyped-def]
    """AES-128 of data[start : start + 16] under key[key_start : key_start + 16].

    `schedule`: uint32[SCHEDULE_WORDS], working memory. `out`: uint32[4], the block's four
    columns, first byte highest.
    """
    _expand(key, key_start, schedule)
    a = np.uint32(_word(data, start) ^ schedule[0])
    b = np.uint32(_word(data, start + 4) ^ schedule[1])
    c = np.uint32(_word(data, start + 8) ^ schedule[2])
    d = np.uint32(_word(data, start + 12) ^ schedule[3])
    for turn in range(1, 10):
        k = 4 * turn
        next_a = _mixed(a, b, c, d, schedule[k])
        next_b = _mixed(b, c, d, a, schedule[k + 1])
        next_c = _mixed(c, d, a, b, schedule[k + 2])
        d = _mixed(d, a, b, c, schedule[k + 3])
        a, b, c = next_a, next_b, next_c
    out[0] = _last(a, b, c, d, schedule[40])
    out[1] = _last(b, c, d, a, schedule[41])
    out[2] = _last(c, d, a, b, schedule[42])
    out[3] = _last(d, a, b, c, schedule[43])
