"""Personal identifiers in cleartext: which kinds stand in a piece of text. Never where, never which.

A word is a run of letters and digits; a number beside a decimal point is none. By form alone:

- citizen id: GB 11643, 17 digits and a check character (ISO 7064 MOD 11-2), a real day of birth;
- mobile number: 11 digits of an assigned Chinese prefix, also with 86 before it;
- IMEI: 15 digits with the Luhn check of 3GPP TS 23.003 annex B, of a reporting body that exists;
- ICCID: 19 or 20 digits of ITU-T E.118 issuers in China (8986), or of others with the Luhn check;
- MAC: six pairs of hexadecimal digits parted by `:` or `-`; e-mail: local@domain.tld.

By the name of their parameter (JSON key, cookie, header) and a form that fits: MAC without marks, OAID,
Android ID, IDFA, coordinates of four decimals or more (eleven metres). Placeholders that systems give
out in place of an identifier (all zero, 02:00:00:00:00:00) do not count.
"""

from __future__ import annotations

import numpy as np

from wire.kernel import kernel

#: The closed set; a kind's bit is 1 << its position.
IDENTIFIER_KINDS = (
    "citizen-id",
    "mobile-number",
    "imei",
    "mac",
    "iccid",
    "email",
    "coordinates",
    "oaid",
    "android-id",
    "idfa",
)
_CITIZEN, _MOBILE, _IMEI, _MAC, _ICCID, _EMAIL, _COORDINATES, _OAID, _ANDROID, _IDFA = (
    1 << at for at in range(len(IDENTIFIER_KINDS))
)
#: Longer text is read up to here.
TEXT_MAX_BYTES = 16384
_KEY_MAX_BYTES = 32

_PERCENT, _DOT, _AT, _COLON, _EQUALS, _QUOTE, _MINUS = 37, 46, 64, 58, 61, 34, 45
_SPACE, _UNDERSCORE, _APOSTROPHE, _PLUS, _BACKSLASH, _COMMA = 32, 95, 39, 43, 92, 44
_WEIGHTS = np.array([7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2], np.int64)
_CHECKS = np.frombuffer(b"10X98765432", np.uint8)
_MONTH_DAYS = np.array([31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31], np.int64)


def _flags(size: int, members: list[int]) -> np.ndarray:
    table = np.zeros(size, np.uint8)
    table[members] = 1
    return table


#: First two digits of a citizen id: GB/T 2260 provinces, and 81 to 83 of residents from elsewhere.
_PROVINCES = _flags(
    100,
    [
        *range(11, 16), *range(21, 24), *range(31, 38), *range(41, 47), *range(50, 55), *range(61, 66),
        *(71, 81, 82, 83),
    ],
)  # fmt: skip
#: First three digits of a mobile number, as assigned.
_MOBILE_PREFIXES = _flags(
    1000,
    [
        *range(130, 140), *(145, 147, 149), *range(150, 154), *range(155, 160), *(162, 165, 166, 167),
        *range(170, 174), *range(175, 179), *range(180, 190), *range(190, 194), *range(195, 200),
    ],
)  # fmt: skip
#: First two digits of an IMEI: reporting bodies of GSMA TS.06.
_REPORTING_BODIES = _flags(100, [1, 10, 30, 33, 35, 44, 45, *range(49, 55), 86, 91, 98, 99])

_KEY_MAC = np.frombuffer(b"mac", np.uint8)
_KEY_MAC_ADDRESS = np.frombuffer(b"macaddress", np.uint8)
_KEY_WIFI_MAC = np.frombuffer(b"wifimac", np.uint8)
_KEY_OAID = np.frombuffer(b"oaid", np.uint8)
_KEY_ANDROID = np.frombuffer(b"androidid", np.uint8)
_KEY_IDFA = np.frombuffer(b"idfa", np.uint8)
_KEY_LAT = np.frombuffer(b"lat", np.uint8)
_KEY_LATITUDE = np.frombuffer(b"latitude", np.uint8)
_KEY_LNG = np.frombuffer(b"lng", np.uint8)
_KEY_LON = np.frombuffer(b"lon", np.uint8)
_KEY_LONGITUDE = np.frombuffer(b"longitude", np.uint8)


@kernel
def _digit(byte):  # type: ignore[no-untyped-def]
    return 48 <= byte <= 57


@kernel
def _letter(byte):  # type: ignore[no-untyped-def]
    return 97 <= (byte | 32) <= 122


@kernel
def _wordy(byte):  # type: ignore[no-untyped-def]
    return 48 <= byte <= 57 or 97 <= (byte | 32) <= 122


@kernel
def _hex_value(byte):  # type: ignore[no-untyped-def]
    """The value of a hexadecimal digit, -1 for any other byte."""
    if 48 <= byte <= 57:
        return np.int64(byte) - 48
    if 97 <= (byte | 32) <= 102:
        return np.int64(byte | 32) - 87
    return np.int64(-1)


