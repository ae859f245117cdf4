"""What JA4 needs of a ClientHello, as a short canonical blob; and JA4 from such a blob.

JA4 sorts ciphers and extensions. Browsers shuffle their extensions in every hello, so the blob has
those sorted and is the same for all of a browser's hellos; it is interned, and Python computes JA4
once for it. Ciphers nobody shuffles: they stand as sent, and Python sorts them.
Layout (big-endian, GREASE of RFC 8701 removed everywhere):

    uint8  transport       't' or 'q'
    uint16 version         highest of supported_versions, else legacy_version
    uint8  server_name     1: the extension is there
    uint8  alpn_first, alpn_last, alpn_present     of the first protocol's bytes
    uint16 extension_count                         server_name and ALPN included
    uint16 count; uint16 ciphers[count]            as sent
    uint16 count; uint16 extensions[count]         sorted, without server_name and ALPN
    uint16 count; uint16 signature_algorithms[count]     as sent

Source: FoxIO's JA4 (TLS client) specification, technical_details/JA4.md, BSD 3-clause.
"""

from __future__ import annotations

import hashlib
import struct

import numpy as np

from wire.kernel import kernel
from wire.names.hello import (
    HELLO_ALPN_END,
    HELLO_ALPN_START,
    HELLO_CIPHERS_END,
    HELLO_CIPHERS_START,
    HELLO_EXTENSIONS_END,
    HELLO_EXTENSIONS_START,
    HELLO_FIELDS,
    HELLO_HAS_SNI,
    HELLO_MAX_VERSION,
    HELLO_SIGNATURES_END,
    HELLO_SIGNATURES_START,
    HELLO_WHOLE,
    is_grease,
    read_client_hello,
)

#: A scratch of this many bytes holds the blob of any hello that `read_client_hello` accepts.
PARAMETERS_MAX_BYTES = 20480
_HEADER_BYTES = 9
_SERVER_NAME, _ALPN = 0, 16
_EMPTY_HASH = "000000000000"
_VERSIONS = {0x0304: "13", 0x0303: "12", 0x0302: "11", 0x0301: "10", 0x0300: "s3", 0x0002: "s2"}


@kernel
def _put(scratch, at, value):  # type: ignore[no-untyped-def]
    scratch[at] = np.uint8((value >> 8) & 0xFF)
    scratch[at + 1] = np.uint8(value & 0xFF)


@kernel
def _sort_pairs(scratch, start, count):  # type: ignore[no-untyped-def]
    """Shell sort of `count` big-endian 16-bit numbers: hostile lists of thousands stay cheap."""
    gap = count // 2
    while gap > 0:
        for i in range(gap, count):
            at = start + 2 * i
            high, low = scratch[at], scratch[at + 1]
            value = (np.int64(high) << 8) | np.int64(low)
            j = i
            while j >= gap:
                at = start + 2 * (j - gap)
                if ((np.int64(scratch[at]) << 8) | np.int64(scratch[at + 1])) <= value:
                    break
                scratch[at + 2 * gap] = scratch[at]
                scratch[at + 2 * gap + 1] = scratch[at + 1]
                j -= gap
            scratch[start + 2 * j] = high
            scratch[start + 2 * j + 1] = low
        gap //= 2


@kernel
def _put_list(data, at, stop, scratch, length):  # type: ignore[no-untyped-def]
    """Append the 16-bit numbers of data[at:stop] with their count; the new length."""
    first = length + 2
    count = np.int64(0)
    while at >= 0 and at + 2 <= stop:
        value = (np.int64(data[at]) << 8) | np.int64(data[at + 1])
        at += 2
        if not is_grease(value):
            _put(scratch, first + 2 * count, value)
            count += 1
    _put(scratch, length, count)
    return first + 2 * count


