"""Crafted captures: hellos that come split, reordered, repeated, overlapping; proxies; reuse of ports."""

from __future__ import annotations

import itertools
import struct
from collections.abc import Iterator

from monitor.simulate import quic_bytes
from monitor.simulate.tls_bytes import (
    CHROME,
    FIREFOX,
    OLD_APP,
    QUIC_APP,
    QUIC_CHROME,
    Entropy,
    client_hello,
    records,
    server_flight,
)
from pcaps.record.cases import Case, Piece, Talk, tcp_talk, tls_answer, tls_hello, tls_talk
from pcaps.record.messages import (
    dns_answer,
    dns_failure,
    dns_over_tcp,
    dns_query,
    dns_talk,
    http_answer,
    http_request,
    http_talk,
)

_CLIENT, _SERVER = "10.20.0.5", "203.0.113.10"


def _cut(stream: bytes, *places: int) -> list[Piece]:
    """The stream cut at `places`: each piece with where it starts."""
    edges = [0, *places, len(stream)]
    return [(start, stream[start:end]) for start, end in itertools.pairwise(edges)]


def _split_hellos() -> Iterator[Case]:
    large = tls_hello("www.icourse163.org", 1, CHROME)
    first, second, third = _cut(large, 600, 1300)
    overlap: Piece = (400, large[400:900])
    ways: tuple[tuple[str, str, list[Piece]], ...] = (
        ("split", "in two segments, the first full", _cut(large, 1460)),
        ("reordered", "in three segments that come last to first", [third, second, first]),
        ("repeated", "with its first and second segment sent again", [first, first, second, second, third]),
        ("overlapping", "with a segment that overlaps both neighbours", [first, overlap, second, third]),
        ("bytewise", "whose record header comes one byte at a time", _cut(large, 1, 2, 3, 4, 5, 6, 1000)),
    )
    for number, (name, about, pieces) in enumerate(ways):
        case = Case(f"hello-{name}", f"A post-quantum ClientHello {about}.")
        talk = tcp_talk(
            _CLIENT, _SERVER, 42000 + number, 443, pieces, tls_answer(number),
            name="www.icourse163.org", name_source="tls_sni",
        )  # fmt: skip
        case.add(talk)
        yield case
    case = Case("hello-many-records", "A ClientHello cut into records of 200 bytes, a record a segment.")
    message = client_hello(FIREFOX, "www.icourse163.org", Entropy(9))
    stream = records(message, most=200)
    case.add(
        tcp_talk(
            _CLIENT, _SERVER, 42010, 443, _cut(stream, *range(205, len(stream), 205)), tls_answer(10),
            name="www.icourse163.org", name_source="tls_sni",
        )
    )  # fmt: skip
    yield case


def _names() -> Iterator[Case]:
    case = Case(
        "names-what-is-no-name", "Server names that name nothing: absent, an address, bytes no host name has."
    )
    case.add(
        tcp_talk(
            _CLIENT,
            _SERVER,
            42020,
            443,
            [(0, tls_hello("", 1))],
            tls_answer(1),
            name=None,
            name_source="none",
        )
    )
    case.add(
        tcp_talk(
            _CLIENT, "203.0.113.11", 42021, 443, [(0, tls_hello("203.0.113.11", 2))], tls_answer(2),
            name=None, name_source="none",
        )
    )  # fmt: skip
    case.add(
        tcp_talk(
            _CLIENT, "203.0.113.12", 42022, 443, [(0, tls_hello("a b/c.example.com", 3))], tls_answer(3),
            category="unknown",
        )
    )  # fmt: skip
    yield case
    case = Case("names-upper-case", "A server name in capitals is the same name.")
    case.add(
        tcp_talk(
            _CLIENT, _SERVER, 42023, 443, [(0, tls_hello("WWW.ZXX.EDU.CN", 4))], tls_answer(4),
            name="www.zxx.edu.cn", name_source="tls_sni", category="education",
        )
    )  # fmt: skip
    yield case
    case = Case(
        "names-by-dns-answer",
        "A TLS hello without a name: the client's own DNS answer names the flow, through two CNAMEs.",
    )
    case.add(dns_talk("www.zxx.edu.cn", "203.0.113.77", aliases=("zxx.cdn.example.net", "edge.example.net")))
    case.add(
        tcp_talk(
            _CLIENT, "203.0.113.77", 42024, 443, [(0, tls_hello("", 5))], tls_answer(5),
            name="www.zxx.edu.cn", name_source="dns_answer", category="education",
        )
    )  # fmt: skip
    case.add(
        tcp_talk(
            "10.20.0.6", "203.0.113.77", 42025, 443, [(0, tls_hello("", 6))], tls_answer(6),
            name="www.zxx.edu.cn", name_source="dns_answer_shared",
        )
    )  # fmt: skip
    yield case
    case = Case(
        "names-third-parties",
        "One name a category: education, an ad network, a tracker, a game, a host nobody lists.",
    )
    for number, (host, category) in enumerate(
        (
            ("www.zxx.edu.cn", "education"), ("api.pangolin-sdk-toutiao.com", "advertising"),
            ("ulogs.umeng.com", "tracking"), ("pvp.qq.com", "game"),
            ("www.nobody-lists-this.example", "general"),
        )
    ):  # fmt: skip
        talk = tls_talk(host, server=f"203.0.113.{20 + number}", port=42030 + number)
        case.add(talk, category=category)
    yield case
    case = Case("http-requests", "HTTP/1 over plain TCP: a GET, a POST in absolute form, a Host with a port.")
    case.add(http_talk("static.smartedu.cn"), category="education", user_agent="curl/8.5.0")
    absolute = http_request("static.smartedu.cn", method="POST", target="http://static.smartedu.cn/report")
    case.add(
        tcp_talk(
            _CLIENT, "203.0.113.80", 41002, 80, [(0, absolute)], http_answer(),
            name="static.smartedu.cn", name_source="http_host", http_host="static.smartedu.cn",
        )
    )  # fmt: skip
    case.add(
        tcp_talk(
            _CLIENT, "203.0.113.80", 41003, 8080,
            [(0, http_request("static.smartedu.cn:8080"))], http_answer(),
            name="static.smartedu.cn", name_source="http_host",
        )
    )  # fmt: skip
    yield case


