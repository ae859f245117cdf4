"""The host name in an X.509 certificate (RFC 5280), found by a bounded walk over its DER.

The first dNSName of subjectAltName; without one, the subject's last common name (RFC 9525 section
6.2 calls it obsolete, but old servers still have no other). "*.example.org" gives example.org.
Only the parts on the way are read: no signature is checked, nothing is decoded that is not shown.
"""

from __future__ import annotations

import numpy as np

from wire.kernel import kernel

_BOOLEAN, _OCTET_STRING, _OID, _SEQUENCE, _SET = 0x01, 0x04, 0x06, 0x30, 0x31
_VERSION, _EXTENSIONS, DNS_NAME = 0xA0, 0xA3, 0x82
#: Where the bounds of each part stand: of the dates, of the subject, of the names of subjectAltName.
PART_VALIDITY, PART_SUBJECT, PART_NAMES, PARTS = 0, 2, 4, 6
#: Elements looked at on one level: a certificate has tens, a hostile one may have thousands.
MAX_ELEMENTS = 512


@kernel
def read_element(data, at, end, bounds):  # type: ignore[no-untyped-def]
    """The tag of the DER element at data[at], its content's bounds in bounds[0:2]; -1 if broken."""
    if at < 0 or at + 2 > end or end > len(data):
        return -1
    tag = np.int64(data[at])
    length = np.int64(data[at + 1])
    at += 2
    if length & 0x80:
        octets = length & 0x7F
        if octets == 0 or octets > 3 or at + octets > end:
            return -1
        length = np.int64(0)
        for i in range(octets):
            length = (length << 8) | np.int64(data[at + i])
        at += octets
    if at + length > end:
        return -1
    bounds[0] = at
    bounds[1] = at + length
    return tag


@kernel
def _last_common_name(data, at, end, bounds, found):  # type: ignore[no-untyped-def]
    """The last commonName (2.5.4.3) of the Name data[at:end], its bounds in found[0:2]."""
    for _ in range(MAX_ELEMENTS):
        if at >= end or read_element(data, at, end, bounds) != _SET:
            return
        inner, at = bounds[0], bounds[1]
        if read_element(data, inner, at, bounds) != _SEQUENCE:
            return
        inner, stop = bounds[0], bounds[1]
        if read_element(data, inner, stop, bounds) != _OID:
            return
        oid, value = bounds[0], bounds[1]
        if value - oid == 3 and data[oid] == 0x55 and data[oid + 1] == 4 and data[oid + 2] == 3:
            if read_element(data, value, stop, bounds) >= 0:
                found[0] = bounds[0]
                found[1] = bounds[1]


@kernel
def _alternatives(data, at, end, bounds):  # type: ignore[no-untyped-def]
    """Whether the Extensions data[at:end] hold a subjectAltName (2.5.29.17); its content is bounds[0:2]."""
    if read_element(data, at, end, bounds) != _SEQUENCE:
        return False
    at, end = bounds[0], bounds[1]
    for _ in range(MAX_ELEMENTS):
        if at >= end or read_element(data, at, end, bounds) != _SEQUENCE:
            return False
        inner, stop = bounds[0], bounds[1]
        at = stop
        if read_element(data, inner, stop, bounds) != _OID:
            return False
        oid, inner = bounds[0], bounds[1]
        if inner - oid != 3 or data[oid] != 0x55 or data[oid + 1] != 29 or data[oid + 2] != 17:
            continue
        tag = read_element(data, inner, stop, bounds)
        if tag == _BOOLEAN:  # critical
            tag = read_element(data, bounds[1], stop, bounds)
        return tag == _OCTET_STRING and read_element(data, bounds[0], bounds[1], bounds) == _SEQUENCE
    return False


@kernel
def _first_dns_name(data, at, end, bounds, found):  # type: ignore[no-untyped-def]
    """The first dNSName of the names data[at:end], its bounds in found[0:2]."""
    for _ in range(MAX_ELEMENTS):
        if at >= end:
            return False
        tag = read_element(data, at, end, bounds)
        if tag < 0:
            return False
        if tag == DNS_NAME:
            found[0] = bounds[0]
            found[1] = bounds[1]
            return True
        at = bounds[1]
    return False


@kernel
def find_parts(data, start, end, bounds, parts):  # type: ignore[no-untyped-def]
    """Walk the DER certificate data[start:end] once: PARTS pairs of bounds into parts; whether it is whole.

    parts: int64[PARTS], 0 for what is not there or lies behind what is broken. Never raises.
    """
    for k in range(PARTS):
        parts[k] = 0
    if read_element(data, start, end, bounds) != _SEQUENCE:
        return False
    if read_element(data, bounds[0], bounds[1], bounds) != _SEQUENCE:
        return False
    at, end = bounds[0], bounds[1]
    tag = read_element(data, at, end, bounds)
    if tag == _VERSION:
        tag = read_element(data, bounds[1], end, bounds)
    for _ in range(3):  # serialNumber, signature, issuer, then validity
        if tag < 0:
            return False
        tag = read_element(data, bounds[1], end, bounds)
    if tag < 0:
        return False
    if tag == _SEQUENCE:
        parts[PART_VALIDITY] = bounds[0]
        parts[PART_VALIDITY + 1] = bounds[1]
    if read_element(data, bounds[1], end, bounds) != _SEQUENCE:
        return False
    parts[PART_SUBJECT] = bounds[0]
    parts[PART_SUBJECT + 1] = bounds[1]
    at = bounds[1]
    for _ in range(MAX_ELEMENTS):
        if at >= end:
            break
        tag = read_element(data, at, end, bounds)
        if tag < 0:
            return False
        at = bounds[1]
        if tag == _EXTENSIONS:
            if _alternatives(data, bounds[0], bounds[1], bounds):
                parts[PART_NAMES] = bounds[0]
                parts[PART_NAMES + 1] = bounds[1]
            break
    return True


@kernel
def certificate_name(data, parts, whole, found):  # type: ignore[no-untyped-def]
    """Bounds of the host name in a certificate of these parts (`whole`: as find_parts says), into found[0:2].

    data: uint8[:]; found: int64[4], of which the last two are scratch. Returns 1 when there is a
    name, 0 when the certificate has none, -1 when its DER is broken. Never raises.
    """
    bounds = found[2:4]
    found[0] = -1
    found[1] = -1
    if not whole:
        return -1
    if not _first_dns_name(data, parts[PART_NAMES], parts[PART_NAMES + 1], bounds, found):
        _last_common_name(data, parts[PART_SUBJECT], parts[PART_SUBJECT + 1], bounds, found)
    return _without_wildcard(data, found)


@kernel
def _without_wildcard(data, found):  # type: ignore[no-untyped-def]
    if found[0] < 0:
        return 0
    if found[1] - found[0] > 2 and data[found[0]] == 42 and data[found[0] + 1] == 46:
        found[0] += 2
    return 1
