"""The ClientHello reader against its plain twin, on real, made and damaged hellos."""

from __future__ import annotations

import hashlib
import ssl

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tests.wire.names import tls_maker
from wire.names import hello as h
from wire.names.ja3 import JA3_MAX_BYTES, ja3_hex, write_ja3, write_ja3_text
from wire.names.md5 import md5
from wire.names.tls_parameters import hello_parameters, ja4

REAL = tls_maker.handshake(ssl.TLSVersion.TLSv1_3, "lessons.example.org")[0][5:]
ANSWERS = {h.HELLO_NEEDS_MORE: "more", h.HELLO_MALFORMED: "bad", h.HELLO_OTHER: "other"}


def cut(data: bytes, out: np.ndarray, field: int) -> bytes | None:
    return None if out[field] < 0 else data[out[field] : out[field + 1]]


def read(data: bytes) -> tuple[int, np.ndarray]:
    out = np.zeros(h.HELLO_FIELDS, np.int64)
    return h.read_client_hello(np.frombuffer(data + b"\0", np.uint8), 0, len(data), out), out


def assert_as_twin(data: bytes) -> None:
    status, out = read(data)
    plain = tls_maker.plain_hello(data)
    if isinstance(plain, str):
        assert ANSWERS[status] == plain
        return
    assert status == h.HELLO_WHOLE
    assert cut(data, out, h.HELLO_SNI_START) == plain.name
    assert cut(data, out, h.HELLO_ALPN_START) == plain.alpn
    assert (out[h.HELLO_LEGACY_VERSION], out[h.HELLO_MAX_VERSION]) == (plain.version, plain.highest)
    assert out[h.HELLO_ECH] == plain.ech


def test_a_real_hello() -> None:
    status, out = read(REAL)
    assert status == h.HELLO_WHOLE
    assert cut(REAL, out, h.HELLO_SNI_START) == b"lessons.example.org"
    assert cut(REAL, out, h.HELLO_ALPN_START) == b"\2h2\x08http/1.1"
    assert out[h.HELLO_MAX_VERSION] == 0x0304
    assert out[h.HELLO_LEGACY_VERSION] == 0x0303


@given(st.integers(0, len(REAL)))
def test_every_prefix_of_a_real_hello_needs_more(length: int) -> None:
    assert read(REAL[:length])[0] == (h.HELLO_WHOLE if length == len(REAL) else h.HELLO_NEEDS_MORE)


@given(st.lists(st.tuples(st.integers(0, len(REAL) - 1), st.integers(0, 255)), max_size=4))
def test_damaged_hellos_read_as_the_twin_reads_them(changes: list[tuple[int, int]]) -> None:
    data = bytearray(REAL)
    for at, value in changes:
        data[at] = value
    assert_as_twin(bytes(data))


KINDS = [0, 10, 11, 13, 16, 43, 0xFE0D, 0x2A2A]
EXTENSION = st.one_of(
    st.builds(tls_maker.extension, st.sampled_from(KINDS), st.binary(max_size=24)),
    st.builds(tls_maker.server_name, st.binary(max_size=20)),
    st.just(tls_maker.ECH),
)


@given(st.lists(EXTENSION, max_size=6), st.lists(st.integers(0, 0xFFFF), max_size=8))
def test_made_hellos_read_as_the_twin_reads_them(extensions: list[bytes], ciphers: list[int]) -> None:
    assert_as_twin(tls_maker.hello(b"".join(extensions), tuple(ciphers)))


@given(st.binary(max_size=80))
def test_any_bytes_read_as_the_twin_reads_them(data: bytes) -> None:
    assert_as_twin(data)
    assert_as_twin(b"\1\0\0" + data)


@given(st.binary(max_size=400))
def test_md5_is_md5(data: bytes) -> None:
    message, digest = np.zeros(len(data) + 72, np.uint8), np.zeros(16, np.uint8)
    message[: len(data)] = np.frombuffer(data, np.uint8)
    md5(message, len(data), digest)
    assert digest.tobytes() == hashlib.md5(data).digest()


def test_ja3_and_ja4_of_a_made_hello() -> None:
    # GREASE cipher and extension left out; x25519 and a GREASE group; h2; SHA-256 with ECDSA
    message = tls_maker.hello(
        tls_maker.extension(0x1A1A, b"")
        + tls_maker.server_name(b"example.org")
        + tls_maker.extension(10, b"\0\4\x1a\x1a\0\x1d")
        + tls_maker.extension(11, b"\1\0")
        + tls_maker.extension(16, b"\0\3\2h2")
        + tls_maker.extension(13, b"\0\4\4\3\x08\4"),
        (0x0A0A, 0xC02B, 0x1301),
    )
    data = np.frombuffer(message, np.uint8)
    out, scratch = np.zeros(h.HELLO_FIELDS, np.int64), np.zeros(JA3_MAX_BYTES + 128, np.uint8)
    assert h.read_client_hello(data, 0, len(data), out) == h.HELLO_WHOLE
    text = scratch[: write_ja3_text(data, out, scratch)].tobytes()
    assert text == b"771,49195-4865,0-10-11-16-13,29,0"
    digest = np.zeros((1, 16), np.uint8)
    write_ja3(data, out, scratch, digest[0])
    assert ja3_hex(digest).tolist() == [hashlib.md5(text).hexdigest().encode()]
    ciphers = hashlib.sha256(b"1301,c02b").hexdigest()[:12]
    extensions = hashlib.sha256(b"000a,000b,000d_0403,0804").hexdigest()[:12]
    assert ja4(hello_parameters(message)) == f"t12d0205h2_{ciphers}_{extensions}"


def test_ja4_of_odd_hellos() -> None:
    def of(message: bytes, quic: bool = False) -> str:
        return ja4(hello_parameters(message, quic))

    assert of(tls_maker.hello(b"", ())) == "t12i000000_000000000000_000000000000"
    # an ALPN value that is not alphanumeric shows its first and last hexadecimal digit
    assert of(tls_maker.hello(tls_maker.extension(16, b"\0\3\2\xab\xcd"), ()), True).startswith("q12i0001ad_")
    assert of(tls_maker.hello(tls_maker.extension(16, b"\0\2\1\x30"), ())).startswith("t12i000100_")
    extensions = b"".join(tls_maker.extension(1000 + i, b"") for i in range(120))
    many = tls_maker.hello(extensions, tuple(range(100, 300)))
    assert of(many).startswith("t12i999900_")


@given(st.lists(st.integers(0, 0xFFFF), max_size=300))
def test_shuffled_extensions_give_one_blob(kinds: list[int]) -> None:
    blobs = []
    for order in (kinds, kinds[::-1]):
        extensions = b"".join(tls_maker.extension(kind, b"") for kind in order)
        blobs.append(hello_parameters(tls_maker.hello(extensions)))
    assert blobs[0] == blobs[1]
    kept = sorted(k for k in kinds if k not in (0, 16) and not (k & 0x0F0F == 0x0A0A and k >> 8 == k & 255))
    assert b"".join(k.to_bytes(2, "big") for k in kept) in blobs[0]