def _dns() -> Iterator[Case]:
    case = Case("dns-over-tcp", "Two queries in one TCP stream, the second cut between segments.")
    stream = dns_over_tcp(
        [dns_query("www.zxx.edu.cn", identity=1), dns_query("basic.smartedu.cn", identity=2)]
    )
    answer = dns_over_tcp(
        [dns_answer("www.zxx.edu.cn", "203.0.113.10", identity=1), dns_failure("basic.smartedu.cn", 2)]
    )
    case.add(
        tcp_talk(
            _CLIENT, "10.20.0.1", 42040, 53, _cut(stream, len(stream) - 9), answer,
            dns_query=["www.zxx.edu.cn", "basic.smartedu.cn"],
        )
    )  # fmt: skip
    yield case
    case = Case("dns-ipv6", "AAAA asked and answered, then the address used over IPv6.")
    case.add(
        dns_talk("www.chsi.com.cn", "2001:db8:99::7", client="2001:db8:20::5", resolver="2001:db8:20::1")
    )
    case.add(
        tcp_talk(
            "2001:db8:20::5", "2001:db8:99::7", 42041, 443, [(0, tls_hello("", 7))], tls_answer(7),
            name="www.chsi.com.cn", name_source="dns_answer", category="education",
        )
    )  # fmt: skip
    yield case


def _proxies() -> Iterator[Case]:
    hello = tls_hello("www.xuetangx.com", 11)
    case = Case("proxy-connect", "HTTP CONNECT, then TLS through it: the hello inside names the flow.")
    request = b"CONNECT www.xuetangx.com:443 HTTP/1.1\r\nHost: www.xuetangx.com:443\r\n\r\n"
    case.add(_through_proxy(42050, 3128, [request], [b"HTTP/1.1 200 Connection established\r\n\r\n"], hello))
    yield case
    case = Case("proxy-socks5", "SOCKS5 (RFC 1928) by host name, then TLS through it.")
    host = b"www.xuetangx.com"
    asked = [b"\x05\x01\x00", b"\x05\x01\x00\x03" + bytes([len(host)]) + host + struct.pack(">H", 443)]
    granted = [b"\x05\x00", b"\x05\x00\x00\x01\x0a\x14\x00\x01\x10\x00"]
    case.add(_through_proxy(42051, 1080, asked, granted, hello))
    yield case
    case = Case(
        "proxy-starttls", "SMTP with STARTTLS (RFC 3207): the hello after the upgrade names the flow."
    )
    asked = [b"EHLO campus.example\r\n", b"STARTTLS\r\n"]
    granted = [b"250-mail.example\r\n250 STARTTLS\r\n", b"220 ready\r\n"]
    talk = _through_proxy(
        42052, 25, asked, granted, tls_hello("mail.example.edu.cn", 12), b"220 mail.example ESMTP\r\n"
    )
    case.add(talk, name="mail.example.edu.cn")
    yield case


