"""The host name in an X.509 certificate (RFC 5280), found by a bounded walk over its DER.

The first dNSName of subjectAltName; without one, the subject's last common name (RFC 9525 section
6.2 calls it obsolete, but old servers still have no other). "*.example.org" gives example.org.
Only the parts on the way are read: no signature is checked, nothing is decoded that is not shown.
"""

from __future__ import annotations

import numpy as np

from wire.kernel import kernel

_INTEGER, _OCTET_STRING, _OID, _SEQUENCE, _SET = 0x02, 0x04, 0x06, 0x30, 0x31
_VERSION, _EXTENSIONS, _DNS_NAME = 0xA0, 0xA3, 0x82
#: Elements looked at on one level: a certificate has tens, a hostile one may have thousands.
_MAX_ELEMENTS = 512


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
    for _ in range(_MAX_ELEMENTS):
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
def _first_dns_name(data, at, end, bounds, found):  # type: ignore[no-untyped-def]
    """The first dNSName of subjectAltName (2.5.29.17) in the Extensions data[at:end]."""
    if read_element(data, at, end, bounds) != _SEQUENCE:
        return False
    at, end = bounds[0], bounds[1]
    for _ in range(_MAX_ELEMENTS):
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
        if tag == 1:  # critical
            tag = read_element(data, bounds[1], stop, bounds)
        if tag != _OCTET_STRING or read_element(data, bounds[0], bounds[1], bounds) != _SEQUENCE:
            return False
        inner, stop = bounds[0], bounds[1]
        for _ in range(_MAX_ELEMENTS):
            if inner >= stop:
                return False
            tag = read_element(data, inner, stop, bounds)
            if tag < 0:
                return False
            if tag == _DNS_NAME:
                found[0] = bounds[0]
                found[1] = bounds[1]
                return True
            inner = bounds[1]
    return False


@kernel
def find_certificate_name(data, start, end, found):  # type: ignore[no-untyped-def]
    """Bounds of the host name in the DER certificate data[start:end], into found[0:2].

    data: uint8[:]; found: int64[4], of which the last two are scratch. Returns 1 when there is a
    name, 0 when the certificate has none, -1 when its DER is broken. Never raises.
    """
    bounds = found[2:4]
    found[0] = -1
    found[1] = -1
    if read_element(data, start, end, bounds) != _SEQUENCE:
        return -1
    if read_element(data, bounds[0], bounds[1], bounds) != _SEQUENCE:
        return -1
    at, end = bounds[0], bounds[1]
    tag = read_element(data, at, end, bounds)
    if tag == _VERSION:
        at = bounds[1]
        tag = read_element(data, at, end, bounds)
    # serialNumber, signature, issuer, validity, then subject
    for _ in range(4):
        if tag < 0:
            return -1
        at = bounds[1]
        tag = read_element(data, at, end, bounds)
    if tag != _SEQUENCE:
        return -1
    subject, subject_end = bounds[0], bounds[1]
    at = subject_end
    for _ in range(_MAX_ELEMENTS):
        if at >= end:
            break
        tag = read_element(data, at, end, bounds)
        if tag < 0:
            return -1
        at = bounds[1]
        if tag == _EXTENSIONS:
            if _first_dns_name(data, bounds[0], bounds[1], bounds, found):
                return _without_wildcard(data, found)
            break
    _last_common_name(data, subject, subject_end, bounds, found)
    return _without_wildcard(data, found)


@kernel
def _without_wildcard(data, found):  # type: ignore[no-untyped-def]
    if found[0] < 0:
        return 0
    if found[1] - found[0] > 2 and data[found[0]] == 42 and data[found[0] + 1] == 46:
        found[0] += 2
    return 1
