"""Personal identifiers told by regular expressions: the plain twin of wire/names/identifiers.py."""

from __future__ import annotations

import calendar
import re
from collections.abc import Iterator

_PROVINCES = "1[1-5]|2[1-3]|3[1-7]|4[1-6]|5[0-4]|6[1-5]|71|8[1-3]"
_MOBILE = "13[0-9]|14[579]|15[0-35-9]|16[2567]|17[0-35-8]|18[0-9]|19[0-35-9]"
_BODIES = "01|10|30|33|35|44|45|49|5[0-4]|86|91|98|99"
_WORD = r"(?<![0-9A-Za-z])(?<![0-9]\.){}(?![0-9A-Za-z])(?!\.[0-9])"
_HEX = "[0-9A-Fa-f]"
_KEY = re.compile(r"([0-9A-Za-z_-]*[0-9A-Za-z])[\"'\\]{0,2}$")
_VALUE = re.compile(r"[ \"'\\]*([0-9A-Za-z.-]{1,80})")


def kinds(text: str) -> set[str]:
    return set(_by_form(text)) | set(_by_name(text))


def _by_form(text: str) -> Iterator[str]:
    for match in re.finditer(_WORD.format(rf"((?:{_PROVINCES})\d{{15}}[0-9Xx])"), text):
        if _citizen(match[1]):
            yield "citizen-id"
    if re.search(_WORD.format(rf"(?:86)?(?:{_MOBILE})\d{{8}}"), text):
        yield "mobile-number"
    for match in re.finditer(_WORD.format(rf"((?:{_BODIES})\d{{13}})"), text):
        if _luhn(match[1]):
            yield "imei"
    for match in re.finditer(_WORD.format(r"(89\d{17,18})"), text):
        if match[1].startswith("8986") or _luhn(match[1]):
            yield "iccid"
    for mark in ":-":
        pairs = rf"(?<![0-9A-Za-z{mark}])((?:{_HEX}{{2}}{mark}){{5}}{_HEX}{{2}})(?![0-9A-Za-z{mark}])"
        for match in re.finditer(pairs, text):
            if _real_mac(match[1].replace(mark, "")):
                yield "mac"
    if re.search(r"[0-9A-Za-z]@(?:[0-9A-Za-z-]+\.)+[A-Za-z]{2,}(?![0-9A-Za-z-]|\.[0-9A-Za-z-])", text):
        yield "email"


def _by_name(text: str) -> Iterator[str]:
    for mark in re.finditer("[=:]", text):
        before, after = _KEY.search(text[: mark.start()]), _VALUE.match(text[mark.end() :])
        if before is None or after is None:
            continue
        key, value = before[1][-32:], after[1]
        bare = value.replace("-", "")
        opaque = re.fullmatch(f"{_HEX}+", bare) is not None and set(bare) != {"0"}
        for words, kind, fits in (
            (("oaid",), "oaid", opaque and 16 <= len(bare) <= 64),
            (("androidid",), "android-id", opaque and 15 <= len(bare) <= 16),
            (("idfa",), "idfa", opaque and len(bare) == 32),
            (("mac", "macaddress", "wifimac"), "mac", _is_mac(value)),
            (("lat", "latitude"), "coordinates", _precise(value, 90)),
            (("lng", "lon", "longitude"), "coordinates", _precise(value, 180)),
        ):
            if any(_named(key, word) for word in words):
                if fits:
                    yield kind
                break


def _is_mac(value: str) -> bool:
    return re.match(f"{_HEX}{{12}}(?![0-9A-Za-z])", value) is not None and _real_mac(value[:12])


def _named(key: str, word: str) -> bool:
    found = re.search("[_-]*".join(word) + "[_-]*$", key, re.IGNORECASE)
    if found is None:
        return False
    before = key[: found.start()]
    return not before or not before[-1].isalpha() or (before[-1].islower() and key[found.start()].isupper())


def _precise(value: str, most: int) -> bool:
    match = re.fullmatch(r"-?(\d{1,3})\.(\d{4,})", value)
    return match is not None and int(match[1]) <= most and bool(int(match[1]) or int(match[2]))


def _real_mac(digits: str) -> bool:
    return digits.lower() not in ("0" * 12, "02" + "0" * 10, "f" * 12)


def _luhn(digits: str) -> bool:
    total = 0
    for at, digit in enumerate(reversed(digits)):
        value = int(digit) * (2 if at % 2 else 1)
        total += value - 9 if value > 9 else value
    return total % 10 == 0


def _citizen(text: str) -> bool:
    year, month, day = int(text[6:10]), int(text[10:12]), int(text[12:14])
    if not 1900 <= year <= 2099 or not 1 <= month <= 12:
        return False
    last = 29 if month == 2 else calendar.monthrange(2001, month)[1]
    weights = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
    total = sum(weight * int(digit) for weight, digit in zip(weights, text[:17], strict=True))
    return 1 <= day <= last and text[17].upper() == "10X98765432"[total % 11]
