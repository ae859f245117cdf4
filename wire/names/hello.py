"""The TLS ClientHello (RFC 8446 section 4.1.2; RFC 5246 section 7.4.1.2 for TLS <= 1.2).

`read_client_hello` finds the pieces of a hello that names and fingerprints need. It copies
nothing: it writes positions into `out`, an int64 array of HELLO_FIELDS; -1 means absent.

    struct {                                       | field of `out`
        uint8 type = 1; uint24 length;             | HELLO_BODY_START = start + 4, HELLO_BODY_END
        uint16 legacy_version;                     | HELLO_LEGACY_VERSION (the number)
        opaque random[32];
        opaque session_id<0..32>;
        uint16 cipher_suites<2..2^16-2>;           | HELLO_CIPHERS_START, HELLO_CIPHERS_END
        opaque compression_methods<1..2^8-1>;
        Extension extensions<8..2^16-1>;           | HELLO_EXTENSIONS_START, HELLO_EXTENSIONS_END
    } ClientHello;

Of the extensions: the host_name of server_name (RFC 6066 section 3), the protocol list of ALPN
(RFC 7301 section 3.1, without its two length bytes), supported_groups, ec_point_formats,
signature_algorithms (each list without its length bytes), the highest of supported_versions
that is not GREASE (RFC 8701), and encrypted_client_hello (RFC 9849, type 0xfe0d).
An extension that stands twice is read at its first place.
"""

from __future__ import annotations

import numpy as np

from wire.kernel import kernel

#: What `read_client_hello` returns.
HELLO_WHOLE, HELLO_NEEDS_MORE, HELLO_MALFORMED, HELLO_OTHER = 0, 1, 2, 3

#: The longest hello that is read, handshake header included (bytes).
HELLO_MAX_BYTES = 16384 + 4

HELLO_SNI_START, HELLO_SNI_END = 0, 1
HELLO_ALPN_START, HELLO_ALPN_END = 2, 3
HELLO_LEGACY_VERSION, HELLO_MAX_VERSION = 4, 5
HELLO_ECH = 6  # HELLO_ECH_NONE | HELLO_ECH_OUTER | HELLO_ECH_INNER
HELLO_BODY_START, HELLO_BODY_END = 7, 8
HELLO_CIPHERS_START, HELLO_CIPHERS_END = 9, 10
HELLO_EXTENSIONS_START, HELLO_EXTENSIONS_END = 11, 12
HELLO_GROUPS_START, HELLO_GROUPS_END = 13, 14
HELLO_POINT_FORMATS_START, HELLO_POINT_FORMATS_END = 15, 16
HELLO_SIGNATURES_START, HELLO_SIGNATURES_END = 17, 18
HELLO_ECH_CONFIG_ID = 19  # config_id of an outer ECH extension
HELLO_HAS_SNI = 20  # 1: a server_name extension stands there, even an empty or unreadable one
HELLO_FIELDS = 24

#: Values of HELLO_ECH. A GREASE extension looks like an outer one, by design (RFC 9849 section 6.2).
HELLO_ECH_NONE, HELLO_ECH_OUTER, HELLO_ECH_INNER = 0, 1, 2

_SERVER_NAME, _GROUPS, _POINT_FORMATS, _SIGNATURES, _ALPN = 0, 10, 11, 13, 16
_SUPPORTED_VERSIONS, _ECH = 43, 0xFE0D


@kernel
def is_grease(value):  # type: ignore[no-untyped-def]
    """Whether a 16-bit cipher, group, version or extension type is GREASE (RFC 8701 section 2)."""
    return (value & 0x0F0F) == 0x0A0A and (value >> 8) == (value & 0xFF)


@kernel
def _read_sni(data, at, stop, out):  # type: ignore[no-untyped-def]
    """The first host_name of a ServerNameList."""
    out[HELLO_HAS_SNI] = 1
    at += 2
    while at + 3 <= stop:
        kind = data[at]
        length = (np.int64(data[at + 1]) << 8) | np.int64(data[at + 2])
        at += 3
        if at + length > stop:
            return
        if kind == 0:
            out[HELLO_SNI_START] = at
            out[HELLO_SNI_END] = at + length
            return
        at += length


@kernel
def _read_versions(data, at, stop, out):  # type: ignore[no-untyped-def]
    """The highest version offered that is not GREASE; out[HELLO_MAX_VERSION] stays without one."""
    if at >= stop:
        return
    stop = min(stop, at + 1 + np.int64(data[at]))
    at += 1
    best = np.int64(-1)
    while at + 2 <= stop:
        version = (np.int64(data[at]) << 8) | np.int64(data[at + 1])
        at += 2
        if not is_grease(version) and version > best:
            best = version
    if best >= 0:
        out[HELLO_MAX_VERSION] = best


