"""Which kinds of personal identifiers stand in a text: by hand, and against the twin."""

from __future__ import annotations

import re
from urllib.parse import quote

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.wire.names import identifiers_twin
from wire.names.identifiers import IDENTIFIER_KINDS, TEXT_MAX_BYTES, identifiers

_SCRATCH = np.zeros(TEXT_MAX_BYTES, np.uint8)


def kinds(text: str | bytes) -> set[str]:
    data = text.encode() if isinstance(text, str) else text
    bits = identifiers(np.frombuffer(data, np.uint8), 0, len(data), _SCRATCH)
    return {kind for at, kind in enumerate(IDENTIFIER_KINDS) if bits >> at & 1}


#: Numbers with right check digits that belong to nobody: GB 11643's own example, 3GPP's, and made ones.
YES = [
    ("citizen-id", "11010519491231002X"),
    ("citizen-id", "id=440524198001010013&x=1"),
    ("mobile-number", "/login?phone=13800138000"),
    ("mobile-number", "tel:+8613912345678"),
    ("mobile-number", "8613912345678"),
    ("imei", '{"imei":"490154203237518"}'),
    ("imei", "/a/352099001761481/b"),
    ("mac", "mac=AC:DE:48:00:11:22"),
    ("mac", "Cookie: m=ac-de-48-00-11-22; a=b"),
    ("mac", "wifi_mac=acde48001122"),
    ("mac", '"macAddress":"ACDE48001122"'),
    ("iccid", "iccid=89860012345678901234"),
    ("iccid", "8944123456789012348"),
    ("email", "user=li.hua@mail.example.cn"),
    ("email", "From: a@b.cn."),
    ("coordinates", "lat=39.9087&lng=116.3975"),
    ("coordinates", '{"longitude": -0.12345}'),
    ("coordinates", "gps_lat=39.90871"),
    ("coordinates", "userLat=39.90871"),
    ("oaid", "X-OAID: 1f2e3d4c-5b6a-7980-1f2e-3d4c5b6a7980"),
    ("oaid", "oaid=1f2e3d4c5b6a79801f2e3d4c5b6a7980"),
    ("android-id", "android_id=9774d56d682e549c"),
    ("android-id", "androidId=9774d56d682e549c"),
    ("idfa", "idfa=6D92078A-8246-4BA4-AE5B-76104861E7DC"),
]
NO = [
    "11010519491231002Y",  # the wrong check character
    "110105194913310027",  # no such month
    "990105194912310020",  # no such province
    "a11010519491231002X",
    "12345678901",
    "138001380001",  # a digit more
    "1714000000000",  # a time in milliseconds
    "r=0.13800138000",  # a part of a decimal number
    "13800138000.5",
    "490154203237519",  # Luhn fails
    "000000000000000",
    "120154203237510",  # no such reporting body
    "mac=02:00:00:00:00:00",
    "00:00:00:00:00:00",
    "AC:DE:48:00:11:22:33",
    "2001:db8:11:22:33:44:55:66",
    "acde48001122",  # without its name
    "user@localhost",
    "@b.cn",
    "a@b.c1",
    "npm/@types/node",
    "lat=39.908",  # a hundred metres
    "lat=91.00000",
    "lat=0.00000",
    "flat=39.90871",
    "platform=39.90871",
    "oaid=00000000-0000-0000-0000-000000000000",
    "oaid=unknown",
    "idfa=00000000-0000-0000-0000-000000000000",
    "android_id=1",
    "",
]


@pytest.mark.parametrize(("kind", "text"), YES)
def test_is_one(kind: str, text: str) -> None:
    assert kinds(text) == {kind}
    assert kinds(quote(text, safe="=&/? ")) == {kind}
    assert identifiers_twin.kinds(text) == {kind}


@pytest.mark.parametrize("text", NO)
def test_is_none(text: str) -> None:
    assert kinds(text) == set()
    assert identifiers_twin.kinds(text) == set()


def test_several_at_once_and_odd_ends() -> None:
    text = "phone=13800138000&imei=490154203237518&mail=a@b.cn&lat=39.90871"
    assert kinds(text) == {"mobile-number", "imei", "email", "coordinates"}
    for end in range(len(text)):
        assert kinds(text[:end]) <= kinds(text)
    assert kinds(b"\xff" * 100 + b" 13800138000 " + bytes(range(256))) == {"mobile-number"}
    assert kinds("a" * (TEXT_MAX_BYTES - 11) + " 13800138000") == set()  # cut off at the scratch's end
    assert kinds("%") == kinds("%4") == kinds("%zz") == set()


_PIECES = st.sampled_from(
    [text for _, text in YES]
    + NO
    + ["imei", "mac", "lat", "lng", "oaid", "idfa", "android", "id", *'_-.:="&@ ']
    + ["490154203237518", "39.9087", "ac", "48", "8", "x", "X", "86", "0" * 8]
)


@given(st.lists(_PIECES, max_size=6).map("".join))
def test_against_the_twin(text: str) -> None:
    assert kinds(text) == identifiers_twin.kinds(text)


_DIGITS = st.from_regex(r"[0-9]{10,21}", fullmatch=True)
_MARKS = st.from_regex(r"[0-9a-f:.@=-]{0,40}", fullmatch=True)


@given(_DIGITS | _MARKS)
def test_numbers_against_the_twin(text: str) -> None:
    assert kinds(text) == identifiers_twin.kinds(text)


@given(st.binary(max_size=300))
def test_any_bytes_are_read(data: bytes) -> None:
    assert kinds(data) <= set(IDENTIFIER_KINDS)
    plain = re.sub(rb"[^ -~]", b" ", data).replace(b"%", b" ")
    assert kinds(plain) == identifiers_twin.kinds(plain.decode())
