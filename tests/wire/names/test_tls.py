"""TLS out of TCP streams: whole, split, reordered, repeated, overlapping; what the server says."""

from __future__ import annotations

import ssl
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from tests.wire.names import tls_maker
from tests.wire.names.joined import JoinedNamer
from tests.wire.names.refs import RefMaker
from wire.names.certificate import PARTS, certificate_name, find_parts
from wire.names.facts import TLS_CLIENT_HELLO, TLS_RETRY_REQUEST, TLS_SERVER_HELLO
from wire.names.namer import NamerSettings

SMALL = NamerSettings(max_flows=64, reassembly_slots=4, max_strings=1 << 10, max_string_bytes=1 << 18)
CHANGE = st.tuples(st.integers(0, 5000), st.integers(0, 255))
NAME = "lessons.example.org"
#: A post-quantum key share and padding make a hello of several segments.
LONG = tls_maker.hello(
    tls_maker.extension(51, bytes(1200))
    + tls_maker.server_name(NAME.encode())
    + tls_maker.extension(21, bytes(2400))
)


def read(pieces: list[tuple[int, int, bytes]]) -> tuple[JoinedNamer, np.void]:
    """What the Namer knows of one flow after (side, stream offset, bytes) came in this order."""
    maker = RefMaker()
    for side, at, data in pieces:
        maker.add(1, data, at=at, side=side)
    namer = JoinedNamer(SMALL)
    namer.read(*maker.block())
    return namer, namer.facts(np.array([1]))[0]


def text(namer: JoinedNamer, known: int) -> str | None:
    return None if known < 0 else namer.strings[known].decode()


def comparable(facts: np.void) -> list[object]:
    return [facts[field].tolist() for field in facts.dtype.names]


def slices(data: bytes, cuts: list[int]) -> list[tuple[int, int, bytes]]:
    bounds = [0, *sorted({c for c in cuts if 0 < c < len(data)}), len(data)]
    return [(0, a, data[a:b]) for a, b in pairwise(bounds)]


@pytest.mark.parametrize("record_bytes", [16384, 1000, 7, 1])
@settings(max_examples=25)
@given(data=st.data())
def test_any_segmentation_gives_the_same_facts(record_bytes: int, data: st.DataObject) -> None:
    small = tls_maker.hello(tls_maker.server_name(NAME.encode()))
    stream = tls_maker.records(LONG if record_bytes > 1 else small, record_bytes)
    whole = read([(0, 0, stream)])[1]
    pieces = slices(stream, data.draw(st.lists(st.integers(1, len(stream) - 1), max_size=9)))
    for start in data.draw(st.lists(st.integers(0, len(stream) - 1), max_size=3)):
        pieces.append((0, start, stream[start : start + 500]))
    namer, facts = read(data.draw(st.permutations(pieces)))
    assert text(namer, facts["name"]) == NAME
    assert comparable(facts) == comparable(whole)


@given(st.permutations(range(6)))
def test_the_first_byte_received_wins(order: list[int]) -> None:
    stream = tls_maker.records(LONG)
    forged = stream.replace(NAME.encode(), b"forgery.example.org")
    size = len(stream) // 3 + 1
    true = [(0, i * size, stream[i * size : (i + 1) * size]) for i in range(3)]
    false = [(0, i * size, forged[i * size : (i + 1) * size]) for i in range(3)]
    pieces = [(true + false)[i] for i in order]
    namer, facts = read(pieces)
    holder = next(i for i in range(3) if NAME.encode() in true[i][2])
    first = next(piece for piece in pieces if piece[1] == holder * size)
    assert text(namer, facts["name"]) == (NAME if first in true else "forgery.example.org")


def test_bytes_that_begin_before_the_stream_and_gaps() -> None:
    stream = tls_maker.records(LONG)
    namer, facts = read([(0, -1, b"x"), (0, 5000, b"later"), (0, 0, stream)])
    assert text(namer, facts["name"]) == NAME
    namer, facts = read([(0, 0, stream[:100]), (0, 200, stream[200:])])
    assert facts["name"] == -1
    # after a lost segment a hello at the start of another one is still a hello
    namer, facts = read([(0, 1448, stream)])
    assert text(namer, facts["name"]) == NAME


@pytest.mark.parametrize("cuts", [[], [90], [200, 400, 700], [3, 4, 5, 9]])
@pytest.mark.parametrize("backwards", [False, True])
def test_tls_1_2_says_version_cipher_alpn_and_certificate(cuts: list[int], backwards: bool) -> None:
    client, server = tls_maker.handshake(ssl.TLSVersion.TLSv1_2, NAME)
    answer = [(1, at, data) for _, at, data in slices(server, cuts)]
    namer, facts = read([(0, 0, client), *(reversed(answer) if backwards else answer)])
    assert facts["tls"] == TLS_CLIENT_HELLO | TLS_SERVER_HELLO
    assert facts["tls_version"] == 0x0303
    assert facts["tls_cipher"] in (0xC02B, 0xC02C, 0xCCA9)
    assert text(namer, facts["alpn_chosen"]) == "http/1.1"
    assert text(namer, facts["cert_name"]) == NAME
    assert text(namer, facts["alpn"]) == "\2h2\x08http/1.1"


