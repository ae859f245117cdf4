"""JA3: the MD5 of a ClientHello's numbers in the order sent, GREASE left out.

    version,ciphers,extensions,groups,point_formats      each list in decimal, joined by "-"

Source: the JA3 specification as published by Salesforce (BSD 3-clause).
"""

from __future__ import annotations

import numpy as np

from wire.kernel import kernel
from wire.names.hello import (
    HELLO_CIPHERS_END,
    HELLO_CIPHERS_START,
    HELLO_EXTENSIONS_END,
    HELLO_EXTENSIONS_START,
    HELLO_GROUPS_END,
    HELLO_GROUPS_START,
    HELLO_LEGACY_VERSION,
    HELLO_POINT_FORMATS_END,
    HELLO_POINT_FORMATS_START,
    is_grease,
)
from wire.names.md5 import md5

#: Room for the text of any hello of 16 KiB: a 16-bit number takes at most six characters.
JA3_MAX_BYTES = 53248
_COMMA, _HYPHEN, _ZERO = 44, 45, 48


@kernel
def _put_number(scratch, at, value):  # type: ignore[no-untyped-def]
    """Write `value` (0 to 65535) in decimal at scratch[at]; the position after it."""
    # Divisors that are constants become multiplications; a loop over powers of ten would divide.
    rest = np.uint32(value)
    if rest >= 10000:
        scratch[at] = np.uint8(_ZERO + rest // np.uint32(10000))
        at += 1
    if rest >= 1000:
        scratch[at] = np.uint8(_ZERO + rest // np.uint32(1000) % np.uint32(10))
        at += 1
    if rest >= 100:
        scratch[at] = np.uint8(_ZERO + rest // np.uint32(100) % np.uint32(10))
        at += 1
    if rest >= 10:
        scratch[at] = np.uint8(_ZERO + rest // np.uint32(10) % np.uint32(10))
        at += 1
    scratch[at] = np.uint8(_ZERO + rest % np.uint32(10))
    return at + 1


@kernel
def _put_numbers(data, start, end, width, skips, scratch, at):  # type: ignore[no-untyped-def]
    """Write the `width`-byte numbers of data[start:end]; `skips`: a length and a body follow each."""
    first = True
    while start >= 0 and start + width <= end:
        value = np.int64(data[start])
        if width == 2:
            value = (value << 8) | np.int64(data[start + 1])
        start += width
        if skips:
            if start + 2 > end:
                break
            start += 2 + ((np.int64(data[start]) << 8) | np.int64(data[start + 1]))
        if width == 2 and is_grease(value):
            continue
        if not first:
            scratch[at] = _HYPHEN
            at += 1
        first = False
        at = _put_number(scratch, at, value)
    return at


@kernel
def write_ja3_text(data, hello, scratch):  # type: ignore[no-untyped-def]
    """Write the JA3 text of a hello that `read_client_hello` read; its length in bytes.

    data: uint8[:]; hello: int64[HELLO_FIELDS]; scratch: uint8[JA3_MAX_BYTES or more].
    """
    if len(scratch) < JA3_MAX_BYTES:
        return 0
    at = _put_number(scratch, np.int64(0), hello[HELLO_LEGACY_VERSION])
    scratch[at] = _COMMA
    at = _put_numbers(data, hello[HELLO_CIPHERS_START], hello[HELLO_CIPHERS_END], 2, False, scratch, at + 1)
    scratch[at] = _COMMA
    start, end = hello[HELLO_EXTENSIONS_START], hello[HELLO_EXTENSIONS_END]
    at = _put_numbers(data, start, end, 2, True, scratch, at + 1)
    scratch[at] = _COMMA
    at = _put_numbers(data, hello[HELLO_GROUPS_START], hello[HELLO_GROUPS_END], 2, False, scratch, at + 1)
    scratch[at] = _COMMA
    start, end = hello[HELLO_POINT_FORMATS_START], hello[HELLO_POINT_FORMATS_END]
    return _put_numbers(data, start, end, 1, False, scratch, at + 1)


@kernel
def write_ja3(data, hello, scratch, digest):  # type: ignore[no-untyped-def]
    """Write the JA3 digest into digest, uint8[16]. Other arguments as above."""
    md5(scratch, write_ja3_text(data, hello, scratch), digest)


def ja3_hex(digests: np.ndarray) -> np.ndarray:
    """Hexadecimal text of digests, uint8[n, 16] -> S32[n]; an all-zero digest gives an empty text."""
    alphabet = np.frombuffer(b"0123456789abcdef", np.uint8)
    text = np.empty((len(digests), 32), np.uint8)
    text[:, 0::2] = alphabet[digests >> 4]
    text[:, 1::2] = alphabet[digests & 15]
    text[~digests.any(axis=1)] = 0
    return text.reshape(-1).view("S32")