@kernel
def _decoded(data, start, end, text):  # type: ignore[no-untyped-def]
    """Write data[start:end] to `text` with %XX taken back, at most its length; bytes written."""
    length = np.int64(0)
    at = np.int64(start)
    while at < end and length < len(text):
        byte = data[at]
        if byte == _PERCENT and at + 2 < end:
            high, low = _hex_value(data[at + 1]), _hex_value(data[at + 2])
            if high >= 0 and low >= 0:
                byte = np.uint8(high * 16 + low)
                at += 2
        text[length] = byte
        length += 1
        at += 1
    return length


@kernel
def _number(text, start, end):  # type: ignore[no-untyped-def]
    """The value of a few digits."""
    value = np.int64(0)
    for i in range(start, end):
        value = value * 10 + np.int64(text[i]) - 48
    return value


@kernel
def _luhn(text, start, end):  # type: ignore[no-untyped-def]
    """Whether the last digit is the Luhn check of those before it (ISO/IEC 7812-1)."""
    total = np.int64(0)
    for i in range(start, end):
        value = np.int64(text[i]) - 48
        if (end - i) % 2 == 0:
            value *= 2
            if value > 9:
                value -= 9
        total += value
    return total % 10 == 0


@kernel
def _citizen_id(text, start):  # type: ignore[no-untyped-def]
    """Whether 17 digits and one more character are a citizen id."""
    if _PROVINCES[_number(text, start, start + 2)] == 0:
        return False
    year = _number(text, start + 6, start + 10)
    month = _number(text, start + 10, start + 12)
    day = _number(text, start + 12, start + 14)
    if year < 1900 or year > 2099 or month < 1 or month > 12 or day < 1 or day > _MONTH_DAYS[month - 1]:
        return False
    total = np.int64(0)
    for i in range(17):
        total += _WEIGHTS[i] * (np.int64(text[start + i]) - 48)
    last = text[start + 17]
    if last == 120:
        last = np.uint8(88)
    return last == _CHECKS[total % 11]


@kernel
def _of_digits(text, start, end):  # type: ignore[no-untyped-def]
    """The kinds that a number has by its form."""
    size = end - start
    if size == 11 or (size == 13 and text[start] == 56 and text[start + 1] == 54):
        first = end - 11
        if _MOBILE_PREFIXES[_number(text, first, first + 3)] == 1:
            return _MOBILE
    elif size == 15:
        if _REPORTING_BODIES[_number(text, start, start + 2)] == 1 and _luhn(text, start, end):
            return _IMEI
    elif size == 18:
        if _citizen_id(text, start):
            return _CITIZEN
    elif size in (19, 20):
        if _number(text, start, start + 4) == 8986:
            return _ICCID
        if _number(text, start, start + 2) == 89 and _luhn(text, start, end):
            return _ICCID
    return 0


@kernel
def _pairs(text, start, end, separator):  # type: ignore[no-untyped-def]
    """Whether text[start:] is six pairs of hexadecimal digits parted by `separator`, and no placeholder.

    separator: a byte, or 0 for none.
    """
    at = np.int64(start)
    total = np.int64(0)
    for pair in range(6):
        if at + 2 > end:
            return False
        high, low = _hex_value(text[at]), _hex_value(text[at + 1])
        if high < 0 or low < 0:
            return False
        total = total * 256 + high * 16 + low
        at += 2
        if pair < 5 and separator != 0:
            if at >= end or text[at] != separator:
                return False
            at += 1
    if at < end and (_wordy(text[at]) or (separator != 0 and text[at] == separator)):
        return False
    return total not in (0, 0x020000000000, 0xFFFFFFFFFFFF)


@kernel
def _email(text, length, at):  # type: ignore[no-untyped-def]
    """Whether the `@` at text[at] stands between a local part and a domain with a top level of letters."""
    if at == 0 or not _wordy(text[at - 1]):
        return False
    end = at + 1
    last_dot = np.int64(-1)
    while end < length and end - at < 255:
        byte = text[end]
        if byte == _DOT:
            if text[end - 1] in (_DOT, _AT):
                return False
            last_dot = end
        elif not _wordy(byte) and byte != _MINUS:
            break
        end += 1
    if last_dot == end - 1:  # a full stop after it
        end -= 1
        last_dot = np.int64(-1)
        for i in range(at + 1, end):
            if text[i] == _DOT:
                last_dot = np.int64(i)
    if last_dot < 0 or end - last_dot < 3:
        return False
    for i in range(last_dot + 1, end):
        if not _letter(text[i]):
            return False
    return True


@kernel
def _key_is(text, start, end, word):  # type: ignore[no-untyped-def]
    """Whether the key text[start:end] ends with `word`, `_` and `-` left out, as a word of its own.

    `gps_lat`, `X-OAID` and `deviceLat` do, `flat` does not.
    """
    at = np.int64(end) - 1
    for i in range(len(word) - 1, -1, -1):
        while at >= start and text[at] in (_UNDERSCORE, _MINUS):
            at -= 1
        if at < start or (text[at] | 32) != word[i]:
            return False
        at -= 1
    if at < start or not _letter(text[at]):
        return True
    return text[at] >= 97 and text[at + 1] < 97  # camel case


