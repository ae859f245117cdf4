"""Dates and names of certificates, against what `cryptography` writes and reads."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st

from wire.names.certificate import PARTS, find_parts
from wire.names.certificate_check import MATCH_NO, MATCH_UNSEEN, MATCH_YES, check_certificate, read_time

KEY = ec.derive_private_key(7, ec.SECP256R1())
START = datetime(2024, 3, 1, tzinfo=UTC)


def certificate(names: list[str], start: datetime = START, end: datetime = START + timedelta(90)) -> bytes:
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "cn.example")])
    builder = (
        x509.CertificateBuilder(name, name, KEY.public_key(), 9, start, end)
        .add_extension(x509.BasicConstraints(False, None), critical=True)
    )
    if names:
        builder = builder.add_extension(
            x509.SubjectAlternativeName([x509.DNSName(each) for each in names]), critical=False
        )
    return builder.sign(KEY, hashes.SHA256()).public_bytes(serialization.Encoding.DER)


GOOD = certificate(["a.example", "*.b.example"])


def told(der: bytes, asked: str) -> list[int]:
    arena = np.frombuffer(asked.encode(), np.uint8)
    out = np.full(3, -9, np.int64)
    data = np.frombuffer(der, np.uint8)
    bounds, parts = np.zeros(4, np.int64), np.zeros(PARTS, np.int64)
    find_parts(data, 0, len(der), bounds, parts)
    check_certificate(data, parts, arena, 0, len(arena), bounds, out)
    return [int(value) for value in out]


@pytest.mark.parametrize(
    ("names", "asked", "match"),
    [
        (["a.example"], "a.example", MATCH_YES),
        (["x.example", "A.Example"], "a.example", MATCH_YES),
        (["*.example.org"], "a.example.org", MATCH_YES),
        (["*.example.org"], "example.org", MATCH_NO),
        (["*.example.org"], "a.b.example.org", MATCH_NO),
        (["*.example.org"], "notexample.org", MATCH_NO),
        (["a.example"], "b.example", MATCH_NO),
        (["a.example"], "aa.example", MATCH_NO),
        (["a.example"], "", MATCH_UNSEEN),
        ([], "cn.example", MATCH_UNSEEN),
    ],
)
def test_names(names: list[str], asked: str, match: int) -> None:
    ends = [int(START.timestamp()), int((START + timedelta(90)).timestamp())]
    assert told(certificate(names), asked) == [*ends, match]


_SECONDS = st.integers(0, 4_102_444_799)  # up to 2099


@given(_SECONDS, _SECONDS)
def test_dates(one: int, other: int) -> None:
    first, last = sorted((one, other))
    moments = [datetime.fromtimestamp(each, UTC) for each in (first, last)]
    if first == last:
        return
    assert told(certificate(["a.example"], *moments), "")[:2] == [first, last]


@pytest.mark.parametrize("text", [
    b"", b"2403010000Z", b"24030100000aZ", b"241301000000Z", b"240001000000Z",
    b"240301240000Z", b"240301006000Z", b"240301000060Z", b"240301000000+", b"2403010000000",
    b"240300000000Z", b"240431000000Z", b"240230000000Z", b"230229000000Z", b"240132000000Z",
])
def test_times_that_are_none(text: bytes) -> None:
    data = np.frombuffer(text, np.uint8) if text else np.zeros(0, np.uint8)
    assert [read_time(data, 0, len(text), tag) for tag in (0x17, 0x18, 0x02)] == [-1, -1, -1]
    data = np.frombuffer(b"20" + text, np.uint8)
    assert read_time(data, 0, len(data), 0x18) == -1


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        (b"240229235959Z", datetime(2024, 2, 29, 23, 59, 59, tzinfo=UTC)),
        (b"231231235959Z", datetime(2023, 12, 31, 23, 59, 59, tzinfo=UTC)),
        (b"20000229000000Z", datetime(2000, 2, 29, tzinfo=UTC)),
    ],
)
def test_times_at_their_ends(text: bytes, moment: datetime) -> None:
    tag = 0x17 if len(text) == 13 else 0x18
    assert read_time(np.frombuffer(text, np.uint8), 0, len(text), tag) == int(moment.timestamp())


@given(st.data())
def test_broken_certificates_never_raise(data: st.DataObject) -> None:
    der = bytearray(GOOD)
    for _ in range(data.draw(st.integers(1, 4))):
        der[data.draw(st.integers(0, len(der) - 1))] = data.draw(st.integers(0, 255))
    cut = bytes(der[: data.draw(st.integers(0, len(der)))])
    before, after, match = told(cut, "c.example")
    assert before >= 0
    assert after >= 0
    assert match in (MATCH_UNSEEN, MATCH_YES, MATCH_NO)
