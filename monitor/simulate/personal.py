"""Invented personal data for cleartext requests: every value has the right form and belongs to nobody."""

from __future__ import annotations

import numpy as np

#: GB 11643: weights of the first 17 digits, and the check digit by remainder.
_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_CHECK = "10X98765432"


def query(kinds: tuple[str, ...], draw: np.random.Generator) -> str:
    """A query string that holds a value of each kind."""
    return "&".join(_parameter(kind, draw) for kind in kinds)


def _parameter(kind: str, draw: np.random.Generator) -> str:
    if kind == "citizen-id":
        return f"idcard={_citizen_id(draw)}"
    if kind == "mobile":
        return f"mobile=139{_digits(draw, 8)}"
    if kind == "imei":
        return f"imei={_luhn('86' + _digits(draw, 12))}"
    if kind == "iccid":
        return f"iccid={_luhn('898600' + _digits(draw, 13))}"
    if kind == "mac":
        return f"mac={':'.join(f'{byte:02x}' for byte in (2, *draw.integers(0, 256, 5).tolist()))}"
    if kind == "email":
        return f"email=pupil{_digits(draw, 5)}@example.com"
    if kind == "location":
        return f"lat={39.9 + draw.random() / 10:.6f}&lng={116.3 + draw.random() / 10:.6f}"
    return f"{kind.replace('-', '_')}={_identifier(kind, draw)}"


def _identifier(kind: str, draw: np.random.Generator) -> str:
    text = draw.bytes(16).hex()
    if kind == "android-id":
        return text[:16]
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def _citizen_id(draw: np.random.Generator) -> str:
    """Region 110101, born in 2012: a form that the check digit accepts."""
    head = f"1101012012{1 + draw.integers(12):02d}{1 + draw.integers(28):02d}{_digits(draw, 3)}"
    total = sum(weight * int(digit) for weight, digit in zip(_WEIGHTS, head, strict=True))
    return head + _CHECK[total % 11]


def _luhn(head: str) -> str:
    """`head` with its Luhn digit (ISO/IEC 7812)."""
    total = 0
    for place, digit in enumerate(reversed(head)):
        value = int(digit) * (2 if place % 2 == 0 else 1)
        total += value - 9 if value > 9 else value
    return head + str(-total % 10)


def _digits(draw: np.random.Generator, count: int) -> str:
    return "".join(map(str, draw.integers(0, 10, count).tolist()))
