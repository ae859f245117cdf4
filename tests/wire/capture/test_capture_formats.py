"""Each variant of each format, crafted by hand, gives the frames that were put in."""

from __future__ import annotations

import gzip
import io
import struct
import subprocess
import sys
from pathlib import Path

import pytest
import zstandard

from tests.wire.capture import craft
from tests.wire.capture.craft import Frame, block, enhanced, interface, option, save, section
from wire.capture.files import CaptureError, open_captures

A, B, C = b"first frame", b"second one", b"third"


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize(
    ("magic", "tick_ns"), [(craft.MICROSECONDS, 1000), (craft.NANOSECONDS, 1), (craft.MODIFIED, 1000)]
)
def test_pcap_in_each_byte_order_and_resolution(tmp_path: Path, order: str, magic: int, tick_ns: int) -> None:
    extra = struct.pack(f"{order}IHBB", 2, 0x0800, 4, 0) if magic == craft.MODIFIED else b""
    path = save(
        tmp_path / "capture",
        craft.pcap_header(magic, order),
        craft.pcap_record(A, 1_700_000_000, 999_999, order, extra=extra),
        craft.pcap_record(B, 2**32 - 1, 5, order, wire=1500, extra=extra),
    )
    frames, reader = craft.read_all(path)
    direction = 2 if extra else 0
    assert frames == [
        Frame(A, 1_700_000_000 * 10**9 + 999_999 * tick_ns, len(A), direction=direction),
        Frame(B, (2**32 - 1) * 10**9 + 5 * tick_ns, 1500, direction=direction),
    ]
    assert reader.complete
    assert reader.bytes_read == reader.bytes_total == path.stat().st_size


@pytest.mark.parametrize(("kind", "direction"), [(0, 1), (1, 1), (2, 1), (3, 0), (4, 2), (9, 0)])
def test_modified_pcap_tells_the_direction(tmp_path: Path, kind: int, direction: int) -> None:
    extra = struct.pack("<IHBB", 1, 0, kind, 0)
    path = save(tmp_path / "c", craft.pcap_header(craft.MODIFIED), craft.pcap_record(A, 0, 0, extra=extra))
    assert craft.read_all(path)[0] == [Frame(A, 0, len(A), direction=direction)]


def test_pcap_frame_check_sequence_bits_are_no_link_type(tmp_path: Path) -> None:
    path = save(tmp_path / "c", craft.pcap_header(link=0x44000071), craft.pcap_record(A, 0, 0))
    assert craft.read_all(path)[0] == [Frame(A, 0, len(A), link_type=113)]


def test_header_without_packets_is_valid(tmp_path: Path) -> None:
    for header in (craft.pcap_header(), section(), section() + interface()):
        frames, reader = craft.read_all(save(tmp_path / "c", header))
        assert frames == []
        assert reader.complete


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize(
    ("resolution", "ticks", "nanoseconds"),
    [
        (0, 1_700_000_000, 1_700_000_000 * 10**9),
        (3, 1_700_000_000_123, 1_700_000_000_123 * 10**6),
        (6, 1_700_000_000_123_456, 1_700_000_000_123_456 * 10**3),
        (9, 1_700_000_000_123_456_789, 1_700_000_000_123_456_789),
        (10, 17_000_000_000_000_000_005, 1_700_000_000_000_000_000),
        (0x80, 1_700_000_000, 1_700_000_000 * 10**9),
        (0x80 | 10, (1_700_000_000 << 10) + 512, 1_700_000_000 * 10**9 + 500_000_000),
        (0x80 | 32, (1_700_000_000 << 32) + (1 << 31), 1_700_000_000 * 10**9 + 500_000_000),
        (0x80 | 33, (1_700_000_000 << 33) + (1 << 31), 1_700_000_000 * 10**9 + 250_000_000),
        (0x80 | 64, 1 << 63, 500_000_000),
        (0x80 | 127, 2**64 - 1, 0),
        (60, 2**64 - 1, 0),
    ],
)
def test_pcapng_time_resolutions(
    tmp_path: Path, order: str, resolution: int, ticks: int, nanoseconds: int
) -> None:
    options = option(9, bytes([resolution]), order) + option(0, b"", order)
    path = save(tmp_path / "c", section(order), interface(1, order, options), enhanced(A, ticks, 0, order))
    assert craft.read_all(path)[0] == [Frame(A, nanoseconds, len(A))]


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize(("offset", "seconds"), [(1_600_000_000, 1_600_000_007), (-3, 4)])
def test_pcapng_time_offset(tmp_path: Path, order: str, offset: int, seconds: int) -> None:
    options = option(2, b"eth0", order) + option(14, struct.pack(f"{order}q", offset), order)
    path = save(
        tmp_path / "c", section(order), interface(1, order, options), enhanced(A, 7_000_000, 0, order)
    )
    assert craft.read_all(path)[0] == [Frame(A, seconds * 10**9, len(A))]


