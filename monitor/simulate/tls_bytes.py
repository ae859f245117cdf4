"""TLS messages byte by byte (RFC 8446, RFC 5246), for captures whose every field is known.

The client profiles resemble today's: which extensions, in which order, how long. Keys and
randoms are drawn from a seed and belong to nobody.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

X25519, X25519_MLKEM768 = 0x001D, 0x11EC
#: Lengths of a client's key shares: RFC 7748, and X25519MLKEM768 (1184 + 32 bytes).
KEY_SHARE_BYTES = {X25519: 32, X25519_MLKEM768: 1216, 0x0017: 65}


class Entropy:
    """Bytes from a seed, drawn a megabyte at a time: keys and randoms that are the same every time."""

    def __init__(self, seed: int) -> None:
        self._generator = np.random.default_rng(seed)
        self._block = b""
        self._at = 0

    def bytes(self, count: int) -> bytes:
        """The next `count` bytes."""
        if self._at + count > len(self._block):
            self._block, self._at = self._generator.bytes(1 << 20), 0
        self._at += count
        return self._block[self._at - count : self._at]

    def below(self, bound: int) -> int:
        """A number from 0 to `bound` - 1."""
        return int.from_bytes(self.bytes(4), "big") % bound


@dataclass(frozen=True, slots=True)
class ClientProfile:
    """How one kind of client says hello."""

    name: str
    ciphers: tuple[int, ...]
    groups: tuple[int, ...]
    key_shares: tuple[int, ...]
    signatures: tuple[int, ...]
    versions: tuple[int, ...]
    alpn: tuple[bytes, ...]
    grease: bool = False
    #: Chrome shuffles its extensions anew for every connection.
    shuffled: bool = False
    #: A GREASE Encrypted ClientHello (draft-ietf-tls-esni section 6.2), as Chrome sends to every server.
    ech_grease: bool = False
    padded_to: int = 0


_BROWSER_CIPHERS = (
    0x1301,
    0x1302,
    0x1303,
    0xC02B,
    0xC02F,
    0xC02C,
    0xC030,
    0xCCA9,
    0xCCA8,
    0xC013,
    0xC014,
    0x9C,
    0x9D,
    0x2F,
    0x35,
)
_BROWSER_SIGNATURES = (0x0403, 0x0804, 0x0401, 0x0503, 0x0805, 0x0501, 0x0806, 0x0601)

CHROME = ClientProfile(
    "chrome",
    _BROWSER_CIPHERS,
    (X25519_MLKEM768, X25519, 0x17, 0x18),
    (X25519_MLKEM768, X25519),
    _BROWSER_SIGNATURES,
    (0x0304, 0x0303),
    (b"h2", b"http/1.1"),
    grease=True,
    shuffled=True,
    ech_grease=True,
)
FIREFOX = ClientProfile(
    "firefox",
    (0x1301, 0x1303, 0x1302, *_BROWSER_CIPHERS[3:]),
    (X25519_MLKEM768, X25519, 0x17, 0x18, 0x19, 0x100),
    (X25519_MLKEM768, X25519, 0x0017),
    (0x0403, 0x0503, 0x0603, *_BROWSER_SIGNATURES[1:]),
    (0x0304, 0x0303),
    (b"h2", b"http/1.1"),
)
ANDROID_APP = ClientProfile(
    "android-app",
    _BROWSER_CIPHERS,
    (X25519, 0x17, 0x18),
    (X25519,),
    _BROWSER_SIGNATURES,
    (0x0304, 0x0303),
    (b"h2", b"http/1.1"),
    padded_to=517,
)
IPHONE_APP = ClientProfile(
    "iphone-app",
    (0x1301, 0x1302, 0x1303, 0xC02C, 0xC02B, 0xCCA9, 0xC030, 0xC02F, 0xCCA8),
    (X25519, 0x17, 0x18, 0x19),
    (X25519,),
    _BROWSER_SIGNATURES,
    (0x0304, 0x0303),
    (b"h2", b"http/1.1"),
    grease=True,
    padded_to=517,
)
OLD_APP = ClientProfile(
    "old-app",
    (0xC02B, 0xC02F, 0xC02C, 0xC030, 0x9C, 0x9D, 0x2F, 0x35),
    (X25519, 0x17, 0x18),
    (),
    (0x0403, 0x0401, 0x0501, 0x0601, 0x0201),
    (),
    (b"http/1.1",),
)
#: As OpenSSL 3 says hello for a program that asks for no protocol, such as a miner: no ALPN.
PROGRAM = ClientProfile(
    "program",
    (0x1302, 0x1303, 0x1301, 0xC02C, 0xC030, 0xC02B, 0xC02F, 0xCCA9, 0xCCA8),
    (X25519, 0x17, 0x18, 0x19),
    (X25519,),
    _BROWSER_SIGNATURES,
    (0x0304, 0x0303),
    (),
)
QUIC_CHROME = ClientProfile(
    "quic-chrome",
    (0x1301, 0x1302, 0x1303),
    (X25519_MLKEM768, X25519, 0x17, 0x18),
    (X25519_MLKEM768, X25519),
    _BROWSER_SIGNATURES,
    (0x0304,),
    (b"h3",),
    shuffled=True,
    ech_grease=True,
)
QUIC_APP = ClientProfile(
    "quic-app",
    (0x1301, 0x1302, 0x1303),
    (X25519, 0x17, 0x18),
    (X25519,),
    _BROWSER_SIGNATURES,
    (0x0304,),
    (b"h3",),
)


def u16(value: int) -> bytes:
    """Two bytes, network order."""
    return value.to_bytes(2, "big")


def vector(body: bytes, length_bytes: int) -> bytes:
    """A variable-length vector (RFC 8446 section 3.4): its length, then its bytes."""
    return len(body).to_bytes(length_bytes, "big") + body


def extension(number: int, body: bytes) -> bytes:
    """One extension: type, length, body."""
    return u16(number) + vector(body, 2)


def server_name(host: bytes) -> bytes:
    """The server_name extension (RFC 6066 section 3)."""
    return extension(0, vector(b"\0" + vector(host, 2), 2))


def _grease(drawn: bytes, position: int) -> int:
    """One of the sixteen reserved values of RFC 8701."""
    nibble = drawn[position] & 0x0F
    return 0x0A0A + nibble * 0x1010


def client_hello(
    profile: ClientProfile,
    host: str,
    entropy: Entropy,
    *,
    quic_parameters: bytes | None = None,
    extra: bytes = b"",
) -> bytes:
    """A ClientHello handshake message (with its 4-byte header); `extra`: whole further extensions."""
    drawn = entropy.bytes(80)
    session = b"" if quic_parameters is not None else drawn[32:64]
    ciphers = b"".join(u16(cipher) for cipher in profile.ciphers)
    groups = b"".join(u16(group) for group in profile.groups)
    versions = b"".join(u16(version) for version in profile.versions)
    shares = b""
    if profile.grease:
        grease = [u16(_grease(drawn, 64 + position)) for position in range(4)]
        ciphers, groups, versions = grease[0] + ciphers, grease[1] + groups, grease[2] + versions
        shares = grease[1] + vector(b"\0", 2)
    for group in profile.key_shares:
        shares += u16(group) + vector(entropy.bytes(KEY_SHARE_BYTES[group]), 2)

    parts = [
        extension(10, vector(groups, 2)),
        extension(11, b"\x01\x00"),
        extension(13, vector(b"".join(u16(scheme) for scheme in profile.signatures), 2)),
    ]
    if profile.alpn:
        parts.append(extension(16, vector(b"".join(vector(protocol, 1) for protocol in profile.alpn), 2)))
    if host:
        parts.insert(0, server_name(host.encode("ascii")))
    if profile.versions:
        parts.append(extension(43, vector(versions, 1)))
        parts.append(extension(51, vector(shares, 2)))
        parts.append(extension(45, b"\x01\x01"))
    if quic_parameters is None:
        parts += [
            extension(23, b""),
            extension(0xFF01, b"\0"),
            extension(5, b"\x01\0\0\0\0"),
            extension(35, b""),
        ]
    else:
        parts.append(extension(57, quic_parameters))
    if profile.ech_grease:
        outer = b"\x00\x00\x01\x00\x01" + drawn[72:73] + vector(entropy.bytes(32), 2)
        parts.append(extension(0xFE0D, outer + vector(entropy.bytes(176), 2)))
        parts.append(extension(27, b"\x02\x00\x02"))
        parts.append(extension(17613, b"\x00\x03\x02h2"))
    if profile.shuffled:
        order = entropy.bytes(len(parts))
        parts = [parts[index] for index in sorted(range(len(parts)), key=order.__getitem__)]
    if profile.grease:
        parts = [grease[3] + b"\0\0", *parts]
    body = b"".join(parts) + extra
    head = b"\x03\x03" + drawn[:32] + vector(session, 1) + vector(ciphers, 2) + b"\x01\x00"
    missing = profile.padded_to - 9 - len(head) - 2 - len(body)
    if missing >= 4:
        body += extension(21, bytes(missing - 4))  # padding, RFC 7685
    return b"\x01" + vector(head + vector(body, 2), 3)


def records(messages: bytes, content_type: int = 22, version: int = 0x0301, most: int = 16384) -> bytes:
    """The bytes as TLS records of at most `most` bytes each."""
    pieces = [messages[start : start + most] for start in range(0, len(messages), most)]
    return b"".join(bytes([content_type]) + u16(version) + vector(piece, 2) for piece in pieces)


def server_hello(entropy: Entropy, *, tls13: bool, cipher: int, session: bytes = b"") -> bytes:
    """A ServerHello handshake message that picks `cipher`."""
    if tls13:
        extensions = extension(43, b"\x03\x04") + extension(51, u16(X25519) + vector(entropy.bytes(32), 2))
    else:
        extensions = extension(0xFF01, b"\0") + extension(11, b"\x01\x00")
    body = b"\x03\x03" + entropy.bytes(32) + vector(session, 1) + u16(cipher) + b"\0" + vector(extensions, 2)
    return b"\x02" + vector(body, 3)


def certificate_message(chain: list[bytes]) -> bytes:
    """A TLS 1.2 Certificate message around DER certificates."""
    return b"\x0b" + vector(vector(b"".join(vector(der, 3) for der in chain), 3), 3)


def server_flight(entropy: Entropy, *, tls13: bool, chain: list[bytes]) -> bytes:
    """What the server sends first, in records: TLS 1.3 hides its certificate, 1.2 shows it."""
    if tls13:
        return (
            records(server_hello(entropy, tls13=True, cipher=0x1301, session=bytes(32)), version=0x0303)
            + records(b"\x01", content_type=20, version=0x0303)
            + records(entropy.bytes(2600), content_type=23, version=0x0303)
        )
    done = b"\x0e\0\0\0"
    exchange = b"\x0c" + vector(
        b"\x03" + u16(X25519) + vector(entropy.bytes(32), 1) + u16(0x0804) + vector(entropy.bytes(256), 2), 3
    )
    hello = server_hello(entropy, tls13=False, cipher=0xC02F)
    return b"".join(
        records(part, version=0x0303) for part in (hello, certificate_message(chain), exchange, done)
    )