@kernel
def _put_extensions(data, at, stop, scratch, length):  # type: ignore[no-untyped-def]
    """Append the extension types that JA4 hashes; write the count of all that are not GREASE."""
    first = length + 2
    count = np.int64(0)
    every = np.int64(0)
    while at >= 0 and at + 4 <= stop:
        kind = (np.int64(data[at]) << 8) | np.int64(data[at + 1])
        at += 4 + ((np.int64(data[at + 2]) << 8) | np.int64(data[at + 3]))
        if is_grease(kind):
            continue
        every += 1
        if kind != _SERVER_NAME and kind != _ALPN:
            _put(scratch, first + 2 * count, kind)
            count += 1
    _put(scratch, length, count)
    _put(scratch, 7, every)
    return first + 2 * count


@kernel
def write_hello_parameters(data, hello, quic, scratch):  # type: ignore[no-untyped-def]
    """Write the blob of a hello that `read_client_hello` read into `hello`; its length in bytes.

    data: uint8[:]; hello: int64[HELLO_FIELDS]; quic: 1 over QUIC, else 0;
    scratch: uint8[PARAMETERS_MAX_BYTES or more].
    """
    if len(scratch) < PARAMETERS_MAX_BYTES:
        return 0
    scratch[0] = 113 if quic else 116
    _put(scratch, 1, hello[HELLO_MAX_VERSION])
    scratch[3] = np.uint8(hello[HELLO_HAS_SNI])
    scratch[4] = 0
    scratch[5] = 0
    scratch[6] = 0
    at, stop = hello[HELLO_ALPN_START], hello[HELLO_ALPN_END]
    if at >= 0 and at < stop:
        length = np.int64(data[at])
        if length > 0 and at + 1 + length <= stop:
            scratch[4] = data[at + 1]
            scratch[5] = data[at + length]
            scratch[6] = 1
    at, stop = hello[HELLO_CIPHERS_START], hello[HELLO_CIPHERS_END]
    length = _put_list(data, at, stop, scratch, _HEADER_BYTES)
    first = length + 2
    at, stop = hello[HELLO_EXTENSIONS_START], hello[HELLO_EXTENSIONS_END]
    length = _put_extensions(data, at, stop, scratch, length)
    _sort_pairs(scratch, first, (length - first) // 2)
    return _put_list(data, hello[HELLO_SIGNATURES_START], hello[HELLO_SIGNATURES_END], scratch, length)


def hello_parameters(message: bytes, quic: bool = False) -> bytes:
    """The blob of one whole ClientHello, handshake header included; empty when there is none."""
    data = np.frombuffer(message or b"\0", np.uint8).copy()
    hello = np.empty(HELLO_FIELDS, np.int64)
    if read_client_hello(data, 0, len(message), hello) != HELLO_WHOLE:
        return b""
    scratch = np.empty(PARAMETERS_MAX_BYTES, np.uint8)
    return scratch[: write_hello_parameters(data, hello, int(quic), scratch)].tobytes()


def _numbers(blob: bytes, at: int) -> tuple[list[str], int]:
    (count,) = struct.unpack_from(">H", blob, at)
    stop = at + 2 + 2 * count
    return [blob[i : i + 2].hex() for i in range(at + 2, stop, 2)], stop


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _alpn_characters(first: int, last: int, present: int) -> str:
    if not present:
        return "00"
    pair = chr(first) + chr(last)
    if pair.isascii() and pair.isalnum():
        return pair
    return f"{first:02x}"[0] + f"{last:02x}"[1]


def ja4(blob: bytes) -> str:
    """The JA4 text of a parameter blob, such as t13d1516h2_8daaf6152771_e5627efa2ab1."""
    transport, version, server_name, first, last, present, every = struct.unpack_from(">BHBBBBH", blob)
    ciphers, at = _numbers(blob, _HEADER_BYTES)
    extensions, at = _numbers(blob, at)
    signatures, _ = _numbers(blob, at)
    head = (
        f"{chr(transport)}{_VERSIONS.get(version, '00')}{'d' if server_name else 'i'}"
        f"{min(len(ciphers), 99):02d}{min(every, 99):02d}{_alpn_characters(first, last, present)}"
    )
    hashed = ",".join(extensions) + ("_" + ",".join(signatures) if signatures else "")
    return "_".join(
        (
            head,
            _digest(",".join(sorted(ciphers))) if ciphers else _EMPTY_HASH,
            _digest(hashed) if extensions else _EMPTY_HASH,
        )
    )