@pytest.mark.parametrize("offset", [-(2**63), 2**63 - 1, -8])
def test_pcapng_times_that_cannot_be_keep_the_last_good_one(tmp_path: Path, offset: int) -> None:
    odd = interface(options=option(14, struct.pack("<q", offset)))
    path = save(
        tmp_path / "c", section(), interface(), odd, enhanced(A, 5_000_000), enhanced(B, 7_000_000, 1)
    )
    frames, reader = craft.read_all(path)
    assert [frame.timestamp_ns for frame in frames] == [5 * 10**9, 5 * 10**9]
    assert reader.skipped["timestamp_out_of_range"] == 1


def test_pcapng_sections_and_interfaces_of_many_kinds(tmp_path: Path) -> None:
    path = save(
        tmp_path / "c",
        [section("<"), interface(1), interface(113, options=option(9, b"\x09"))],
        [enhanced(A, 1_000_000, 0), enhanced(B, 2_000_000_000, 1), block(0x0BAD, b"unknown")],
        [section(">"), interface(101, ">"), enhanced(C, 3_000_000, 0, ">"), craft.simple(A, ">", wire=99)],
        [interface(1, ">"), craft.obsolete(B, 4_000_000, 1, ">", option(2, b"\0\0\0\1", ">"))],
    )
    frames, reader = craft.read_all(path)
    assert frames == [
        Frame(A, 10**9, len(A), 1),
        Frame(B, 2 * 10**9, len(B), 113),
        Frame(C, 3 * 10**9, len(C), 101),
        # A simple packet's length on the wire says how much of the padded block is the frame.
        Frame(A + b"\0", 3 * 10**9, 99, 101),
        Frame(B, 4 * 10**9, len(B), 1, 1),
    ]
    assert reader.complete
    assert {name: n for name, n in reader.skipped.items() if n} == {"other_block": 1, "timestamp_absent": 1}


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize(("flags", "direction"), [(1, 1), (2, 2), (0, 0), (3, 0), (0xFFFFFFFD, 1)])
def test_pcapng_direction(tmp_path: Path, order: str, flags: int, direction: int) -> None:
    options = option(1, b"comment", order) + option(2, struct.pack(f"{order}I", flags), order)
    path = save(tmp_path / "c", section(order), interface(1, order), enhanced(A, 0, 0, order, options))
    assert craft.read_all(path)[0] == [Frame(A, 0, len(A), direction=direction)]


def test_simple_packets_are_cut_at_the_snap_length(tmp_path: Path) -> None:
    path = save(tmp_path / "c", section(), interface(snap=6), craft.simple(A[:6], wire=1000))
    assert craft.read_all(path)[0] == [Frame(A[:6], 0, 1000)]


def many_frames(count: int) -> bytes:
    records = (craft.pcap_record(i.to_bytes(4, "big") * (1 + i % 9), i, 0) for i in range(count))
    return craft.pcap_header() + b"".join(records)


def compressions(plain: bytes) -> dict[str, bytes]:
    half = len(plain) // 2
    zstd = zstandard.ZstdCompressor()
    return {
        "gzip": gzip.compress(plain),
        "gzip members": gzip.compress(plain[:half]) + gzip.compress(plain[half:]) + bytes(512),
        "zstd": zstd.compress(plain),
        "zstd frames": zstd.compress(plain[:half]) + zstd.compress(plain[half:]),
    }


