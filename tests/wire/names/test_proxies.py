"""TLS and HTTP inside CONNECT and SOCKS, and after STARTTLS."""

from __future__ import annotations

import ssl
import struct
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.wire.names import tls_maker
from tests.wire.names.joined import JoinedNamer
from tests.wire.names.refs import RefMaker
from wire.names.namer import NamerSettings

SMALL = NamerSettings(max_flows=64, reassembly_slots=4, max_strings=1 << 10, max_string_bytes=1 << 18)
INNER = "inner.example.org"
TLS_CLIENT, TLS_SERVER = tls_maker.handshake(ssl.TLSVersion.TLSv1_2, INNER)
HTTP = b"GET / HTTP/1.1\r\nHost: inner.example.org\r\n\r\n"
CONNECT = b"CONNECT target.example:443 HTTP/1.1\r\nHost: target.example:443\r\n\r\n"
SOCKS5 = b"\5\2\0\2" + b"\5\1\0\3\x0etarget.example" + struct.pack(">H", 443)
SOCKS5_PASSWORD = b"\5\1\2" + b"\1\4user\6secret" + b"\5\1\0\1\xc0\0\2\1\1\xbb"
SOCKS5_IPV6 = b"\5\1\0" + b"\5\1\0\4" + bytes(16) + b"\1\xbb"
SOCKS4 = b"\4\1\1\xbb\xc0\0\2\1anna\0"
SOCKS4A = b"\4\1\1\xbb\0\0\0\1anna\0target.example\0"
SMTP = b"EHLO client.example\r\nSTARTTLS\r\n"
IMAP = b"a1 CAPABILITY\r\na2 STARTTLS\r\n"
POP3 = b"CAPA\r\nSTLS\r\n"

CHANGE = st.tuples(st.integers(0, 200), st.integers(0, 255))

PREFIXES = {
    "connect": (CONNECT, "target.example"),
    "socks5": (SOCKS5, "target.example"),
    "socks5 with password": (SOCKS5_PASSWORD, None),
    "socks5 to IPv6": (SOCKS5_IPV6, None),
    "socks4": (SOCKS4, None),
    "socks4a": (SOCKS4A, "target.example"),
    "smtp": (SMTP, None),
    "imap": (IMAP, None),
    "pop3": (POP3, None),
}


def read(*pieces: bytes, server: tuple[bytes, ...] = ()) -> tuple[JoinedNamer, np.void]:
    maker = RefMaker()
    for side, said in ((0, pieces), (1, server)):
        at = 0
        for data in said:
            maker.add(1, data, at=at, side=side, ports=(40000, 1080))
            at += len(data)
    namer = JoinedNamer(SMALL)
    namer.read(*maker.block())
    return namer, namer.facts(np.array([1]))[0]


def text(namer: JoinedNamer, known: int) -> str | None:
    return None if known < 0 else namer.strings[known].decode()


@pytest.mark.parametrize("kind", PREFIXES)
def test_tls_inside(kind: str) -> None:
    prefix, target = PREFIXES[kind]
    namer, facts = read(prefix, TLS_CLIENT, server=(b"+OK go ahead\r\n", TLS_SERVER))
    assert (text(namer, facts["name"]), facts["name_source"]) == (INNER, 1)
    assert text(namer, facts["proxy_target"]) == target
    assert text(namer, facts["cert_name"]) == "lessons.example.org"
    assert facts["tls_version"] == 0x0303


@pytest.mark.parametrize("kind", ["connect", "socks5", "socks5 with password", "socks4", "socks4a"])
def test_http_inside(kind: str) -> None:
    namer, facts = read(PREFIXES[kind][0], HTTP)
    assert (text(namer, facts["name"]), facts["name_source"]) == (
        ("target.example", 3) if kind == "connect" else (INNER, 3)
    )
    assert INNER in (text(namer, facts["http_host"]), text(namer, facts["more_hosts"][0]))


@pytest.mark.parametrize("kind", ["connect", "socks5", "socks4a"])
def test_the_target_names_what_says_nothing_itself(kind: str) -> None:
    namer, facts = read(PREFIXES[kind][0], b"\0\1\2\3 not a protocol we read")
    assert (text(namer, facts["name"]), facts["name_source"]) == ("target.example", 3)


@settings(max_examples=60)
@given(st.sampled_from(sorted(PREFIXES)), st.lists(st.integers(1, 300), max_size=6))
def test_any_segmentation(kind: str, cuts: list[int]) -> None:
    stream = PREFIXES[kind][0] + TLS_CLIENT
    bounds = [0, *sorted({c for c in cuts if c < len(stream)}), len(stream)]
    namer, facts = read(*[stream[a:b] for a, b in pairwise(bounds)])
    assert text(namer, facts["name"]) == INNER
    assert text(namer, facts["proxy_target"]) == PREFIXES[kind][1]


def test_a_hello_after_a_dialogue_we_do_not_know() -> None:
    namer, facts = read(b"\x30\x1d\2\1\1\x77\x18\x80\x16" + b"1.3.6.1.4.1.1466.20037", TLS_CLIENT)  # LDAP
    assert text(namer, facts["name"]) == INNER


@settings(max_examples=150)
@given(st.sampled_from(sorted(PREFIXES)), st.lists(CHANGE, max_size=5))
def test_damaged_prefixes_never_raise(kind: str, changes: list[tuple[int, int]]) -> None:
    data = bytearray(PREFIXES[kind][0])
    for at, value in changes:
        data[at % len(data)] = value
    namer, _ = read(bytes(data), TLS_CLIENT)
    assert namer.counters["block_lost"] == 0
