"""QUIC versions and the keys of their Initial packets (RFC 9001 section 5.2, RFC 9369 section 3).

    initial_secret = HKDF-Extract(salt of the version, client's first Destination Connection ID)
    client_secret  = HKDF-Expand-Label(initial_secret, "client in", "", 32)
    key, iv, hp    = HKDF-Expand-Label(client_secret, "quic key" | "quic iv" | "quic hp", "", 16 | 12 | 16)

A version is described by four small numbers, its profile: which salt, which labels, which bits of
the first byte mean Initial and Retry, and how frames and hello are written.

The packets themselves are decrypted, and their tags verified, by `cryptography`. Key derivation and
the one-block header mask are compiled (see quic_sha256 and quic_aes for why).
"""

from __future__ import annotations

import numpy as np
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from numpy.typing import NDArray

from wire.kernel import kernel
from wire.names.quic_aes import encrypt_block
from wire.names.quic_sha256 import BLOCK_WORDS, hmac_key, hmac_key_of_digest, hmac_of, second_block

KEY_BYTES, IV_BYTES, TAG_BYTES, SAMPLE_BYTES = 16, 12, 16, 16
#: A packet's keys as they lie in a flat array: key, iv, header protection key.
IV_AT, HP_AT, KEYS_BYTES = 16, 28, 44
CONNECTION_ID_MAX = 20

_SALTS = (
    "7fbcdb0e7c66bbe9193a96cd21519ebd7a02644a",  # draft 22
    "c3eef712c72ebb5a11a7d2432bb46365bef9f502",  # drafts 23 to 28
    "afbfec289993d24c9e9786f19c6111e04390a899",  # drafts 29 to 32
    "38762cf7f55934b34d179ae6a4c80cadccbb7f0a",  # drafts 33 and 34, version 1
    "0dede3def700a6db819381be6e269dcbf9bd2ed9",  # version 2
    "504574efd066fe2f9d945cfcdbd3a7f0d3b56b45",  # Q050
    "7ff579e5acd072915580304c43a2367c60488310",  # T050
    "7a4edef4e7ccee5fa4506c19124fc8ccda6e033d",  # T051
)
SALT_22, SALT_23, SALT_29, SALT_V1, SALT_V2, SALT_Q050, SALT_T050, SALT_T051 = range(len(_SALTS))
_SALT_WORD_COUNT = 5
_SALT_WORDS = np.frombuffer(bytes.fromhex("".join(_SALTS)), ">u4").astype(np.uint32)

#: How frames and hello are written in an Initial's payload.
IETF_TLS, GOOGLE_TLS, GOOGLE_CHLO = 0, 1, 2
UNKNOWN_VERSION = -1

VERSION_1, VERSION_2 = 1, 0x6B3343CF
_Q050, _T050, _T051 = 0x51303530, 0x54303530, 0x54303531


@kernel
def salt_of(version):  # type: ignore[no-untyped-def]
    """Which of the salts a version's Initials are keyed with; UNKNOWN_VERSION for any other.

    mvfst is Meta's QUIC: 0xfaceb001 kept the salt of draft 22, 0xfaceb003 is version 1 under
    another number, the rest kept the salt of draft 23.
    """
    if version == VERSION_1:
        return SALT_V1
    if version == VERSION_2:
        return SALT_V2
    if (version >> 8) == 0xFF0000:
        draft = version & 0xFF
        if draft == 22:
            return SALT_22
        if 23 <= draft <= 28:
            return SALT_23
        if 29 <= draft <= 32:
            return SALT_29
        if 33 <= draft <= 34:
            return SALT_V1
        return UNKNOWN_VERSION
    if (version >> 8) == 0xFACEB0:
        if version == 0xFACEB001:
            return SALT_22
        if version == 0xFACEB003:
            return SALT_V1
        return SALT_23
    if version == _Q050:
        return SALT_Q050
    if version == _T050:
        return SALT_T050
    if version == _T051:
        return SALT_T051
    return UNKNOWN_VERSION


@kernel
def dialect_of(salt):  # type: ignore[no-untyped-def]
    """How frames and hello are written: IETF_TLS, GOOGLE_TLS or GOOGLE_CHLO."""
    if salt == SALT_Q050:
        return GOOGLE_CHLO
    if SALT_T050 <= salt <= SALT_T051:
        return GOOGLE_TLS
    return IETF_TLS


@kernel
def initial_type_of(salt):  # type: ignore[no-untyped-def]
    """The two type bits of an Initial (RFC 9000 section 17.2, RFC 9369 section 3.2); Retry's are one less."""
    return 1 if salt == SALT_V2 else 0


def _label(name: str, length: int) -> bytes:
    """The HkdfLabel of RFC 8446 section 7.1 with an empty context, and HKDF-Expand's counter byte."""
    text = b"tls13 " + name.encode()
    return length.to_bytes(2, "big") + bytes([len(text)]) + text + b"\x00\x01"


_LABELS = [_label("client in", 32)] + [
    _label(f"{prefix} {name}", length)
    for prefix in ("quic", "quicv2")
    for name, length in (("key", KEY_BYTES), ("iv", IV_BYTES), ("hp", KEY_BYTES))
]
_LABEL_BLOCKS = np.concatenate([second_block(label) for label in _LABELS])