def test_the_server_may_split_a_message_over_records() -> None:
    client, server = tls_maker.handshake(ssl.TLSVersion.TLSv1_2, None)
    body, at = b"", 0
    while at < len(server):
        size = int.from_bytes(server[at + 3 : at + 5], "big")
        body += server[at + 5 : at + 5 + size]
        at += 5 + size
    stream = tls_maker.records(body, 100)
    namer, facts = read([(0, 0, client), (1, 0, stream[:333]), (1, 333, stream[333:])])
    assert text(namer, facts["name"]) == NAME
    assert facts["name_source"] == 6  # tls_cert: the hello says no name


def test_tls_1_3_says_version_and_cipher() -> None:
    client, server = tls_maker.handshake(ssl.TLSVersion.TLSv1_3, NAME)
    namer, facts = read([(0, 0, client), (1, 0, server)])
    assert (facts["tls_version"], facts["tls_cipher"]) == (0x0304, 0x1302)
    assert facts["cert_name"] == -1
    assert text(namer, facts["name"]) == NAME


def test_hello_retry_request_is_seen_through() -> None:
    retry = bytes.fromhex("cf21ad74e59a6111be1d8c021e65b891c2a211167abb8c5e079e09e2c8a8339c")
    chosen = b"\0\x13\1\0" + b"\0\6" + tls_maker.extension(43, b"\3\4")

    def server_hello(random: bytes) -> bytes:
        body = b"\3\3" + random + chosen
        return tls_maker.records(b"\2" + len(body).to_bytes(3, "big") + body)

    client = tls_maker.handshake(ssl.TLSVersion.TLSv1_3, NAME)[0]
    _, facts = read([(0, 0, client), (1, 0, server_hello(retry))])
    assert (facts["tls"], facts["tls_cipher"]) == (TLS_CLIENT_HELLO | TLS_RETRY_REQUEST, 0)
    stream = server_hello(retry) + b"\x14\3\3\0\1\1" + server_hello(bytes(32))
    _, facts = read([(0, 0, client), (1, 0, stream[:60]), (1, 60, stream[60:])])
    assert facts["tls"] == TLS_CLIENT_HELLO | TLS_RETRY_REQUEST | TLS_SERVER_HELLO
    assert (facts["tls_version"], facts["tls_cipher"]) == (0x0304, 0x1301)


@settings(max_examples=60)
@given(st.integers(0, 1), st.lists(CHANGE, min_size=1, max_size=6))
def test_damaged_streams_never_raise(side: int, changes: list[tuple[int, int]]) -> None:
    streams = [bytearray(s) for s in tls_maker.handshake(ssl.TLSVersion.TLSv1_2, NAME)]
    for at, value in changes:
        streams[side][at % len(streams[side])] = value
    namer, _ = read([(0, 0, bytes(streams[0])), (1, 0, bytes(streams[1]))])
    assert namer.counters["block_lost"] == 0


def _name_in(der: bytes, end: int | None = None) -> tuple[int, NDArray[np.int64]]:
    data, parts, found = np.frombuffer(der, np.uint8).copy(), np.zeros(PARTS, np.int64), np.zeros(4, np.int64)
    whole = find_parts(data, 0, len(der) if end is None else end, found, parts)
    return certificate_name(data, parts, whole, found), found


@pytest.mark.parametrize(
    ("common_name", "dns_names", "name"),
    [
        ("cn.example.org", ["first.example.org", "second.example.org"], b"first.example.org"),
        ("cn.example.org", ["*.wild.example.org"], b"wild.example.org"),
        ("cn.example.org", [], b"cn.example.org"),
    ],
)
def test_certificate_names(common_name: str, dns_names: list[str], name: bytes) -> None:
    der, _ = tls_maker.certificate(common_name, dns_names)
    result, found = _name_in(der)
    assert result == 1
    assert der[found[0] : found[1]] == name


@given(st.lists(st.tuples(st.integers(0, 2000), st.integers(0, 255)), max_size=8), st.integers(0, 600))
def test_damaged_certificates_never_raise(changes: list[tuple[int, int]], length: int) -> None:
    der = bytearray(tls_maker.certificate("cn.example.org", ["a.example.org"])[0])
    for at, value in changes:
        der[at % len(der)] = value
    end = min(length, len(der))
    result, found = _name_in(bytes(der), end)
    assert result in (-1, 0, 1)
    if result == 1:
        assert 0 <= found[0] <= found[1] <= end
