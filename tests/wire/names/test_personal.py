"""Personal identifiers in requests: where they are looked for, and that nothing but the kind stays."""

from __future__ import annotations

import pytest

from tests.wire.names.test_http import hosts, read
from wire.names.identifiers import IDENTIFIER_KINDS

IMEI = b"490154203237518"
HEAD = b"POST /v1 HTTP/1.1\r\nHost: api.example\r\nContent-Length: %d\r\n\r\n"
FORM = b"a=1&imei=" + IMEI


def kinds(*pieces: bytes) -> list[str]:
    _, facts = read(*pieces)
    return [kind for at, kind in enumerate(IDENTIFIER_KINDS) if facts["personal"] >> at & 1]


@pytest.mark.parametrize(
    "request_",
    [
        b"GET /?imei=" + IMEI + b" HTTP/1.1\r\nHost: a.example\r\n\r\n",
        b"GET http://a.example/%3Fimei%3D" + IMEI + b" HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nX-IMEI: " + IMEI + b"\r\n\r\n",
        b"GET / HTTP/1.1\r\nCookie: s=1; d=" + IMEI + b"; t=2\r\n\r\n",
        b"GET / HTTP/1.1\r\nUser-Agent: App/1 (IMEI " + IMEI + b")\r\n\r\n",
        b"GET / HTTP/1.1\r\nReferer: http://b.example/" + IMEI + b"\r\n\r\n",
        HEAD % len(FORM) + FORM,
        HEAD % 30 + b'{"d":"' + IMEI,
    ],
)
def test_where_they_are_seen(request_: bytes) -> None:
    assert kinds(request_) == ["imei"]
    for cut in (10, len(request_) - 4):  # in two segments, one of them through the identifier
        assert set(kinds(request_[:cut], request_[cut:])) <= {"imei"}


def test_a_body_in_a_segment_of_its_own() -> None:
    head = HEAD % len(FORM)
    assert kinds(head, FORM) == ["imei"]
    namer, facts = read(head, FORM, b"GET / HTTP/1.1\r\nHost: next.example\r\n\r\n")
    assert hosts(namer, facts) == ["api.example", "next.example"]
    # What a request does not announce is no part of its body.
    assert kinds(HEAD % 0 + b"GET / HTTP/1.1\r\nHost: a.example\r\n\r\n") == []
    assert kinds(HEAD % 3 + FORM) == []


CHUNKED = b"POST /v1 HTTP/1.1\r\nHost: api.example\r\nTransfer-Encoding: chunked\r\n\r\n"


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


def test_the_first_chunk_of_a_body_is_looked_at_and_the_next_request_found() -> None:
    end = b"0\r\n\r\nGET / HTTP/1.1\r\nHost: next.example\r\n\r\n"
    whole = CHUNKED + chunk(FORM) + chunk(b"tel=13912345678") + end
    for cut in (len(whole), len(CHUNKED), len(CHUNKED) + 4, len(CHUNKED) + 30, len(whole) - 40):
        namer, facts = read(whole[:cut], whole[cut:])
        assert hosts(namer, facts) == ["api.example", "next.example"]
    assert kinds(whole) == ["imei"]  # the later chunks are passed over
    assert kinds(CHUNKED + chunk(b"\x00\x01" + FORM)) == []  # no text


def test_a_chunk_that_the_capture_cut_off_does_not_hide_the_next_request() -> None:
    head = CHUNKED + b"3e8\r\n"
    after = b"\r\n0\r\n\r\nGET / HTTP/1.1\r\nHost: next.example\r\n\r\n"
    namer, facts = read(head, (len(head) + 1_000, after))
    assert hosts(namer, facts) == ["api.example", "next.example"]


def test_a_body_that_the_capture_cut_off_does_not_hide_the_next_request() -> None:
    head = HEAD % 1_000
    namer, facts = read(
        head, FORM, (len(head) + 1_000, b"GET /?tel=13912345678 HTTP/1.1\r\nHost: next.example\r\n\r\n")
    )
    assert hosts(namer, facts) == ["api.example", "next.example"]
    found = [kind for at, kind in enumerate(IDENTIFIER_KINDS) if facts["personal"] >> at & 1]
    assert found == ["mobile-number", "imei"]


@pytest.mark.parametrize(
    "request_",
    [
        b"GET / HTTP/1.1\r\nHost: 490154203237518.example\r\n\r\n",  # names are names
        b"HTTP/1.1 200 OK\r\nX-IMEI: " + IMEI + b"\r\n\r\n",  # no request
        HEAD % 40 + b"\x1f\x8b" + FORM,  # no text
        b"GET / HTTP/1.1\r\nETag: 12345678901\r\n\r\n",
    ],
)
def test_where_they_are_not_looked_for(request_: bytes) -> None:
    assert kinds(request_) == []


def test_no_value_stays_anywhere() -> None:
    request = b"GET /?imei=" + IMEI + b" HTTP/1.1\r\nHost: a.example\r\nUser-Agent: A/1 (13912345678)\r\n\r\n"
    namer, facts = read(request)
    assert facts["personal"]
    kept = b"".join(namer.strings[at] for at in range(len(namer.strings)))
    assert IMEI not in kept
    assert b"13912345678" not in kept
