"""SHA-256 and HMAC over words, compiled (FIPS 180-4, RFC 2104).

Only for QUIC's Initial keys, which are no secret: anyone who sees the packet derives them from
its connection id (RFC 9001 section 5.2), so there is no secret here that timing could leak, and
a wrong digest can only make the AEAD tag fail, which `cryptography` checks. An Initial takes five HMACs; with
`hmac.digest` they cost 22 us, more than four times the decryption itself; compiled, 11 us, and no
interpreter lock is held.
"""

from __future__ import annotations

from math import isqrt
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from wire.kernel import kernel

DIGEST_WORDS, BLOCK_WORDS = 8, 16
#: The longest message of one block: less the padding bit and the length (bytes).
MESSAGE_MAX = 55


def _primes(count: int) -> list[int]:
    found: list[int] = []
    candidate = 2
    while len(found) < count:
        if all(candidate % prime for prime in found):
            found.append(candidate)
        candidate += 1
    return found


def _cube_root(value: int) -> int:
    root: int = round(float(value) ** (1 / 3))
    while root**3 > value:
        root -= 1
    while (root + 1) ** 3 <= value:
        root += 1
    return root


#: FIPS 180-4 sections 4.2.2 and 5.3.3: 32 fraction bits of the primes' cube and square roots.
_K = np.array([_cube_root(p << 96) & 0xFFFFFFFF for p in _primes(64)], np.uint32)
_START = np.array([isqrt(p << 64) & 0xFFFFFFFF for p in _primes(8)], np.uint32)


class HashWork(NamedTuple):
    """Working memory of the kernels here; one per thread."""

    schedule: NDArray[np.uint32]  # 64; the block to take stands in the first 16
    state: NDArray[np.uint32]  # 8
    pads: NDArray[np.uint32]  # 16: the states after HMAC's inner and outer pad
    block: NDArray[np.uint32]  # 16: for a caller's message
    secret: NDArray[np.uint32]  # 8


def hash_work() -> HashWork:
    """Fresh working memory."""
    return HashWork(*(np.zeros(words, np.uint32) for words in (64, 8, 16, 16, 8)))


def second_block(message: bytes) -> NDArray[np.uint32]:
    """The padded last block of a hash over one whole block and `message` (FIPS 180-4 section 5.1.1).

    That is HMAC's inner hash of a message of at most MESSAGE_MAX bytes. Raises ValueError when longer.
    """
    if len(message) > MESSAGE_MAX:
        raise ValueError(len(message))
    bits = (4 * BLOCK_WORDS + len(message)) * 8
    padded = (message + b"\x80").ljust(4 * BLOCK_WORDS - 8, b"\0") + bits.to_bytes(8, "big")
    return np.frombuffer(padded, ">u4").astype(np.uint32)


@kernel
def _rotate(value, bits):  # type: ignore[no-untyped-def]
    return np.uint32((value >> np.uint32(bits)) | (value << np.uint32(32 - bits)))


@kernel
def _compress(work):  # type: ignore[no-untyped-def]
    """Take the block in `work.schedule[:16]` into `work.state` (FIPS 180-4 section 6.2.2)."""
    w, state = work.schedule, work.state
    if len(w) < 64 or len(state) < DIGEST_WORDS or len(_K) < 64:
        return  # one look instead of a bounds check at every read below
    for t in range(16, 64):
        x = w[t - 15]
        y = w[t - 2]
        small0 = _rotate(x, 7) ^ _rotate(x, 18) ^ np.uint32(x >> np.uint32(3))
        small1 = _rotate(y, 17) ^ _rotate(y, 19) ^ np.uint32(y >> np.uint32(10))
        w[t] = np.uint32(small1 + w[t - 7] + small0 + w[t - 16])
    a, b, c, d = state[0], state[1], state[2], state[3]
    e, f, g, h = state[4], state[5], state[6], state[7]
    for t in range(64):
        big1 = _rotate(e, 6) ^ _rotate(e, 11) ^ _rotate(e, 25)
        choose = g ^ (e & (f ^ g))
        t1 = np.uint32(h + big1 + choose + _K[t] + w[t])
        big0 = _rotate(a, 2) ^ _rotate(a, 13) ^ _rotate(a, 22)
        majority = (a & b) | (c & (a | b))
        h, g, f, e = g, f, e, np.uint32(d + t1)
        d, c, b, a = c, b, a, np.uint32(t1 + big0 + majority)
    state[0] = np.uint32(state[0] + a)
    state[1] = np.uint32(state[1] + b)
    state[2] = np.uint32(state[2] + c)
    state[3] = np.uint32(state[3] + d)
    state[4] = np.uint32(state[4] + e)
    state[5] = np.uint32(state[5] + f)
    state[6] = np.uint32(state[6] + g)
    state[7] = np.uint32(state[7] + h)


@kernel
def hmac_key(work, key, start, count):  # type: ignore[no-untyped-def]
    """Prepare `work.pads` for the key of words key[start : start + count], at most a block."""
    schedule, state, pads = work.schedule, work.state, work.pads
    for side in range(2):
        pad = np.uint32(0x36363636) if side == 0 else np.uint32(0x5C5C5C5C)
        for i in range(count):
            schedule[i] = key[start + i] ^ pad
        for i in range(count, BLOCK_WORDS):
            schedule[i] = pad
        for i in range(DIGEST_WORDS):
            state[i] = _START[i]
        _compress(work)
        for i in range(DIGEST_WORDS):
            pads[DIGEST_WORDS * side + i] = state[i]


@kernel
def hmac_of(work, block, start):  # type: ignore[no-untyped-def]
    """Leave in `work.state` the HMAC of a message under `hmac_key`'s key.

    The message stands padded, as `second_block` makes it, in the words block[start : start + 16].
    """
    schedule, state, pads = work.schedule, work.state, work.pads
    for i in range(BLOCK_WORDS):
        schedule[i] = block[start + i]
    for i in range(DIGEST_WORDS):
        state[i] = pads[i]
    _compress(work)
    for i in range(DIGEST_WORDS):
        schedule[i] = state[i]
        schedule[DIGEST_WORDS + i] = np.uint32(0)
        state[i] = pads[DIGEST_WORDS + i]
    schedule[DIGEST_WORDS] = np.uint32(0x80000000)
    schedule[BLOCK_WORDS - 1] = np.uint32((BLOCK_WORDS + DIGEST_WORDS) * 32)
    _compress(work)


@kernel
def hmac_key_of_digest(work):  # type: ignore[no-untyped-def]
    """Make the digest in `work.state` the key."""
    for i in range(DIGEST_WORDS):
        work.secret[i] = work.state[i]
    hmac_key(work, work.secret, 0, DIGEST_WORDS)
