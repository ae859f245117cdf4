"""HTTP/1 requests from a client's stream."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.wire.names.joined import JoinedNamer
from tests.wire.names.refs import RefMaker
from wire.names.facts import HTTP_1, HTTP_2_PRIOR_KNOWLEDGE
from wire.names.namer import NamerSettings
from wire.names.user_agent import USER_AGENT_MAX_BYTES, write_products

SMALL = NamerSettings(max_flows=64, reassembly_slots=4, max_strings=1 << 10, max_string_bytes=1 << 18)


def read(*pieces: bytes | tuple[int, bytes]) -> tuple[JoinedNamer, np.void]:
    """Facts of one flow whose client sends these pieces, one after the other or at an offset."""
    maker, at = RefMaker(), 0
    for piece in pieces:
        at, data = piece if isinstance(piece, tuple) else (at, piece)
        maker.add(1, data, at=at, ports=(40000, 8080))
        at += len(data)
    namer = JoinedNamer(SMALL)
    namer.read(*maker.block())
    return namer, namer.facts(np.array([1]))[0]


def text(namer: JoinedNamer, known: int) -> str | None:
    return None if known < 0 else namer.strings[known].decode()


def hosts(namer: JoinedNamer, facts: np.void) -> list[str]:
    ids = [facts["http_host"], *facts["more_hosts"].tolist()]
    return [namer.strings[i].decode() for i in ids if i >= 0]


@pytest.mark.parametrize(
    ("request_", "host"),
    [
        (b"GET / HTTP/1.1\r\nHost: www.Example.org\r\n\r\n", "www.example.org"),
        (b"PROPFIND /x HTTP/1.0\r\nhOST:example.org:8080\r\n\r\n", "example.org"),
        (b"X-OWN!# * HTTP/1.1\nA: b\nHost: example.org\n\n", "example.org"),
        (b"\r\n\r\nGET / HTTP/1.1\r\nHost: example.org\r\n\r\n", "example.org"),
        (b"GET / HTTP/1.1\r\nHost:\r\n  example.org\r\n\r\n", "example.org"),
        (b"GET / HTTP/1.1\r\nA: b\r\n\tHost: no.example\r\nHost: example.org\r\n\r\n", "example.org"),
        (b"GET http://a.example:81/x HTTP/1.1\r\nHost: b.example\r\n\r\n", "a.example"),
        (b"GET / HTTP/1.1\r\nReferer: http://no.example/\r\n\r\n", None),
        (b"GET / HTTP/1.1\r\nHost: 192.0.2.7\r\n\r\n", None),
        (b"GET / HTTP/1.1\r\nHost: [2001:db8::1]:80\r\n\r\n", None),
        (b"GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", None),
        (b"GET / HTTP/1.1\r\nHost: one.example\r\nHost: two.example\r\n\r\n", "one.example"),
        (b"GET /no-version\r\nHost: example.org\r\n\r\n", None),
        (b"HTTP/1.1 200 OK\r\nHost: example.org\r\n\r\n", None),
    ],
)
def test_the_host(request_: bytes, host: str | None) -> None:
    namer, facts = read(request_)
    assert text(namer, facts["http_host"]) == host
    assert text(namer, facts["name"]) == host
    assert facts["name_source"] == (3 if host else 0)


def test_pipelined_requests_and_bodies() -> None:
    stream = (
        b"POST /1 HTTP/1.1\r\nHost: one.example\r\nContent-Length: 34\r\n\r\n"
        b"GET / HTTP/1.1\r\nHost: no.example\r\n"
        b"POST /2 HTTP/1.1\r\nHost: two.example\r\nTransfer-Encoding: gzip, chunked\r\n\r\n"
        b"b;x=y\r\nHost: no.ex\r\n0\r\nHost: trailer.example\r\n\r\n"
        b"GET /3 HTTP/1.1\r\nHost: one.example\r\n\r\n"
        b"GET /4 HTTP/1.1\r\nHost: three.example\r\n\r\n"
    )
    namer, facts = read(stream)
    assert hosts(namer, facts) == ["one.example", "two.example", "three.example"]
    assert facts["http"] == HTTP_1


@pytest.mark.parametrize(
    ("fields", "host"),
    [
        (b"Referer: http://App.example:8080/a?imei=1#x\r\n", "app.example"),
        (b"Origin: https://user@app.example\r\n", "app.example"),
        (b"Referer: https://one.example/\r\nOrigin: https://two.example\r\n", "one.example"),
        (b"Referer: /relative\r\n", None),
        (b"Origin: null\r\n", None),
        (b"Referer: https://192.0.2.1/\r\n", None),
        (b"Referer: https://a b/\r\n", None),
        (b"X-Referer: https://one.example/\r\n", None),
    ],
)
def test_the_page_that_led_here_is_a_host_and_no_name(fields: bytes, host: str | None) -> None:
    namer, facts = read(b"GET / HTTP/1.1\r\n" + fields + b"\r\n")
    assert text(namer, facts["referer"]) == host
    assert facts["name"] == -1
    assert facts["name_source"] == 0


HEAD = b"POST /1 HTTP/1.1\r\nHost: one.example\r\nContent-Length: 5000\r\n\r\n"
LATER = (
    b"POST /2 HTTP/1.1\r\nHost: two.example\r\nContent-Length: 3\r\n\r\nabc"
    b"GET /3 HTTP/1.1\r\nHost: three.example\r\n\r\n"
)
BODY = b"phone=13912345678&" + b"x" * 4_982


@pytest.mark.parametrize(
    "pieces",
    [
        [(1_000, 5_000)],  # the first bytes were not captured
        [(1_000, 2_000), (3_000, 5_000)],
        [(4_000, 5_000), (1_000, 4_000)],
        [],
        [(1_000, 3_000)],
    ],
)
@pytest.mark.parametrize("together", [False, True])
def test_a_hole_inside_a_body_is_harmless(pieces: list[tuple[int, int]], together: bool) -> None:
    sent = [(len(HEAD) + start, BODY[start:end]) for start, end in pieces]
    after = len(HEAD) + len(BODY)
    if together and sent and pieces[-1][1] == len(BODY):  # the next request in the same segment
        at, data = sent.pop()
        sent.append((at, data + LATER))
    else:
        sent.append((after, LATER))
    namer, facts = read(HEAD, *sent)
    assert hosts(namer, facts) == ["one.example", "two.example", "three.example"]
    assert namer.slots_held == 0


def test_a_body_whose_pieces_change_places_is_looked_at_when_its_first_comes() -> None:
    first, second = (len(HEAD), BODY[:1_000]), (len(HEAD) + 1_000, BODY[1_000:])
    expected = read(HEAD, first, second)[1]["personal"]
    assert expected != 0
    namer, facts = read(HEAD, second, first, (len(HEAD) + len(BODY), LATER))
    assert facts["personal"] == expected
    assert hosts(namer, facts) == ["one.example", "two.example", "three.example"]


def test_a_body_behind_a_head_that_came_late_is_passed_over() -> None:
    cut = 20
    body = (len(HEAD) + 1_000, BODY[1_000:])
    namer, facts = read(HEAD[:cut], body, (cut, HEAD[cut:]), (len(HEAD) + len(BODY), LATER))
    assert hosts(namer, facts) == ["one.example", "two.example", "three.example"]
    assert namer.slots_held == 0


REQUEST = (
    b"GET /a HTTP/1.1\r\nUser-Agent: Mozilla/5.0 (X; (y) z) App/1.2\r\nHost:\r\n example.org:80\r\n\r\n"
    b"PUT /b HTTP/1.1\r\nContent-Length: 3\r\nHost: next.example\r\n\r\nabc"
    b"GET http://third.example/ HTTP/1.1\r\n\r\n"
)


@settings(max_examples=80)
@given(st.lists(st.integers(1, len(REQUEST) - 1), max_size=8), st.randoms(use_true_random=False))
def test_any_segmentation_gives_the_same_hosts(cuts: list[int], shuffle: st.DataObject) -> None:
    bounds = [0, *sorted(set(cuts)), len(REQUEST)]
    pieces = [(a, REQUEST[a:b]) for a, b in pairwise(bounds)]
    shuffle.shuffle(pieces)  # type: ignore[attr-defined]
    namer, facts = read(*pieces)
    assert hosts(namer, facts) == ["example.org", "next.example", "third.example"]
    assert text(namer, facts["user_agent"]) == "Mozilla/5.0 App/1.2"


def test_a_request_behind_a_lost_segment_is_read_in_the_end() -> None:
    namer, facts = read((3000, b"GET / HTTP/1.1\r\nHost: example.org\r\n\r\n"))
    assert text(namer, facts["name"]) == "example.org"


def test_a_request_cut_off_after_its_host_is_enough() -> None:
    namer, facts = read(b"GET / HTTP/1.1\r\nHost: example.org\r\nCoo")
    assert text(namer, facts["name"]) == "example.org"


def test_http_2_is_not_misnamed() -> None:
    preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
    _, facts = read(preface + b"\0\0\0\4\0\0\0\0\0Host: no.example\r\n\r\n")
    assert (facts["name"], facts["http"]) == (-1, HTTP_2_PRIOR_KNOWLEDGE)
    _, facts = read(preface[:7], preface[7:])
    assert (facts["name"], facts["http"]) == (-1, HTTP_2_PRIOR_KNOWLEDGE)


@pytest.mark.parametrize(
    ("value", "products"),
    [
        (b"curl/8.5.0", b"curl/8.5.0"),
        (b"Mozilla/5.0 (iPhone; Anna's (13)) Kit/605.1 Mobile/15E", b"Mozilla/5.0 Kit/605.1 Mobile/15E"),
        (b"Anna 13812345678 phone", b""),
        (b"App/1 (unclosed; secret/1.0", b"App/1"),
        (b"A/1 (a \\) b/2) C/3", b"A/1 C/3"),
        (b"A/ /B C/1", b"C/1"),
        (b"N" * 80 + b"/1 B/2", b"B/2"),
    ],
)
def test_user_agents_keep_products_alone(value: bytes, products: bytes) -> None:
    out = np.zeros(USER_AGENT_MAX_BYTES, np.uint8)
    length = write_products(np.frombuffer(value, np.uint8).copy(), 0, len(value), out)
    assert out[:length].tobytes() == products


@given(st.binary(max_size=200))
def test_any_user_agent_stays_within_bounds(value: bytes) -> None:
    out = np.zeros(USER_AGENT_MAX_BYTES, np.uint8)
    length = write_products(np.frombuffer(value + b"\0", np.uint8).copy(), 0, len(value), out)
    words = out[:length].tobytes().split(b" ") if length else []
    assert all(b"/" in word[1:-1] and word in value for word in words)


@settings(max_examples=150)
@given(st.lists(st.tuples(st.integers(0, len(REQUEST) - 1), st.integers(0, 255)), max_size=5))
def test_damaged_requests_never_raise(changes: list[tuple[int, int]]) -> None:
    data = bytearray(REQUEST)
    for at, value in changes:
        data[at] = value
    namer, _ = read(bytes(data[:60]), bytes(data[60:]))
    assert namer.counters["block_lost"] == 0
