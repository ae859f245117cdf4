"""QUIC version 1 Initial packets, really encrypted (RFC 9000, RFC 9001), so that any tool can open them."""

from __future__ import annotations

import hmac
import itertools

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from monitor.simulate.tls_bytes import Entropy

VERSION_1 = 1
#: RFC 9001 section 5.2.
INITIAL_SALT = bytes.fromhex("38762cf7f55934b34d179ae6a4c80cadccbb7f0a")
LEAST_DATAGRAM = 1200


def variable(value: int) -> bytes:
    """A variable-length integer (RFC 9000 section 16)."""
    if value < 64:
        return bytes([value])
    if value < 16384:
        return (value | 0x4000).to_bytes(2, "big")
    return (value | 0x80000000).to_bytes(4, "big")


def _label(length: int, text: bytes) -> bytes:
    return length.to_bytes(2, "big") + bytes([6 + len(text)]) + b"tls13 " + text + b"\0\x01"


_CLIENT_IN, _SERVER_IN = _label(32, b"client in"), _label(32, b"server in")
_KEY, _IV, _HEADER = _label(16, b"quic key"), _label(12, b"quic iv"), _label(16, b"quic hp")


class InitialKeys:
    """One side's Initial keys, from the client's first destination connection id."""

    def __init__(self, connection_id: bytes, *, client: bool) -> None:
        common = hmac.digest(INITIAL_SALT, connection_id, "sha256")
        secret = hmac.digest(common, _CLIENT_IN if client else _SERVER_IN, "sha256")
        self._aead = AESGCM(hmac.digest(secret, _KEY, "sha256")[:16])
        self._iv = int.from_bytes(hmac.digest(secret, _IV, "sha256")[:12], "big")
        self._header = Cipher(
            algorithms.AES(hmac.digest(secret, _HEADER, "sha256")[:16]), modes.ECB()
        ).encryptor()

    def seal(self, header: bytes, number: int, frames: bytes) -> bytes:
        """Encrypt and mask one packet whose header ends in a 2-byte packet number."""
        sealed = self._aead.encrypt((self._iv ^ number).to_bytes(12, "big"), frames, header)
        mask = self._header.update(sealed[2:18])  # the sample starts 4 bytes after the number's start
        first = header[0] ^ (mask[0] & 0x0F)
        masked = bytes([header[-2] ^ mask[1], header[-1] ^ mask[2]])
        return bytes([first]) + header[1:-2] + masked + sealed


def crypto_frame(offset: int, data: bytes) -> bytes:
    """A CRYPTO frame (RFC 9000 section 19.6)."""
    return b"\x06" + variable(offset) + variable(len(data)) + data


def initial(
    keys: InitialKeys,
    destination: bytes,
    source: bytes,
    number: int,
    frames: bytes,
    *,
    token: bytes = b"",
    datagram_bytes: int = LEAST_DATAGRAM,
) -> bytes:
    """One Initial packet, padded so that it fills a datagram of `datagram_bytes`."""
    head = b"\xc1" + VERSION_1.to_bytes(4, "big") + bytes([len(destination)]) + destination
    head += bytes([len(source)]) + source + variable(len(token)) + token
    room = datagram_bytes - len(head) - 2 - 2 - 16
    frames += bytes(max(room - len(frames), 0))
    length = (len(frames) + 2 + 16) | 0x4000
    return keys.seal(head + length.to_bytes(2, "big") + number.to_bytes(2, "big"), number, frames)


def transport_parameters(source: bytes) -> bytes:
    """A client's transport parameters (RFC 9000 section 18)."""
    values = [
        (1, 30000),
        (3, 1472),
        (4, 15728640),
        (5, 6291456),
        (6, 6291456),
        (7, 6291456),
        (8, 100),
        (9, 103),
    ]
    body = b"".join(
        variable(number) + variable(len(variable(value))) + variable(value) for number, value in values
    )
    return body + variable(15) + variable(len(source)) + source


def whole_hello(hello: bytes, destination: bytes, source: bytes) -> list[bytes]:
    """The hello in one CRYPTO frame of one datagram."""
    keys = InitialKeys(destination, client=True)
    return [initial(keys, destination, source, 0, crypto_frame(0, hello), datagram_bytes=1250)]


def scrambled_hello(hello: bytes, destination: bytes, source: bytes, entropy: Entropy) -> list[bytes]:
    """The hello cut into CRYPTO frames, shuffled, PING and PADDING between them, over two datagrams.

    Chrome does so on purpose, and a post-quantum hello does not fit one datagram anyway.
    """
    cuts = {*range(0, len(hello), 560), *(1 + entropy.below(len(hello) - 1) for _ in range(5))}
    edges = [*sorted(cuts), len(hello)]
    pieces = [crypto_frame(start, hello[start:end]) for start, end in itertools.pairwise(edges)]
    order = entropy.bytes(len(pieces))
    pieces = [pieces[index] for index in sorted(range(len(pieces)), key=order.__getitem__)]
    keys = InitialKeys(destination, client=True)
    datagrams: list[bytes] = []
    frames = b""
    for piece in pieces:
        if len(frames) + len(piece) > 1170:
            datagrams.append(initial(keys, destination, source, len(datagrams), frames, datagram_bytes=1250))
            frames = b""
        frames += piece + (b"\x01" if len(frames) & 1 else b"\0\0")
    datagrams.append(initial(keys, destination, source, len(datagrams), frames, datagram_bytes=1250))
    return datagrams


def server_initial(
    destination: bytes, client_source: bytes, server_source: bytes, server_hello: bytes
) -> bytes:
    """The server's first Initial: an ACK and its ServerHello, keyed on the client's first connection id."""
    keys = InitialKeys(destination, client=False)
    acknowledged = b"\x02" + variable(0) + variable(10) + variable(0) + variable(0)
    return initial(keys, client_source, server_source, 0, acknowledged + crypto_frame(0, server_hello))