@kernel
def _expand(work, label, keys, at, count):  # type: ignore[no-untyped-def]
    """HKDF-Expand-Label under `work.pads` to keys[at : at + 4 * count] (RFC 5869 section 2.3)."""
    hmac_of(work, _LABEL_BLOCKS, BLOCK_WORDS * label)
    for i in range(count):
        word = work.state[i]
        keys[at + 4 * i] = np.uint8(word >> np.uint32(24))
        keys[at + 4 * i + 1] = np.uint8((word >> np.uint32(16)) & np.uint32(0xFF))
        keys[at + 4 * i + 2] = np.uint8((word >> np.uint32(8)) & np.uint32(0xFF))
        keys[at + 4 * i + 3] = np.uint8(word & np.uint32(0xFF))


@kernel
def _extract(work, salt, cid, start, length):  # type: ignore[no-untyped-def]
    """HKDF-Extract of the connection id cid[start : start + length] into `work.state`."""
    hmac_key(work, _SALT_WORDS, _SALT_WORD_COUNT * salt, _SALT_WORD_COUNT)
    block = work.block
    for i in range(BLOCK_WORDS):
        block[i] = np.uint32(0)
    for i in range(length + 1):
        byte = np.uint32(cid[start + i]) if i < length else np.uint32(0x80)
        block[i >> 2] |= np.uint32(byte << np.uint32(24 - 8 * (i & 3)))
    block[BLOCK_WORDS - 1] = np.uint32((4 * BLOCK_WORDS + length) * 8)
    hmac_of(work, block, 0)


@kernel
def derive_client_keys(work, salt, cid, start, length, keys, at):  # type: ignore[no-untyped-def]
    """Write key, iv and hp to keys[at : at + KEYS_BYTES].

    `work` from hash_work(), `salt` from salt_of; the connection id is cid[start : start + length],
    at most CONNECTION_ID_MAX bytes.
    """
    _extract(work, salt, cid, start, length)
    hmac_key_of_digest(work)
    hmac_of(work, _LABEL_BLOCKS, 0)
    hmac_key_of_digest(work)
    first = 4 if salt == SALT_V2 else 1
    _expand(work, first, keys, at, KEY_BYTES // 4)
    _expand(work, first + 1, keys, at + IV_AT, IV_BYTES // 4)
    _expand(work, first + 2, keys, at + HP_AT, KEY_BYTES // 4)


@kernel
def unprotect_header(keys, at, buffer, start, number_at, work, header, header_start, nonces, nonce_at):  # type: ignore[no-untyped-def]
    """Take off header protection (RFC 9001 section 5.4.1); returns the header's length.

    The packet starts at buffer[start], its packet number at buffer[number_at], and its sample, 4
    bytes on, lies in the buffer. The plain header goes to `header` at header_start, the AEAD nonce
    to `nonces` at nonce_at. An Initial's truncated packet number is taken as the whole number:
    senders of a handshake's first packets count from 0.
    """
    encrypt_block(keys, at + HP_AT, buffer, number_at + 4, work.schedule, work.state)
    mask = work.state[0]
    length = number_at - start
    for i in range(length):
        header[header_start + i] = buffer[start + i]
    first = buffer[start] ^ np.uint8((mask >> np.uint32(24)) & np.uint32(0x0F))
    header[header_start] = first
    for i in range(IV_BYTES):
        nonces[nonce_at + i] = keys[at + IV_AT + i]
    number_bytes = np.int64(first & np.uint8(3)) + 1
    for i in range(number_bytes):
        shift = np.uint32(16 - 8 * i) if i < 3 else np.uint32(24)
        word = mask if i < 3 else work.state[1]
        plain = buffer[number_at + i] ^ np.uint8((word >> shift) & np.uint32(0xFF))
        header[header_start + length + i] = plain
        nonces[nonce_at + IV_BYTES - number_bytes + i] ^= plain
    return length + number_bytes


def decrypt(
    buffer: NDArray[np.uint8],
    bounds: NDArray[np.int64],
    keys: NDArray[np.uint8],
    nonces: NDArray[np.uint8],
    headers: NDArray[np.uint8],
) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """The payloads of packets one after another, and where each ends: -1 where the tag does not fit.

    `bounds`: (n, 4): start and end of ciphertext and tag in `buffer`, of the plain header in
    `headers`; `keys`: (n, KEYS_BYTES), `nonces`: (n, IV_BYTES). Source: RFC 9001 section 5.3.
    """
    view = memoryview(buffer.data)
    all_keys, all_nonces, all_headers = keys.tobytes(), nonces.tobytes(), memoryview(headers.data)
    payloads: list[bytes] = []
    failed: list[int] = []
    key_at = nonce_at = 0
    for start, end, header_start, header_end in bounds.tolist():
        try:
            payload = AESGCM(all_keys[key_at : key_at + KEY_BYTES]).decrypt(
                all_nonces[nonce_at : nonce_at + IV_BYTES],
                view[start:end],
                all_headers[header_start:header_end],
            )
        except InvalidTag:
            failed.append(len(payloads))
            payload = b""
        payloads.append(payload)
        key_at += KEYS_BYTES
        nonce_at += IV_BYTES
    lengths = bounds[:, 1] - bounds[:, 0] - TAG_BYTES
    lengths[failed] = 0
    ends = np.cumsum(lengths)
    ends[failed] = -1
    return np.frombuffer(b"".join(payloads) or b"\0", np.uint8), ends
