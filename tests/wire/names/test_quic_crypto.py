"""Compiled hashing, AES and key derivation against the standard library, cryptography and the RFCs."""

from __future__ import annotations

import hmac

import numpy as np
import pytest
from aioquic.quic.crypto import INITIAL_CIPHER_SUITE, derive_key_iv_hp
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from hypothesis import given, settings
from hypothesis import strategies as st

from wire.names.quic_aes import SCHEDULE_WORDS, encrypt_block
from wire.names.quic_crypto import KEYS_BYTES, UNKNOWN_VERSION, derive_client_keys, salt_of
from wire.names.quic_sha256 import MESSAGE_MAX, hash_work, hmac_key, hmac_of, second_block

CID = bytes.fromhex("8394c8f03e515708")
#: Client key, iv and hp. Version 1: RFC 9001 appendix A.1; version 2: RFC 9369 appendix A.1.
VECTORS = {
    1: "1f369613dd76d5467730efcbe3b1a22d fa044b2f42a3fd3b46fb255c 9f50449e04a0e810283a1e9933adedd2",
    0x6B3343CF: "8b1a0bc121284290a29e0971b5cd045d 91f73e2351d8fa91660e909f 45b95e15235d6f45a6b19cbcb0294ba9",
}


def derived(version: int, cid: bytes) -> bytes:
    keys = np.zeros(KEYS_BYTES, np.uint8)
    derive_client_keys(
        hash_work(), salt_of(version), np.frombuffer(cid + b"\0", np.uint8), 0, len(cid), keys, 0
    )
    return keys.tobytes()


@pytest.mark.parametrize("version", VECTORS)
def test_client_keys_of_the_rfcs(version: int) -> None:
    assert derived(version, CID) == bytes.fromhex(VECTORS[version])


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=20), st.sampled_from([1, 0x6B3343CF, 0xFF00001D, 0xFACEB002]))
def test_client_keys_are_hkdfs(cid: bytes, version: int) -> None:
    salt = {
        1: "38762cf7f55934b34d179ae6a4c80cadccbb7f0a",
        0x6B3343CF: "0dede3def700a6db819381be6e269dcbf9bd2ed9",
        0xFF00001D: "afbfec289993d24c9e9786f19c6111e04390a899",
        0xFACEB002: "c3eef712c72ebb5a11a7d2432bb46365bef9f502",
    }[version]
    initial_secret = hmac.digest(bytes.fromhex(salt), cid, "sha256")
    secret = hmac.digest(initial_secret, b"\0\x20\x0ftls13 client in\0\1", "sha256")
    suite_version = version if version == 0x6B3343CF else 1
    key, iv, hp = derive_key_iv_hp(cipher_suite=INITIAL_CIPHER_SUITE, secret=secret, version=suite_version)
    assert derived(version, cid) == key + iv + hp


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(0, 2**32 - 1), max_size=16), st.binary(max_size=MESSAGE_MAX))
def test_hmac_is_the_standard_librarys(words: list[int], message: bytes) -> None:
    work = hash_work()
    key = np.array([*words, 0], np.uint32)
    hmac_key(work, key, 0, len(words))
    hmac_of(work, second_block(message), 0)
    key_bytes = b"".join(word.to_bytes(4, "big") for word in words)
    assert work.state.astype(">u4").tobytes() == hmac.digest(key_bytes, message, "sha256")


@settings(max_examples=60, deadline=None)
@given(st.binary(min_size=16, max_size=16), st.binary(min_size=16, max_size=16))
def test_block_is_cryptographys(key: bytes, plain: bytes) -> None:
    out = np.zeros(4, np.uint32)
    encrypt_block(
        np.frombuffer(key, np.uint8),
        0,
        np.frombuffer(plain, np.uint8),
        0,
        np.zeros(SCHEDULE_WORDS, np.uint32),
        out,
    )
    expected = Cipher(algorithms.AES(key), modes.ECB()).encryptor().update(plain)
    assert out.astype(">u4").tobytes() == expected


@pytest.mark.parametrize("version", [0, 2, 0x0A0A0A0A, 0xFF000015, 0xFF000023, 0x51303433, 0xFFFFFFFF])
def test_versions_that_are_not_read(version: int) -> None:
    assert salt_of(version) == UNKNOWN_VERSION


@pytest.mark.parametrize("version", [*range(0xFF00001B, 0xFF000023), 0xFACEB001, 0xFACEB002, 0xFACEB00E])
def test_versions_that_are_read(version: int) -> None:
    assert salt_of(version) != UNKNOWN_VERSION