def _through_proxy(
    port: int, proxy_port: int, asked: list[bytes], granted: list[bytes], hello: bytes, greeting: bytes = b""
) -> Talk:
    """A dialogue in clear, then the hello, then the server's TLS answer."""
    talk = Talk(
        _CLIENT, "10.20.0.8", port, proxy_port, facts={"name": "www.xuetangx.com", "name_source": "tls_sni"}
    )
    mine, theirs = 1001, 5001
    talk.segment("S", mine - 1, 0)
    talk.segment("SA", theirs - 1, mine, from_server=True)
    talk.segment("A", mine, theirs)
    if greeting:
        talk.segment("PA", theirs, mine, greeting, from_server=True)
        theirs += len(greeting)
    for request, answer in zip(asked, granted, strict=True):
        talk.segment("PA", mine, theirs, request)
        mine += len(request)
        talk.segment("PA", theirs, mine, answer, from_server=True)
        theirs += len(answer)
    talk.segment("PA", mine, theirs, hello)
    mine += len(hello)
    talk.segment("PA", theirs, mine, tls_answer(port), from_server=True)
    talk.segment("RA", mine, theirs + len(tls_answer(port)))
    talk.facts["tcp_end"] = "rst"
    return talk


def _reuse() -> Iterator[Case]:
    case = Case(
        "tcp-port-reuse", "The same five-tuple twice, a new SYN after the FINs: two flows, two names."
    )
    for host, first_sequence in (("www.zxx.edu.cn", 1000), ("www.smartedu.cn", 4_000_000_000)):
        talk = tls_talk(host, port=42060, first_sequence=first_sequence)
        case.add(talk, category="education")
    yield case
    case = Case("tcp-midstream", "A conversation whose opening was not seen: client and server by port.")
    talk = Talk(
        _CLIENT, _SERVER, 42061, 443, facts={"name": None, "name_source": "none", "category": "unknown"}
    )
    for turn in range(6):
        talk.segment("PA", 9000 + 100 * turn, 7000, b"\x17\x03\x03\x00\x5f" + bytes(95), from_server=True)
        talk.segment("A", 7000, 9100 + 100 * turn)
    case.add(talk)
    yield case
    case = Case("tcp-refused", "A port that is closed: SYN answered by RST.")
    talk = Talk(_CLIENT, _SERVER, 42062, 8443, facts={"tcp_end": "rst", "name_source": "none"})
    talk.segment("S", 100, 0)
    talk.segment("RA", 0, 101, from_server=True)
    case.add(talk)
    yield case
    case = Case(
        "tls12-certificate", "TLS 1.2 without a server name: the certificate in clear names the flow."
    )
    from pcaps.record.certificates import self_signed

    flight = server_flight(Entropy(13), tls13=False, chain=[self_signed(["*.example.edu.cn"], 13)])
    stream = records(client_hello(OLD_APP, "", Entropy(13)))
    case.add(
        tcp_talk(
            _CLIENT, _SERVER, 42063, 443, [(0, stream)], flight, tls_version="TLS 1.2", name_source="tls_cert"
        )
    )
    yield case


def _quic() -> Iterator[Case]:
    entropy = Entropy(21)
    for name, about in (
        ("whole", "one CRYPTO frame"),
        ("scrambled", "CRYPTO frames cut, shuffled and spread over two datagrams"),
        ("scrambled-swapped", "the same, and the second datagram comes first"),
    ):
        destination = entropy.bytes(8)
        parameters = quic_bytes.transport_parameters(b"")
        profile = QUIC_APP if name == "whole" else QUIC_CHROME
        hello = client_hello(profile, "www.smartedu.cn", entropy, quic_parameters=parameters)
        if name == "whole":
            datagrams = quic_bytes.whole_hello(hello, destination, b"")
        else:
            datagrams = quic_bytes.scrambled_hello(hello, destination, b"", entropy)
        if name.endswith("swapped"):
            datagrams.reverse()
        talk = Talk(
            _CLIENT, _SERVER, 42070, 443, "udp",
            facts={
                "name": "www.smartedu.cn", "name_source": "quic_sni", "category": "education", "alpn": "h3",
            },
        )  # fmt: skip
        for datagram in datagrams:
            talk.datagram(datagram)
        case = Case(f"quic-{name}", f"A QUIC version 1 Initial: {about}.")
        case.add(talk)
        yield case


def cases() -> Iterator[Case]:
    """Every capture about streams and names."""
    for group in (_split_hellos, _names, _dns, _proxies, _reuse, _quic):
        yield from group()