@kernel
def _is_opaque(text, start, end, least, most):  # type: ignore[no-untyped-def]
    """Whether text[start:end] is that many hexadecimal digits, with or without dashes, not all zero."""
    digits = np.int64(0)
    other = False
    for i in range(start, end):
        if text[i] == _MINUS:
            continue
        value = _hex_value(text[i])
        if value < 0:
            return False
        digits += 1
        other = other or value != 0
    return other and least <= digits <= most


@kernel
def _is_precise(text, start, end, most):  # type: ignore[no-untyped-def]
    """Whether text[start:end] is a decimal within +-most with four decimals or more, and not zero."""
    at = np.int64(start)
    if at < end and text[at] == _MINUS:
        at += 1
    first = at
    while at < end and _digit(text[at]):
        at += 1
    if at == first or at - first > 3 or at >= end or text[at] != _DOT:
        return False
    whole = _number(text, first, at)
    decimals = end - at - 1
    other = whole != 0
    for i in range(at + 1, end):
        if not _digit(text[i]):
            return False
        other = other or text[i] != 48
    return other and decimals >= 4 and whole <= most


@kernel
def _of_parameter(text, length, end, at):  # type: ignore[no-untyped-def]
    """The kinds of the value that follows text[at] (`=` or `:`), by its key, which ends at text[end]."""
    start = np.int64(end)
    while start > 0 and end - start < _KEY_MAX_BYTES:
        byte = text[start - 1]
        if not _wordy(byte) and byte not in (_UNDERSCORE, _MINUS):
            break
        start -= 1
    value = np.int64(at) + 1
    while value < length and text[value] in (_SPACE, _QUOTE, _APOSTROPHE, _BACKSLASH):
        value += 1
    stop = value
    while stop < length and stop - value < 80:
        if not _wordy(text[stop]) and text[stop] not in (_MINUS, _DOT):
            break
        stop += 1
    if stop == value:
        return 0
    if _key_is(text, start, end, _KEY_OAID):
        return _OAID if _is_opaque(text, value, stop, 16, 64) else 0
    if _key_is(text, start, end, _KEY_ANDROID):
        return _ANDROID if _is_opaque(text, value, stop, 15, 16) else 0
    if _key_is(text, start, end, _KEY_IDFA):
        return _IDFA if _is_opaque(text, value, stop, 32, 32) else 0
    if (
        _key_is(text, start, end, _KEY_MAC)
        or _key_is(text, start, end, _KEY_MAC_ADDRESS)
        or _key_is(text, start, end, _KEY_WIFI_MAC)
    ):
        return _MAC if _pairs(text, value, stop, 0) else 0
    if _key_is(text, start, end, _KEY_LAT) or _key_is(text, start, end, _KEY_LATITUDE):
        return _COORDINATES if _is_precise(text, value, stop, 90) else 0
    if (
        _key_is(text, start, end, _KEY_LNG)
        or _key_is(text, start, end, _KEY_LON)
        or _key_is(text, start, end, _KEY_LONGITUDE)
    ):
        return _COORDINATES if _is_precise(text, value, stop, 180) else 0
    return 0


@kernel
def _of_word(text, length, start, end):  # type: ignore[no-untyped-def]
    """The kinds of the word text[start:end] by its form."""
    size = end - start
    if size == 2 and end < length and text[end] in (_COLON, _MINUS):
        before = text[start - 1] if start > 0 else np.uint8(0)
        if before != text[end] and _pairs(text, start, length, text[end]):
            return _MAC
        return 0
    if size < 11 or size > 20:
        return 0
    digits = np.int64(start)
    while digits < end and _digit(text[digits]):
        digits += 1
    # A part of a decimal number, or of an address of numbers, is no number of its own.
    if start > 1 and text[start - 1] == _DOT and _digit(text[start - 2]):
        return 0
    if end + 1 < length and text[end] == _DOT and _digit(text[end + 1]):
        return 0
    if digits == end:
        return _of_digits(text, start, end)
    if size == 18 and digits == end - 1 and (text[end - 1] | 32) == 120 and _citizen_id(text, start):
        return _CITIZEN
    return 0


@kernel
def identifiers(data, start, end, text):  # type: ignore[no-untyped-def]
    """The kinds of identifiers in data[start:end], or-ed bits of IDENTIFIER_KINDS.

    text: uint8[TEXT_MAX_BYTES], scratch.
    """
    length = _decoded(data, start, end, text)
    kinds = 0
    at = np.int64(0)
    while at < length:
        if not _wordy(text[at]):
            if text[at] == _AT and _email(text, length, at):
                kinds |= _EMAIL
            at += 1
            continue
        first = at
        while at < length and _wordy(text[at]):
            at += 1
        kinds |= _of_word(text, length, first, at)
        mark = at
        while mark < length and mark - at < 2 and text[mark] in (_QUOTE, _APOSTROPHE, _BACKSLASH):
            mark += 1
        if mark < length and text[mark] in (_EQUALS, _COLON):
            kinds |= _of_parameter(text, length, at, mark)
    return kinds