@kernel
def _read_list(data, at, stop, width, field, out):  # type: ignore[no-untyped-def]
    """Bounds of a list whose own length stands in its first `width` bytes, cut to the extension."""
    if at + width > stop:
        return
    length = np.int64(data[at])
    if width == 2:
        length = (length << 8) | np.int64(data[at + 1])
    out[field] = at + width
    out[field + 1] = min(stop, at + width + length)


@kernel
def _read_extension(data, kind, at, stop, out):  # type: ignore[no-untyped-def]
    if kind == _SERVER_NAME and out[HELLO_HAS_SNI] == 0:
        _read_sni(data, at, stop, out)
    elif kind == _ALPN and out[HELLO_ALPN_START] < 0:
        _read_list(data, at, stop, 2, HELLO_ALPN_START, out)
    elif kind == _GROUPS and out[HELLO_GROUPS_START] < 0:
        _read_list(data, at, stop, 2, HELLO_GROUPS_START, out)
    elif kind == _POINT_FORMATS and out[HELLO_POINT_FORMATS_START] < 0:
        _read_list(data, at, stop, 1, HELLO_POINT_FORMATS_START, out)
    elif kind == _SIGNATURES and out[HELLO_SIGNATURES_START] < 0:
        _read_list(data, at, stop, 2, HELLO_SIGNATURES_START, out)
    elif kind == _SUPPORTED_VERSIONS:
        _read_versions(data, at, stop, out)
    elif kind == _ECH and out[HELLO_ECH] == HELLO_ECH_NONE and at < stop:
        if data[at] == 1:
            out[HELLO_ECH] = HELLO_ECH_INNER
        else:
            out[HELLO_ECH] = HELLO_ECH_OUTER
            if at + 6 <= stop:  # type, kdf id, aead id, config_id
                out[HELLO_ECH_CONFIG_ID] = np.int64(data[at + 5])


@kernel
def read_client_hello(data, start, end, out):  # type: ignore[no-untyped-def]
    """Read the ClientHello that starts at data[start] (handshake header included) into `out`.

    data: uint8[:], contiguous, no record headers; start, end: the bytes at hand;
    out: int64[HELLO_FIELDS], written wholly when the result is HELLO_WHOLE.
    Returns HELLO_WHOLE; HELLO_NEEDS_MORE when [start, end) is a prefix of a hello;
    HELLO_MALFORMED when its lengths contradict each other or pass HELLO_MAX_BYTES;
    HELLO_OTHER when it is no ClientHello. Never raises.
    """
    out[:] = -1
    out[HELLO_ECH] = HELLO_ECH_NONE
    out[HELLO_HAS_SNI] = 0
    if start < 0 or end > len(data):
        return HELLO_MALFORMED
    if end <= start:
        return HELLO_NEEDS_MORE
    if data[start] != 1:
        return HELLO_OTHER
    if end - start < 4:
        return HELLO_NEEDS_MORE
    length = (np.int64(data[start + 1]) << 16) | (np.int64(data[start + 2]) << 8)
    length |= np.int64(data[start + 3])
    body = np.int64(start) + 4
    if length < 38 or length + 4 > HELLO_MAX_BYTES:
        return HELLO_MALFORMED
    if end - start > 4 and data[body] != 3:
        return HELLO_OTHER
    stop = body + length
    if stop > end:
        return HELLO_NEEDS_MORE
    out[HELLO_BODY_START] = body
    out[HELLO_BODY_END] = stop
    version = (np.int64(data[body]) << 8) | np.int64(data[body + 1])
    out[HELLO_LEGACY_VERSION] = version
    out[HELLO_MAX_VERSION] = version

    at = body + 34
    at += 1 + np.int64(data[at])  # session_id
    if at + 2 > stop:
        return HELLO_MALFORMED
    length = (np.int64(data[at]) << 8) | np.int64(data[at + 1])
    at += 2
    if at + length + 1 > stop:
        return HELLO_MALFORMED
    out[HELLO_CIPHERS_START] = at
    out[HELLO_CIPHERS_END] = at + length
    at += length
    at += 1 + np.int64(data[at])  # compression_methods
    if at > stop:
        return HELLO_MALFORMED
    if at + 2 > stop:
        return HELLO_WHOLE  # TLS <= 1.2 allows a hello without extensions
    length = (np.int64(data[at]) << 8) | np.int64(data[at + 1])
    at += 2
    if at + length > stop:
        return HELLO_MALFORMED
    stop = at + length
    out[HELLO_EXTENSIONS_START] = at
    out[HELLO_EXTENSIONS_END] = stop
    while at + 4 <= stop:
        kind = (np.int64(data[at]) << 8) | np.int64(data[at + 1])
        length = (np.int64(data[at + 2]) << 8) | np.int64(data[at + 3])
        at += 4
        if at + length > stop:
            return HELLO_MALFORMED
        _read_extension(data, kind, at, at + length, out)
        at += length
    return HELLO_WHOLE
