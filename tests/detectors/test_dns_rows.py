"""Long names: what they carry, and under which domain."""

from __future__ import annotations

import numpy as np
import pytest

from detectors.dns_rows import LongNames
from detectors.per_name import registered_domain
from tests.detectors.made_deltas import deltas
from wire.names.strings import StringTable


@pytest.mark.parametrize(
    ("name", "domain"),
    [
        (b"a.b.example.com", b"example.com"),
        (b"a.b.example.com.cn", b"example.com.cn"),
        (b"b.example.ac.uk", b"example.ac.uk"),
        (b"www.example.cn", b"example.cn"),
        (b"com.cn", b"com.cn"),
        (b"local", b"local"),
        (b"", b""),
    ],
)
def test_registered_domain(name: bytes, domain: bytes) -> None:
    assert registered_domain(name) == domain


@pytest.mark.parametrize(
    ("name", "carried"),
    [
        (b"x" * 60 + b".t.example", 60),
        (b"x" * 51 + b".t.example.com", 53),
        (b"x" * 51 + b".example.com", None),
        (rb"\200" * 20 + b".example.com", None),  # twenty bytes, however they are written
        (rb"\200" * 52 + b".example.com", 52),
        (rb"a\." * 30 + b".example.com", 60),
        (b"1.0.0.0." * 9 + b"ip6.arpa", None),
    ],
)
def test_what_a_name_carries(name: bytes, carried: int | None) -> None:
    strings = StringTable(10, 10_000)
    ids = np.array([strings.add(name), -1], np.int32)
    rows = LongNames(strings).rows(deltas({}, {}), np.array([1, 0]), ids)
    assert rows["carried"].tolist() == ([] if carried is None else [carried])
