"""DNS messages and HTTP requests for crafted captures."""

from __future__ import annotations

import itertools
import struct

from scapy.layers.dns import DNS, DNSQR, DNSRR

from pcaps.record.cases import Talk, tcp_talk

A, CNAME, AAAA, HTTPS = 1, 5, 28, 65


def dns_query(host: str, kind: int = A, identity: int = 0x1234) -> bytes:
    """A query message."""
    return bytes(DNS(id=identity, rd=1, qd=[DNSQR(qname=host, qtype=kind)]))


def dns_answer(
    host: str, address: str, *, aliases: tuple[str, ...] = (), identity: int = 0x1234, ttl: int = 300
) -> bytes:
    """A response: a chain of CNAMEs from `host` through `aliases`, then an address."""
    kind = AAAA if ":" in address else A
    owners = [host, *aliases]
    chain = [
        DNSRR(rrname=owner, type="CNAME", ttl=ttl, rdata=target)
        for owner, target in itertools.pairwise(owners)
    ]
    last = DNSRR(rrname=owners[-1], type=kind, ttl=ttl, rdata=address)
    question = [DNSQR(qname=host, qtype=kind)]
    return bytes(DNS(id=identity, qr=1, rd=1, ra=1, qd=question, an=[*chain, last]))


def dns_failure(host: str, identity: int = 0x1234) -> bytes:
    """A response that says the name does not exist (NXDOMAIN)."""
    return bytes(DNS(id=identity, qr=1, rd=1, ra=1, rcode=3, qd=[DNSQR(qname=host)]))


def dns_talk(
    host: str,
    address: str,
    *,
    client: str = "10.20.0.5",
    resolver: str = "10.20.0.1",
    port: int = 50001,
    aliases: tuple[str, ...] = (),
) -> Talk:
    """A query over UDP and its answer."""
    talk = Talk(client, resolver, port, 53, "udp", facts={"dns_query": [host]})
    talk.datagram(dns_query(host, AAAA if ":" in address else A, port))
    talk.datagram(dns_answer(host, address, aliases=aliases, identity=port), from_server=True)
    return talk


def dns_over_tcp(messages: list[bytes]) -> bytes:
    """Messages as a TCP stream carries them: each behind its length (RFC 1035 section 4.2.2)."""
    return b"".join(struct.pack(">H", len(message)) + message for message in messages)


def http_request(host: str, *, method: str = "GET", target: str = "/", agent: str = "curl/8.5.0") -> bytes:
    """A request with a Host field."""
    text = f"{method} {target} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: {agent}\r\nAccept: */*\r\n\r\n"
    return text.encode("ascii")


def http_answer(body: bytes = b"ok") -> bytes:
    """A short 200 response."""
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body


def http_talk(
    host: str, *, port: int = 41001, server: str = "203.0.113.80", client: str = "10.20.0.5"
) -> Talk:
    """One request and its response."""
    return tcp_talk(
        client, server, port, 80, [(0, http_request(host))], http_answer(),
        name=host, name_source="http_host", http_host=host,
    )  # fmt: skip
