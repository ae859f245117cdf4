"""Host names: one spelling, and what is no name."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.wire.names.hostname_twin import plain_host_name
from wire.names.hostnames import (
    NAME_BAD_BYTES,
    NAME_EMPTY,
    NAME_IP_LITERAL,
    NAME_TOO_LONG,
    absolute_form,
    authority_host,
    idna_valid,
    write_host_name,
)


def spelt(text: bytes) -> bytes | int:
    scratch = np.zeros(253, np.uint8)
    length = write_host_name(np.frombuffer(text + b"\0", np.uint8), 0, len(text), scratch)
    return scratch[:length].tobytes() if length > 0 else int(length)


@pytest.mark.parametrize(
    ("text", "result"),
    [
        (b"WWW.Example.ORG", b"www.example.org"),
        (b"example.org.", b"example.org"),
        (b"r4---sn-4g5e6n7k.example", b"r4---sn-4g5e6n7k.example"),
        (b"_dmarc.example.org", b"_dmarc.example.org"),
        (b"localhost", b"localhost"),
        (b"3com.example", b"3com.example"),
        (b"", NAME_EMPTY),
        (b".", NAME_EMPTY),
        (b"a..b", NAME_BAD_BYTES),
        (b".a", NAME_BAD_BYTES),
        (b"a b", NAME_BAD_BYTES),
        (b"a\0b", NAME_BAD_BYTES),
        ("学校.example".encode(), NAME_BAD_BYTES),
        (b"192.0.2.1", NAME_IP_LITERAL),
        (b"0x7f.1", NAME_IP_LITERAL),
        (b"[2001:db8::1]", NAME_IP_LITERAL),
        (b"2001:db8::1", NAME_IP_LITERAL),
        (b"a" * 63 + b".example", b"a" * 63 + b".example"),
        (b"a" * 64 + b".example", NAME_TOO_LONG),
        (b"a." * 126 + b"a", b"a." * 126 + b"a"),
        (b"a." * 127 + b"a", NAME_TOO_LONG),
    ],
)
def test_spelling(text: bytes, result: bytes | int) -> None:
    assert spelt(text) == result


@given(st.one_of(st.binary(max_size=40), st.text("aB0-_.x:[", max_size=300).map(str.encode)))
def test_as_the_twin(text: bytes) -> None:
    result = spelt(text)
    assert (result if isinstance(result, bytes) else None) == plain_host_name(text)


@pytest.mark.parametrize(
    ("authority", "host"),
    [
        (b"example.org", b"example.org"),
        (b"example.org:8080", b"example.org"),
        (b"user:pass@example.org:80", b"example.org"),
        (b"example.org:", b"example.org"),
        (b"[2001:db8::1]:80", b"[2001:db8::1]:80"),
        (b"80", b"80"),
    ],
)
def test_the_host_of_an_authority(authority: bytes, host: bytes) -> None:
    bounds = np.zeros(2, np.int64)
    authority_host(np.frombuffer(authority, np.uint8), 0, len(authority), bounds)
    assert authority[bounds[0] : bounds[1]] == host


@pytest.mark.parametrize(
    ("target", "authority"),
    [
        (b"http://example.org/a?b", b"example.org"),
        (b"HTTPS://example.org:444", b"example.org:444"),
        (b"coap+tcp://example.org?x", b"example.org"),
        (b"/path?u=http://other.example/", None),
        (b"*", None),
        (b"http:/x", None),
    ],
)
def test_absolute_form(target: bytes, authority: bytes | None) -> None:
    bounds = np.zeros(2, np.int64)
    found = absolute_form(np.frombuffer(target, np.uint8), 0, len(target), bounds)
    assert (target[bounds[0] : bounds[1]] if found else None) == authority


def test_idna() -> None:
    assert idna_valid(b"www.xn--fiq228c.example")
    assert idna_valid(b"plain.example")
    assert not idna_valid(b"xn--a-.example")
    assert not idna_valid(b"xn--\x61\x62\x63-zzzzzzzz99.example")
