"""The kernel that measures names gives what a plain reading of the same name gives."""

from __future__ import annotations

import math
import zlib
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from detectors.name_shapes import shapes_of
from detectors.per_name import plain, registered_domain
from wire.names.strings import StringTable


def _twin(name: bytes, lower: bool) -> tuple[int, int, int, int]:
    name = plain(name).lower() if lower else plain(name)
    base = registered_domain(name)
    below = b"" if base.endswith(b".arpa") else name[: max(len(name) - len(base) - 1, 0)]
    top = name.rpartition(b".")[2].lower()
    country = (top[0] - 97) * 26 + top[1] - 96 if len(top) == 2 and top.isalpha() and top.isascii() else 0
    digest = int(np.int32(np.uint32(zlib.crc32(name))))
    return len(below), round(_entropy(below) * 128), country if lower else 0, digest


def _entropy(text: bytes) -> float:
    if len(text) < 2:
        return 0.0
    counts = Counter(text).values()
    return -sum(count / len(text) * math.log2(count / len(text)) for count in counts)


def _agree(names: list[bytes], lower: bool) -> None:
    strings = StringTable(256, 1 << 16)
    ids = np.array([strings.add(name) for name in names], np.int32)
    shapes = shapes_of(strings, ids, lower)
    country = shapes.country if lower else np.zeros_like(shapes.country)
    told = list(
        zip(*(each.tolist() for each in (shapes.below, shapes.bits, country, shapes.digest)), strict=True)
    )
    assert told == [_twin(name, lower) for name in names]


LABELS = (
    b"a",
    b"www",
    b"cn",
    b"uk",
    b"com",
    b"COM",
    b"co",
    b"edu",
    b"arpa",
    b"in-addr",
    b"",
    b"x1y2z3",
    b"\xff",
)
NAMES = st.one_of(
    st.lists(st.one_of(st.sampled_from(LABELS), st.binary(max_size=12)), max_size=6).map(b".".join),
    st.lists(st.sampled_from((b"\\", b"\\046", b"\\.", b"9", b".", b"aB", b"cn")), max_size=9).map(b"".join),
    st.binary(min_size=200, max_size=255),
)


@given(st.lists(NAMES, min_size=1, max_size=20), st.booleans())
def test_it_agrees_with_a_plain_reading(names: list[bytes], lower: bool) -> None:
    _agree(names, lower)


@pytest.mark.parametrize(
    ("name", "below", "country"),
    [
        (b"a.b.example.com.cn", 3, 2 * 26 + 14),
        (b"www.example.org", 3, 0),
        (b"1.0.0.127.in-addr.arpa", 0, 0),
        (b"example.uk", 0, 20 * 26 + 11),
        (b"\\046\\.x.example.com", 3, 0),
    ],
)
def test_names_by_hand(name: bytes, below: int, country: int) -> None:
    strings = StringTable(4, 256)
    shapes = shapes_of(strings, np.array([strings.add(name)], np.int32), lower=True)
    assert (shapes.below[0], shapes.country[0]) == (below, country)
    assert shapes.digest[0] == np.int32(np.uint32(zlib.crc32(plain(name))))
