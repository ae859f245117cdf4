"""What a certificate says of its dates and of the name that was asked for (RFC 5280, RFC 9525).

Only up to TLS 1.2, where certificates are in the clear. No signature is checked.
"""

from __future__ import annotations

import numpy as np

from wire.kernel import kernel
from wire.names.certificate import DNS_NAME, MAX_ELEMENTS, PART_NAMES, PART_VALIDITY, read_element

#: `cert_match`: not seen or nothing to compare with; the name is covered; it is not.
MATCH_UNSEEN, MATCH_YES, MATCH_NO = 0, 1, 2
_UTC_TIME, _GENERALIZED_TIME = 0x17, 0x18
_LAST_SECOND = (1 << 32) - 1
_STAR, _DOT = 42, 46
_Z = 90
_DAYS_BEFORE_MONTH = np.array([0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334, 365], np.int64)


@kernel
def _two_digits(data, at):  # type: ignore[no-untyped-def]
    high, low = np.int64(data[at]) - 48, np.int64(data[at + 1]) - 48
    if high < 0 or high > 9 or low < 0 or low > 9:
        return np.int64(-1)
    return high * 10 + low


@kernel
def read_time(data, start, end, tag):  # type: ignore[no-untyped-def]
    """Seconds since 1970 of a UTCTime or GeneralizedTime (RFC 5280 section 4.1.2.5); -1 if it is none.

    It says by a closing Z that it is Greenwich time; a day that its month does not have is none.
    What lies before 1970 is 0, what lies after 2106 the last second that 32 bits hold.
    """
    at = np.int64(start)
    if tag == _UTC_TIME and end - start == 13:
        year = _two_digits(data, at)
        if year < 0:
            return np.int64(-1)
        year += 1900 if year >= 50 else 2000
        at += 2
    elif tag == _GENERALIZED_TIME and end - start == 15:
        century, year = _two_digits(data, at), _two_digits(data, at + 2)
        if century < 0 or year < 0:
            return np.int64(-1)
        year += century * 100
        at += 4
    else:
        return np.int64(-1)
    month, day = _two_digits(data, at), _two_digits(data, at + 2)
    hour, minute, second = _two_digits(data, at + 4), _two_digits(data, at + 6), _two_digits(data, at + 8)
    if month < 1 or month > 12 or hour < 0 or hour > 23 or minute < 0 or minute > 59:
        return np.int64(-1)
    leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    length = _DAYS_BEFORE_MONTH[month] - _DAYS_BEFORE_MONTH[month - 1] + (1 if leap and month == 2 else 0)
    if day < 1 or day > length or second < 0 or second > 59 or data[end - 1] != _Z:
        return np.int64(-1)
    leaps = (year - 1) // 4 - (year - 1) // 100 + (year - 1) // 400 - 477  # of 1970 and later
    days = (year - 1970) * 365 + leaps + _DAYS_BEFORE_MONTH[month - 1] + day - 1
    if month > 2 and leap:
        days += 1
    seconds = ((days * 24 + hour) * 60 + minute) * 60 + second
    return max(np.int64(0), min(seconds, np.int64(_LAST_SECOND)))


@kernel
def covers(data, start, end, arena, first, last):  # type: ignore[no-untyped-def]
    """Whether the pattern data[start:end] covers the lower-case name arena[first:last] (RFC 9525 6.3).

    A star stands for one whole label, the leftmost.
    """
    if end - start > 2 and data[start] == _STAR and data[start + 1] == _DOT:
        while first < last and arena[first] != _DOT:
            first += 1
        start += 1
    if end - start != last - first or start == end:
        return False
    for i in range(end - start):
        byte = data[start + i]
        if 65 <= byte <= 90:
            byte += np.uint8(32)
        if byte != arena[first + i]:
            return False
    return True


@kernel
def _match_names(data, at, end, bounds, arena, first, last):  # type: ignore[no-untyped-def]
    """Compare with every dNSName of the names data[at:end]; MATCH_*."""
    seen = MATCH_UNSEEN
    for _ in range(MAX_ELEMENTS):
        if at >= end:
            return seen
        tag = read_element(data, at, end, bounds)
        if tag < 0:
            return MATCH_UNSEEN
        if tag == DNS_NAME:
            if covers(data, bounds[0], bounds[1], arena, first, last):
                return MATCH_YES
            seen = MATCH_NO
        at = bounds[1]
    return MATCH_UNSEEN  # too many to say


@kernel
def check_certificate(data, parts, arena, first, last, bounds, told):  # type: ignore[no-untyped-def]
    """What a certificate of these parts says, into told[0:3]: not before, not after, MATCH_*.

    parts: by find_parts. arena[first:last]: the name that was asked for, lower case; empty for none. A
    certificate without subjectAltName is not compared. bounds: int64[2], scratch; told: int64[3].
    Seconds since 1970, 0 for what could not be read. Never raises.
    """
    told[0] = 0
    told[1] = 0
    told[2] = MATCH_UNSEEN
    at, end = parts[PART_VALIDITY], parts[PART_VALIDITY + 1]
    tag = read_element(data, at, end, bounds)
    if tag < 0:
        return
    not_before = read_time(data, bounds[0], bounds[1], tag)
    tag = read_element(data, bounds[1], end, bounds)
    if tag < 0:
        return
    not_after = read_time(data, bounds[0], bounds[1], tag)
    if not_before >= 0 and not_after >= 0:
        told[0] = not_before
        told[1] = not_after
    if last > first:
        names, stop = parts[PART_NAMES], parts[PART_NAMES + 1]
        told[2] = _match_names(data, names, stop, bounds, arena, first, last)
