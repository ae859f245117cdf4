"""Several captures as one, in time order, each frame with its own link type."""

from __future__ import annotations

import heapq
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.wire.capture import craft
from tests.wire.capture.craft import Frame, enhanced, interface, save, section

FILES = st.lists(st.lists(st.integers(0, 12), max_size=12), min_size=2, max_size=5)


def test_frames_come_in_time_order_with_their_link_types(tmp_path: Path) -> None:
    first = save(
        tmp_path / "1", craft.pcap_header(), craft.pcap_record(b"a", 1, 0), craft.pcap_record(b"c", 3, 0)
    )
    second = save(
        tmp_path / "2",
        [section(), interface(113), interface(101)],
        [enhanced(b"b", 2_000_000), enhanced(b"d", 3_000_000, 1), enhanced(b"e", 9_000_000)],
    )
    frames, reader = craft.read_all(first, second)
    assert [(frame.data, frame.link_type) for frame in frames] == [
        (b"a", 1), (b"b", 113), (b"c", 1), (b"d", 101), (b"e", 113),
    ]  # fmt: skip
    assert reader.complete
    assert reader.bytes_read == reader.bytes_total


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(files=FILES)
def test_merging_is_heapq_merge(tmp_path: Path, files: list[list[int]]) -> None:
    want, paths = [], []
    for number, times in enumerate(files):
        frames = [Frame(bytes([number, i]), time * 10**9, 2) for i, time in enumerate(times)]
        records = [craft.pcap_record(frame.data, time, 0) for frame, time in zip(frames, times, strict=True)]
        paths.append(save(tmp_path / str(number), craft.pcap_header(), records))
        want.append(frames)
    got, _ = craft.read_all(*paths)
    assert got == list(heapq.merge(*want, key=lambda frame: frame.timestamp_ns))


def test_merging_goes_on_over_many_blocks(tmp_path: Path) -> None:
    paths = []
    for number in range(2):
        records = [craft.pcap_record(bytes([number]) * 300, 2 * i + number, 0) for i in range(70_000)]
        paths.append(save(tmp_path / str(number), craft.pcap_header(), records))
    frames, reader = craft.read_all(*paths)
    assert [frame.timestamp_ns for frame in frames] == [i * 10**9 for i in range(140_000)]
    assert all(frame.data == bytes([i % 2]) * 300 for i, frame in enumerate(frames))
    assert reader.complete
