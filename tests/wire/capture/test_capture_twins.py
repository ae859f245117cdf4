"""Both indexing kernels against plain Python, and captures damaged at random."""

from __future__ import annotations

import gzip
import struct
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.wire.capture import craft
from tests.wire.capture.craft import block, enhanced, interface, obsolete, option, section, simple
from tests.wire.capture.plain_twins import PcapngTwin, read_pcap
from wire.capture.files import CaptureError, open_captures

EXAMPLES = settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
ORDERS = st.sampled_from("<>")
DATA = st.binary(max_size=40)
WORD = st.integers(0, 2**32 - 1)
TICKS = st.integers(0, 2**64 - 1) | st.integers(0, 2**52)
DAMAGE = st.lists(st.tuples(st.integers(0, 10_000), st.binary(min_size=1, max_size=4)), max_size=3)


def damaged(whole: bytes, damage: list[tuple[int, bytes]], left: int) -> bytes:
    content = bytearray(whole)
    for at, patch in damage:
        at %= max(1, len(content))
        content[at : at + len(patch)] = patch[: len(content) - at]
    return bytes(content[: max(0, len(content) - left)])


@st.composite
def pcap_files(draw: st.DrawFn) -> bytes:
    order = draw(ORDERS)
    magic = draw(st.sampled_from([craft.MICROSECONDS, craft.NANOSECONDS, craft.MODIFIED]))
    extra = bytes(6) + bytes([draw(st.integers(0, 6)), 0]) if magic == craft.MODIFIED else b""
    records = [
        craft.pcap_record(draw(DATA), draw(WORD), draw(WORD), order, draw(WORD), extra)
        for _ in range(draw(st.integers(0, 6)))
    ]
    return craft.pcap_header(magic, order) + b"".join(records)


@st.composite
def pcapng_files(draw: st.DrawFn) -> bytes:
    parts = []
    for _ in range(draw(st.integers(1, 3))):
        order = draw(ORDERS)
        parts.append(section(order))
        for _ in range(draw(st.integers(0, 2))):
            options = option(9, draw(st.binary(min_size=1, max_size=1)), order)
            offset = draw(st.sampled_from([0, 5, -5, 1_600_000_000, -(2**63), 2**63 - 1]))
            options += option(14, struct.pack(f"{order}q", offset), order)
            snap = draw(st.sampled_from([0, 8, 65535]))
            parts.append(interface(draw(st.sampled_from([1, 1, 113, 101])), order, options, snap))
        for _ in range(draw(st.integers(0, 5))):
            which = draw(st.integers(0, 2))
            flags = option(2, struct.pack(f"{order}I", draw(WORD)), order)
            kind = draw(st.integers(0, 3))
            if kind == 0:
                parts.append(enhanced(draw(DATA), draw(TICKS), which, order, flags, draw(WORD)))
            elif kind == 1:
                parts.append(obsolete(draw(DATA), draw(TICKS), which, order, flags))
            elif kind == 2:
                parts.append(simple(draw(DATA), order, draw(WORD)))
            else:
                parts.append(block(draw(st.integers(4, 99)), draw(DATA), order))
    return b"".join(parts)


@EXAMPLES
@given(whole=pcap_files(), damage=DAMAGE, left=st.integers(0, 60))
def test_pcap_kernel_reads_what_plain_python_reads(
    tmp_path: Path, whole: bytes, damage: list[tuple[int, bytes]], left: int
) -> None:
    # Keep the header: recognising it is not the kernel's work.
    content = whole[:24] + damaged(whole[24:], damage, left)
    want, why = read_pcap(content)
    got, reader = craft.read_all(craft.save(tmp_path / "c", content))
    assert got == want
    assert reader.complete == (why == "end")


@EXAMPLES
@given(whole=pcapng_files(), damage=DAMAGE, left=st.sampled_from([0, 0, 0, 1, 4, 30]))
def test_pcapng_kernel_reads_what_plain_python_reads(
    tmp_path: Path, whole: bytes, damage: list[tuple[int, bytes]], left: int
) -> None:
    content = whole[:28] + damaged(whole[28:], damage, left)
    twin = PcapngTwin(content)
    path = craft.save(tmp_path / "c", content)
    if twin.why == "link type" and not twin.frames:
        with pytest.raises(CaptureError, match="link type"):
            open_captures([path])
        return
    got, reader = craft.read_all(path)
    assert got == twin.frames
    assert {name: count for name, count in reader.skipped.items() if count} == twin.skipped
    lost = {"malformed_block", "interface_unknown", "frame_over_limit"} & twin.skipped.keys()
    assert reader.complete == (twin.why == "end" and not lost)


@EXAMPLES
@given(
    whole=pcap_files() | pcapng_files(),
    packed=st.booleans(),
    damage=DAMAGE,
    left=st.integers(0, 200),
)
def test_a_damaged_capture_raises_nothing_but_capture_errors(
    tmp_path: Path, whole: bytes, packed: bool, damage: list[tuple[int, bytes]], left: int
) -> None:
    content = damaged(gzip.compress(whole) if packed else whole, damage, left)
    try:
        _, reader = craft.read_all(craft.save(tmp_path / "c", content))
    except CaptureError as error:
        lines = [str(error)]
    else:
        lines = reader.problems
    assert not any("\n" in line for line in lines)
