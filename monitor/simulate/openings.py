"""The bytes that open a connection: hellos, Initials, requests, queries, and the first answers.

Made once for each distinct opening and kept in one arena, from which packets are copied.
"""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from monitor.simulate import quic_bytes, tls_bytes
from monitor.simulate.people import ANDROID, CHROME, FIREFOX, IPHONE
from monitor.simulate.tls_bytes import Entropy
from monitor.simulate.visits import TLS10, TLS12, TLS_RSA

#: A program that is no browser and no app; other kinds of client stand in people.py.
PROGRAM = 4
#: How each kind of client says hello.
PROFILES = {
    PROGRAM: tls_bytes.PROGRAM,
    ANDROID: tls_bytes.ANDROID_APP,
    IPHONE: tls_bytes.IPHONE_APP,
    CHROME: tls_bytes.CHROME,
    FIREFOX: tls_bytes.FIREFOX,
}
USER_AGENTS = {
    ANDROID: "okhttp/4.12.0",
    IPHONE: "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 Mobile/15E148",
    CHROME: "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/140.0.0.0 Safari/537.36",
    FIREFOX: "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
}
_VERSION_1_0, _VERSION_1_2 = b"\x03\x01", b"\x03\x03"
#: TLS_RSA_WITH_AES_128_GCM_SHA256; TLS_ECDHE_RSA with AES_128_CBC_SHA and with AES_128_GCM_SHA256.
_RSA, _ECDHE_CBC, _ECDHE_GCM = 0x009C, 0xC013, 0xC02F
_A, _AAAA = 1, 28
_DAY_TTL = 300


class Arena:
    """Distinct byte strings, one after another."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []
        self._size = 0

    def add(self, piece: bytes) -> tuple[int, int]:
        """Where a piece stands: start and length."""
        place = self._size, len(piece)
        self._pieces.append(piece)
        self._size += len(piece)
        return place

    def bytes(self) -> bytes:
        """All pieces."""
        self._pieces = [b"".join(self._pieces)]
        return self._pieces[0]


def tls_opening(how: int, kind: int, host: str, entropy: Entropy) -> tuple[bytes, bytes, int]:
    """Client's and server's first bytes, and where the client's are cut."""
    if how in (TLS12, TLS10, TLS_RSA):
        hello = tls_bytes.client_hello(tls_bytes.OLD_APP, host, entropy)
        version = _VERSION_1_0 if how == TLS10 else _VERSION_1_2
        if how == TLS10:  # a client that knows nothing newer
            hello = hello[:4] + version + hello[6:]
        cipher = {TLS12: _ECDHE_GCM, TLS10: _ECDHE_CBC, TLS_RSA: _RSA}[how]
        return tls_bytes.records(hello), _old_flight(host, version, cipher, entropy), 0
    hello = tls_bytes.records(tls_bytes.client_hello(PROFILES[kind], host, entropy))
    flight = tls_bytes.records(
        tls_bytes.server_hello(entropy, tls13=True, cipher=0x1301, session=bytes(32)), version=0x0303
    ) + tls_bytes.records(b"\x01", content_type=20, version=0x0303)
    return hello, flight, 1_440 if len(hello) > 1_440 else 0


def quic_opening(kind: int, host: str, entropy: Entropy) -> tuple[bytes, bytes, int]:
    """Client's Initial datagrams one after another, the server's, and where the first ends."""
    destination = entropy.bytes(8)
    parameters = quic_bytes.transport_parameters(b"")
    answer = quic_bytes.server_initial(
        destination, b"", entropy.bytes(8), tls_bytes.server_hello(entropy, tls13=True, cipher=0x1301)
    )
    if kind in (CHROME, FIREFOX):
        message = tls_bytes.client_hello(tls_bytes.QUIC_CHROME, host, entropy, quic_parameters=parameters)
        first, *rest = quic_bytes.scrambled_hello(message, destination, b"", entropy)
        return first + b"".join(rest), answer, len(first) if rest else 0
    message = tls_bytes.client_hello(tls_bytes.QUIC_APP, host, entropy, quic_parameters=parameters)
    return quic_bytes.whole_hello(message, destination, b"")[0], answer, 0


def http_opening(kind: int, host: str, page: str, personal: str) -> tuple[bytes, bytes, int]:
    """A request and the head of its answer; `personal` is a query string, "" without."""
    referer = f"Referer: http://{page}/\r\n" if page else ""
    path = f"/api/report?{personal}" if personal else "/api/list"
    request = (
        f"GET {path} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: {USER_AGENTS[kind]}\r\nAccept: */*\r\n"
        f"{referer}Connection: keep-alive\r\n\r\n"
    )
    answer = (
        "HTTP/1.1 200 OK\r\nServer: nginx\r\nContent-Type: application/json\r\n"
        "Content-Length: 40000\r\n\r\n"
    )
    return request.encode("ascii"), answer.encode("ascii"), 0


def dns_opening(host: str, address: bytes | None, kind: int = 1) -> tuple[bytes, bytes, int]:
    """A query and its answer: one address of either length, or that there is no such name."""
    of_address = _AAAA if address is not None and len(address) == 16 else _A
    kind = _AAAA if of_address == _AAAA else kind
    question = dns_name(host) + kind.to_bytes(2, "big") + b"\0\1"
    query = b"\0\0\x01\0\0\1\0\0\0\0\0\0" + question
    if address is None:
        return query, b"\0\0\x81\x83\0\1\0\0\0\0\0\0" + question, 0
    answer = b"\xc0\x0c" + of_address.to_bytes(2, "big") + b"\0\1" + _DAY_TTL.to_bytes(4, "big")
    answer += len(address).to_bytes(2, "big") + address
    return query, b"\0\0\x81\x80\0\1\0\1\0\0\0\0" + question + answer, 0


def dns_name(host: str) -> bytes:
    """A name in wire form (RFC 1035 section 3.1)."""
    return b"".join(bytes([len(label)]) + label.encode("ascii") for label in host.split(".")) + b"\0"


@lru_cache(maxsize=4096)
def certificate(host: str) -> bytes:
    """A self-signed certificate (DER) for a host, the same bytes every time."""
    seed = host.encode("ascii")[:32].ljust(32, b"\1")
    key = Ed25519PrivateKey.from_private_bytes(seed)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, host[:64])])
    built = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
        .serial_number(1000)
        .not_valid_before(datetime(2020, 1, 1, tzinfo=UTC)).not_valid_after(datetime(2040, 1, 1, tzinfo=UTC))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
        .sign(key, None)
    )  # fmt: skip
    return built.public_bytes(serialization.Encoding.DER)


def _old_flight(host: str, version: bytes, cipher: int, entropy: Entropy) -> bytes:
    """What a server of TLS 1.2 or 1.0 sends first, in records."""
    hello = tls_bytes.server_hello(entropy, tls13=False, cipher=cipher)
    hello = hello[:4] + version + hello[6:]
    parts = [hello, tls_bytes.certificate_message([certificate(host)])]
    if cipher != _RSA:
        share = b"\x03" + tls_bytes.u16(tls_bytes.X25519) + tls_bytes.vector(entropy.bytes(32), 1)
        signed = tls_bytes.vector(entropy.bytes(256), 2)
        if version == _VERSION_1_2:  # older versions do not name the algorithm
            signed = tls_bytes.u16(0x0804) + signed
        parts.append(b"\x0c" + tls_bytes.vector(share + signed, 3))
    parts.append(b"\x0e\0\0\0")
    number = int.from_bytes(version, "big")
    return b"".join(tls_bytes.records(part, version=number) for part in parts)


