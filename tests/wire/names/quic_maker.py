"""Makes QUIC datagrams with aioquic's packet protection, and the PAYLOAD_REFs that point to them."""

from __future__ import annotations

import numpy as np
from aioquic.buffer import Buffer
from aioquic.quic.crypto import CryptoPair
from numpy.typing import NDArray

from wire.flows.records import PAYLOAD_REF, REF_PAYLOAD, UDP
from wire.names.quic import HELLO_TLS, QuicHellos, QuicReader

V1, V2 = 1, 0x6B3343CF
TAG_BYTES = 16


def hello(size: int, seed: int = 0) -> bytes:
    """A handshake message of type ClientHello with `size` body bytes, no two alike."""
    body = np.random.default_rng(seed).integers(0, 256, size, np.uint8).tobytes()
    return b"\x01" + size.to_bytes(3, "big") + body


def varint(value: int) -> bytes:
    buffer = Buffer(8)
    buffer.push_uint_var(value)
    return bytes(buffer.data)


def crypto_frame(stream: bytes, offset: int, length: int) -> bytes:
    data = stream[offset : offset + length]
    return b"\x06" + varint(offset) + varint(len(data)) + data


def initial(
    payload: bytes,
    *,
    dcid: bytes,
    key_id: bytes | None = None,
    version: int = V1,
    number: int = 0,
    token: bytes = b"",
    scid: bytes = b"",
    client: bool = True,
    pad_to: int = 1170,
) -> bytes:
    """One protected Initial; keyed with `key_id`, by default with its own `dcid`."""
    pair = CryptoPair()
    pair.setup_initial(key_id if key_id is not None else dcid, is_client=client, version=version)
    payload = payload.ljust(pad_to, b"\0")
    kind = 0xD0 if version == V2 else 0xC0
    header = bytes([kind | 1]) + version.to_bytes(4, "big")
    header += bytes([len(dcid)]) + dcid + bytes([len(scid)]) + scid
    header += varint(len(token)) + token + (0x4000 | (2 + len(payload) + TAG_BYTES)).to_bytes(2, "big")
    header += number.to_bytes(2, "big")
    return pair.encrypt_packet(header, payload, number)


def long_packet(kind_bits: int, body: bytes, *, dcid: bytes, version: int = V1) -> bytes:
    """A long-header packet of another type: 0-RTT 1, Handshake 2 (version 1's numbers)."""
    header = bytes([0xC0 | (kind_bits << 4)]) + version.to_bytes(4, "big") + bytes([len(dcid)]) + dcid + b"\0"
    return header + (0x4000 | len(body)).to_bytes(2, "big") + body


def block(datagrams: list[tuple[int, int, bytes]]) -> tuple[NDArray[np.uint8], NDArray[np.void]]:
    """A buffer and its refs, of (flow, direction, payload)."""
    refs = np.zeros(len(datagrams), PAYLOAD_REF)
    offset = 0
    for i, (flow, direction, payload) in enumerate(datagrams):
        refs[i]["flow"], refs[i]["direction"] = flow, direction
        refs[i]["offset"], refs[i]["length"] = offset, len(payload)
        refs[i]["kind"], refs[i]["protocol"] = REF_PAYLOAD, UDP
        offset += len(payload)
    return np.frombuffer(b"".join(d for _, _, d in datagrams) or b"\0", np.uint8), refs


def tls_hellos(found: QuicHellos) -> dict[int, bytes]:
    """The TLS hellos of a read by flow; a flow that comes twice fails."""
    hellos: dict[int, bytes] = {}
    for row in found.rows:
        assert row["kind"] == HELLO_TLS
        assert row["flow"] not in hellos
        hellos[int(row["flow"])] = found.arena[row["start"] : row["end"]].tobytes()
    return hellos


def read(reader: QuicReader, datagrams: list[tuple[int, int, bytes]]) -> dict[int, bytes]:
    """What `reader` finds in these datagrams, given in one block."""
    return tls_hellos(reader.read(*block(datagrams)))
