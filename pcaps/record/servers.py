"""The servers that real clients talk to: DNS over UDP and TCP, HTTP, HTTPS, HTTP/3.

Runs inside a network namespace, started by real_clients.py:
    python -m pcaps.record.servers CERTIFICATE KEY ADDRESS NAME...
"""

from __future__ import annotations

import asyncio
import ssl
import struct
import sys
from ipaddress import ip_address

from aioquic.asyncio import QuicConnectionProtocol, serve
from aioquic.h3.connection import H3Connection
from aioquic.h3.events import HeadersReceived
from aioquic.quic.configuration import QuicConfiguration
from aioquic.quic.events import ProtocolNegotiated, QuicEvent
from scapy.layers.dns import DNS, DNSRR

_PAGE = b"<!doctype html><title>lesson</title><p>lesson</p>"
_A = 1


def dns_reply(message: bytes, names: set[str], address: str) -> bytes:
    """An answer for a known name, NXDOMAIN for every other."""
    query = DNS(message)
    question = query.qd[0]
    host = question.qname.decode("ascii", "replace").rstrip(".").lower()
    known = host in names
    answers = (
        [DNSRR(rrname=question.qname, type="A", ttl=300, rdata=address)]
        if known and question.qtype == _A
        else []
    )
    return bytes(DNS(id=query.id, qr=1, rd=1, ra=1, rcode=0 if known else 3, qd=[question], an=answers))


class DnsDatagrams(asyncio.DatagramProtocol):
    """DNS over UDP."""

    def __init__(self, names: set[str], address: str) -> None:
        self._names, self._address = names, address

    def connection_made(self, transport: asyncio.DatagramTransport) -> None:  # type: ignore[override]
        self._transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self._transport.sendto(dns_reply(data, self._names, self._address), addr)


async def http(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """One request, one page."""
    try:
        await reader.readuntil(b"\r\n\r\n")
        head = (
            b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nConnection: close\r\nContent-Length: %d\r\n\r\n"
        )
        writer.write(head % len(_PAGE) + _PAGE)
        await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        pass
    writer.close()


class Http3(QuicConnectionProtocol):
    """HTTP/3: a page for every request."""

    _http: H3Connection | None = None

    def quic_event_received(self, event: QuicEvent) -> None:
        if isinstance(event, ProtocolNegotiated):
            self._http = H3Connection(self._quic)
        if self._http is None:
            return
        for received in self._http.handle_event(event):
            if isinstance(received, HeadersReceived):
                headers = [(b":status", b"200"), (b"content-type", b"text/html")]
                self._http.send_headers(received.stream_id, headers)
                self._http.send_data(received.stream_id, _PAGE, end_stream=True)
                self.transmit()


async def main(certificate: str, key: str, address: str, names: set[str]) -> None:
    """Serve until ended."""

    async def dns(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                (length,) = struct.unpack(">H", await reader.readexactly(2))
                reply = dns_reply(await reader.readexactly(length), names, address)
                writer.write(struct.pack(">H", len(reply)) + reply)
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    loop = asyncio.get_running_loop()
    any_address = str(ip_address(0))
    await loop.create_datagram_endpoint(lambda: DnsDatagrams(names, address), local_addr=(any_address, 53))
    await asyncio.start_server(dns, any_address, 53)
    await asyncio.start_server(http, any_address, 80)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    await asyncio.start_server(http, any_address, 443, ssl=context)
    configuration = QuicConfiguration(is_client=False, alpn_protocols=["h3"])
    configuration.load_cert_chain(certificate, key)
    # Bound to its own address: a wildcard socket would answer from the interface's first one.
    await serve(address, 443, configuration=configuration, create_protocol=Http3)
    print("ready", flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], sys.argv[3], set(sys.argv[4:])))
