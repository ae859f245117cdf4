"""Walks ahead of the one that counts: they find true records, and what they find wrong changes nothing."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.wire.capture import craft
from tests.wire.capture.plain_twins import read_pcap
from wire.capture.pcap_ahead import WALKS, bring_near

_MAX_FRAME = 262_144
_SECONDS = 1_800_000_000


def walked(content: bytes, position: int, order: str = "<", header: int = 16) -> tuple[int, list[int]]:
    places = np.zeros(WALKS, np.int64)
    layout = np.array([order == ">", 1000, header], np.int64)
    near = bring_near(np.frombuffer(content, np.uint8), position, layout, _MAX_FRAME, places)
    return near, places.tolist()


def records(order: str, extra: bytes, payload: bytes, count: int) -> bytes:
    lengths = np.random.default_rng(7).choice([60, 66, 590, 1514], count).tolist()
    return b"".join(
        craft.pcap_record(payload[:length], _SECONDS + i // 1000, i, order, None, extra)
        for i, length in enumerate(lengths)
    )


@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize("extra", [b"", bytes(8)], ids=["plain", "modified"])
def test_every_walk_finds_the_records(order: str, extra: bytes) -> None:
    content = records(order, extra, bytes(1514), 4000)
    begins, at = set(), 0
    while at < len(content):
        begins.add(at)
        at += 16 + len(extra) + struct.unpack_from(f"{order}I", content, at + 8)[0]
    near, places = walked(content, 0, order, 16 + len(extra))
    assert near < len(content)
    assert set(places) <= begins
    assert all(place >= near // WALKS * (walk + 1) for walk, place in enumerate(places))


@pytest.mark.parametrize("order", "<>")
def test_payload_that_looks_like_records_changes_nothing(tmp_path: Path, order: str) -> None:
    magic = craft.MICROSECONDS
    lure = struct.pack(f"{order}IIII", _SECONDS, 0, 40, 40) + bytes(40)
    wild = struct.pack(f"{order}IIII", _SECONDS, 0, 262_000, 262_000)
    content = craft.pcap_header(magic, order) + records(order, b"", (lure + wild) * 40, 4000)
    expected, why = read_pcap(content)
    frames, reader = craft.read_all(craft.save(tmp_path / "lures.pcap", content))
    assert why == "end"
    assert reader.complete
    assert frames == expected


@settings(max_examples=300, deadline=None)
@given(
    content=st.binary(max_size=300),
    times=st.integers(0, 2000),
    position=st.integers(-20, 4000),
    order=st.sampled_from("<>"),
)
def test_no_content_is_read_past(content: bytes, times: int, position: int, order: str) -> None:
    near, places = walked(content * times, position, order)
    assert near > position or near == len(content) * times
    assert all(place >= -1 for place in places)
