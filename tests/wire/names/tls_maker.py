"""Real TLS bytes from OpenSSL in memory, ClientHellos field by field, and a plain reader of them."""

from __future__ import annotations

import datetime
import ssl
import struct
import tempfile
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


def certificate(common_name: str, dns_names: list[str]) -> tuple[bytes, ec.EllipticCurvePrivateKey]:
    """A self-signed certificate in DER, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Invented School"),
            x509.NameAttribute(NameOID.COMMON_NAME, common_name),
        ]
    )
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1234567)
        .not_valid_before(datetime.datetime(2025, 1, 1))
        .not_valid_after(datetime.datetime(2035, 1, 1))
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
    )
    if dns_names:
        names = [x509.RFC822Name("post@example.org"), *(x509.DNSName(one) for one in dns_names)]
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    made = builder.sign(key, hashes.SHA256())
    return made.public_bytes(serialization.Encoding.DER), key


@cache
def handshake(version: ssl.TLSVersion, name: str | None) -> tuple[bytes, bytes]:
    """What client and server first say in a handshake of this version: two streams."""
    der, key = certificate("old.example.org", ["*.lessons.example.org", "other.example.org"])
    server_context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with tempfile.NamedTemporaryFile() as file:
        file.write(ssl.DER_cert_to_PEM_cert(der).encode())
        file.write(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
        file.flush()
        server_context.load_cert_chain(file.name)
    server_context.set_alpn_protocols(["http/1.1"])
    client_context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client_context.check_hostname = False
    client_context.verify_mode = ssl.CERT_NONE
    client_context.maximum_version = version
    client_context.set_alpn_protocols(["h2", "http/1.1"])
    to_client, to_server = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = client_context.wrap_bio(to_client, to_server, server_hostname=name)
    server = server_context.wrap_bio(to_server, to_client, server_side=True)
    said = []
    for end, out in ((client, to_server), (server, to_client)):
        with suppress(ssl.SSLWantReadError):
            end.do_handshake()
        said.append(out.read())
        out.write(said[-1])
    return said[0], said[1]


def extension(kind: int, body: bytes) -> bytes:
    return struct.pack(">HH", kind, len(body)) + body


def server_name(name: bytes) -> bytes:
    return extension(0, struct.pack(">HBH", len(name) + 3, 0, len(name)) + name)


#: An outer ECH extension: type, KDF, AEAD, config_id, enc, payload.
ECH = extension(0xFE0D, struct.pack(">BHHBH32xH144x", 0, 1, 1, 7, 32, 144))


def hello(extensions: bytes, ciphers: tuple[int, ...] = (0x1301, 0xC02B), version: int = 0x0303) -> bytes:
    """A ClientHello with its handshake header, no record header."""
    suites = b"".join(struct.pack(">H", one) for one in ciphers)
    body = struct.pack(">H", version) + bytes(range(32)) + b"\0" + struct.pack(">H", len(suites)) + suites
    body += b"\1\0" + (struct.pack(">H", len(extensions)) + extensions if extensions else b"")
    return b"\1" + len(body).to_bytes(3, "big") + body


def records(message: bytes, size: int = 16384) -> bytes:
    """The message in TLS records of at most `size` bytes."""
    parts = [message[i : i + size] for i in range(0, len(message), size)]
    return b"".join(b"\x16\3\1" + struct.pack(">H", len(part)) + part for part in parts)


@dataclass
class PlainHello:
    """A ClientHello as its plain reader sees it."""

    name: bytes | None = None
    alpn: bytes | None = None
    version: int = 0
    highest: int = 0
    ech: int = 0
    ciphers: list[int] = field(default_factory=list)
    extensions: list[int] = field(default_factory=list)


def _numbers(data: bytes) -> list[int]:
    return [int.from_bytes(data[i : i + 2], "big") for i in range(0, len(data) - 1, 2)]


def _take(data: bytes, width: int) -> tuple[bytes, bytes]:
    """A vector with a length of `width` bytes, and what follows. Raises ValueError if cut."""
    length = int.from_bytes(data[:width], "big")
    if len(data) < width + length:
        raise ValueError("cut")
    return data[width : width + length], data[width + length :]


def _names(body: bytes) -> bytes | None:
    rest = body[2:]
    while len(rest) >= 3:
        if len(rest) < 3 + int.from_bytes(rest[1:3], "big"):
            return None
        kind, (name, rest) = rest[0], _take(rest[1:], 2)
        if kind == 0:
            return name
    return None


def plain_hello(message: bytes) -> PlainHello | str:
    """The twin of `read_client_hello`: a hello, or "more", "bad" or "other"."""
    if not message:
        return "more"
    if message[0] != 1:
        return "other"
    if len(message) < 4:
        return "more"
    length = int.from_bytes(message[1:4], "big")
    if not 38 <= length <= 16384:
        return "bad"
    if len(message) > 4 and message[4] != 3:
        return "other"
    if len(message) < 4 + length:
        return "more"
    body = message[4 : 4 + length]
    found = PlainHello(version=int.from_bytes(body[:2], "big"), highest=int.from_bytes(body[:2], "big"))
    try:
        _, rest = _take(body[34:], 1)
        if len(rest) < 2:
            return "bad"
        suites, rest = _take(rest, 2)
        if not rest:
            return "bad"
        _, rest = _take(rest, 1)
        if len(rest) < 2:
            found.ciphers = _numbers(suites)
            return found
        listed, _ = _take(rest, 2)
        found.ciphers = _numbers(suites)
        while len(listed) >= 4:
            kind = int.from_bytes(listed[:2], "big")
            inner, listed = _take(listed[2:], 2)
            _extension(found, kind, inner)
    except ValueError:
        return "bad"
    return found


def _extension(found: PlainHello, kind: int, body: bytes) -> None:
    seen = kind in found.extensions
    found.extensions.append(kind)
    if kind == 0 and not seen:
        found.name = _names(body)
    elif kind == 16 and found.alpn is None and len(body) >= 2:
        found.alpn = body[2 : 2 + int.from_bytes(body[:2], "big")]
    elif kind == 43 and body:
        offered = _numbers(body[1 : 1 + body[0]])
        known = [v for v in offered if not (v & 0x0F0F == 0x0A0A and v >> 8 == v & 255)]
        found.highest = max(known, default=found.highest)
    elif kind == 0xFE0D and found.ech == 0 and body:
        found.ech = 2 if body[0] == 1 else 1