@pytest.mark.parametrize("name", ["gzip", "gzip members", "zstd", "zstd frames"])
def test_compressed_captures_hold_the_same_frames(tmp_path: Path, name: str) -> None:
    plain = many_frames(9000)
    want, _ = craft.read_all(save(tmp_path / "plain", plain))
    packed = compressions(plain)[name]
    got, reader = craft.read_all(save(tmp_path / "packed.txt", packed))
    assert got == want
    assert reader.complete
    assert reader.bytes_read == reader.bytes_total == len(packed)


@pytest.mark.parametrize("name", ["gzip", "gzip members", "zstd", "zstd frames"])
def test_compressed_captures_cut_off_are_said_to_be(tmp_path: Path, name: str) -> None:
    packed = compressions(many_frames(5000))[name].rstrip(b"\0")
    frames, reader = craft.read_all(save(tmp_path / "c", packed[:-20]))
    assert not reader.complete
    assert "cut off" in reader.problems[0]
    assert len(frames) <= 5000


def test_a_decompression_bomb_is_read_within_a_bound(tmp_path: Path) -> None:
    # One 40 MiB run of zeros: an impossible record, found without unpacking everything first.
    bomb = craft.pcap_header() + bytes(40 << 20)
    for packed in (gzip.compress(bomb, 1), zstandard.ZstdCompressor().compress(bomb)):
        path = save(tmp_path / "bomb", packed)
        count = 0
        reader = open_captures([path])
        for frames in reader:
            assert len(frames.buffer) <= 17 << 20
            count += len(frames)
        reader.close()
        assert count == (40 << 20) // 16


def test_standard_input_is_read_as_a_stream(tmp_path: Path, root: Path) -> None:
    plain = many_frames(30_000)
    program = (
        "import sys; from wire.capture.files import open_captures; r = open_captures(['-']);"
        "n = sum(len(b) for b in r); sys.stdout.write(f'{n} {r.complete} {r.bytes_total} {r.bytes_read}')"
    )
    for given in (plain, gzip.compress(plain)):
        done = subprocess.run(
            [sys.executable, "-c", program], input=given, capture_output=True, check=True, cwd=root
        )
        assert done.stdout.decode() == f"30000 True None {len(given)}"


def test_streams_and_mapped_files_agree_on_long_blocks(tmp_path: Path) -> None:
    # An unknown block longer than a chunk makes the stream carry and grow.
    plain = b"".join([section(), interface(), enhanced(A, 1), block(77, bytes(15 << 20)), enhanced(B, 2)])
    mapped, _ = craft.read_all(save(tmp_path / "plain", plain))
    streamed, reader = craft.read_all(save(tmp_path / "packed", gzip.compress(plain, 1)))
    assert [frame.data for frame in mapped] == [A, B]
    assert streamed == mapped
    assert reader.complete


def test_a_mapped_file_is_not_copied(tmp_path: Path) -> None:
    path = save(tmp_path / "c", many_frames(70_000))
    reader = open_captures([path])
    blocks = list(reader)
    assert [len(b) for b in blocks] == [65_536, 70_000 - 65_536]
    assert all(len(b.buffer) == path.stat().st_size for b in blocks)
    assert blocks[0].buffer.ctypes.data == blocks[1].buffer.ctypes.data
    reader.close()
    last = blocks[1]
    start, length = int(last.offset[-1]), int(last.captured_bytes[-1])
    assert last.buffer[start : start + length].tobytes() == (69_999).to_bytes(4, "big") * (1 + 69_999 % 9)


def test_gzip_of_nothing_is_said(tmp_path: Path) -> None:
    packed = io.BytesIO()
    gzip.GzipFile(fileobj=packed, mode="wb").close()
    with pytest.raises(CaptureError, match="holds nothing"):
        craft.read_all(save(tmp_path / "c", packed.getvalue()))
