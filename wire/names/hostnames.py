"""Host names: one spelling, and no bytes that no host name has.

A name is lower-cased, freed of its trailing dot, at most 253 bytes, each label 1 to 63 bytes
(RFC 1035 section 2.3.4) of letters, digits, hyphen (RFC 1123 section 2.1) and underscore, which
hosts in use do carry. Anything else, such as a control byte, a slash or raw UTF-8, makes the
name unusable: it is counted and kept out of every look-up. An IP literal is no name.
Punycode labels are checked once per distinct name, in Python, against IDNA 2008 (RFC 5891).
"""

from __future__ import annotations

import idna
import numpy as np

from wire.kernel import kernel

NAME_MAX_BYTES = 253
LABEL_MAX_BYTES = 63

#: What the kernels return in place of a length: why the bytes are no usable name.
NAME_EMPTY, NAME_BAD_BYTES, NAME_TOO_LONG, NAME_IP_LITERAL = 0, -1, -2, -3

_DOT, _HYPHEN, _COLON, _UNDERSCORE, _AT = 46, 45, 58, 95, 64
_OPEN_BRACKET, _SLASH, _QUESTION, _HASH = 91, 47, 63, 35


@kernel
def _is_number(scratch, start, end):  # type: ignore[no-untyped-def]
    """Whether a label reads as a number, decimal or 0x hex: such a last label means IPv4."""
    if end - start >= 2 and scratch[start] == 48 and scratch[start + 1] == 120:
        for i in range(start + 2, end):
            byte = scratch[i]
            if not (48 <= byte <= 57 or 97 <= byte <= 102):
                return False
        return True
    for i in range(start, end):
        if not 48 <= scratch[i] <= 57:
            return False
    return end > start


@kernel
def write_host_name(data, start, end, scratch):  # type: ignore[no-untyped-def]
    """Write the one spelling of the host name data[start:end] into `scratch`; its length in bytes.

    data: uint8[:]; scratch: uint8[:], at least NAME_MAX_BYTES. Without a usable name the result
    is NAME_EMPTY, NAME_BAD_BYTES, NAME_TOO_LONG or NAME_IP_LITERAL, all <= 0. Never raises.
    """
    if start < 0 or end > len(data) or len(scratch) < NAME_MAX_BYTES:
        return NAME_EMPTY
    if end > start and data[end - 1] == _DOT:
        end -= 1
    length = end - start
    if length <= 0:
        return NAME_EMPTY
    if data[start] == _OPEN_BRACKET:
        return NAME_IP_LITERAL
    colons = 0
    for i in range(start, min(end, start + NAME_MAX_BYTES)):
        if data[i] == _COLON:
            colons += 1
    if colons > 1:
        return NAME_IP_LITERAL
    if length > NAME_MAX_BYTES:
        return NAME_TOO_LONG
    label = 0
    for i in range(length):
        byte = data[start + i]
        if 65 <= byte <= 90:
            byte += np.uint8(32)
        if byte == _DOT:
            if i == label:
                return NAME_BAD_BYTES
            if i - label > LABEL_MAX_BYTES:
                return NAME_TOO_LONG
            label = i + 1
        elif not (97 <= byte <= 122 or 48 <= byte <= 57 or byte in (_HYPHEN, _UNDERSCORE)):
            return NAME_BAD_BYTES
        scratch[i] = byte
    if length - label > LABEL_MAX_BYTES:
        return NAME_TOO_LONG
    if _is_number(scratch, label, length):
        return NAME_IP_LITERAL
    return length


@kernel
def authority_host(data, start, end, bounds):  # type: ignore[no-untyped-def]
    """Bounds of the host within [userinfo@]host[:port] (RFC 3986 section 3.2), into bounds[0:2]."""
    at, stop = start, end
    for i in range(start, end):
        if data[i] == _AT:
            at = i + 1
    if at < stop and data[at] != _OPEN_BRACKET:
        digits = stop
        while digits > at and 48 <= data[digits - 1] <= 57:
            digits -= 1
        if digits > at and data[digits - 1] == _COLON:
            stop = digits - 1
    bounds[0] = at
    bounds[1] = stop


@kernel
def absolute_form(data, start, end, bounds):  # type: ignore[no-untyped-def]
    """Whether data[start:end] is scheme://authority...; the authority's bounds into bounds[0:2]."""
    at = np.int64(start)
    while at < end and (97 <= (data[at] | 32) <= 122 or 48 <= data[at] <= 57 or 43 <= data[at] <= 46):
        at += 1
    if at == start or at + 3 > end:
        return False
    if data[at] != _COLON or data[at + 1] != _SLASH or data[at + 2] != _SLASH:
        return False
    at += 3
    stop = at
    while stop < end and data[stop] != _SLASH and data[stop] != _QUESTION and data[stop] != _HASH:
        stop += 1
    bounds[0] = at
    bounds[1] = stop
    return True


def idna_valid(name: bytes) -> bool:
    """Whether every xn-- label of a lower-case ASCII name decodes to a valid IDNA 2008 label."""
    for label in name.split(b"."):
        if label.startswith(b"xn--"):
            try:
                idna.ulabel(label)
            except (idna.IDNAError, UnicodeError):
                return False
    return True
