"""Bad captures: one clear line each, what could be read is given out, nothing else is raised."""

from __future__ import annotations

import os
import struct
import subprocess
import sys
from pathlib import Path

import pytest

from tests.wire.capture import craft
from tests.wire.capture.craft import enhanced, interface, save, section
from wire.capture.files import CaptureError, open_captures
from wire.capture.link_types import refusal

A, B = b"first frame", b"second one"


def refused(path: Path) -> str:
    with pytest.raises(CaptureError) as caught:
        open_captures([path])
    line = str(caught.value)
    assert "\n" not in line
    assert line.startswith(f"{path}: ")
    return line


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "empty (zero bytes)"),
        (b"\xd4", "not a capture"),
        (b"hello, this is a text file and no capture", "not a capture"),
        (b"\x1f\x8bhello", "gzip data are damaged"),
        (b"\x28\xb5\x2f\xfd" + b"\xff" * 30, "zstd data are damaged"),
        (craft.pcap_header()[:20], "cut off within the file header"),
        (craft.pcap_header(link=220), "link type 220 (USB_LINUX_MMAPPED) is not supported"),
        (craft.pcap_header(link=9999), "link type 9999 (unnamed) is not supported"),
        (struct.pack("<IHHiIII", 0xA1B2C3D4, 9, 4, 0, 0, 65535, 1), "pcap version 9.4"),
        (section()[:20], "cut off"),
        (section(major=3), "pcapng version 3"),
        (section() + interface(195) + enhanced(A, 0), "interface 0: link type 195 (IEEE802_15_4_WITHFCS)"),
        (section()[:8] + b"\0\0\0\0" + section()[12:], "no byte order"),
    ],
)
def test_what_is_no_capture_is_refused_with_one_line(tmp_path: Path, content: bytes, says: str) -> None:
    assert says in refused(save(tmp_path / "capture.pcap", content))


def test_what_cannot_be_opened_is_refused_with_one_line(tmp_path: Path) -> None:
    assert "No such file" in refused(tmp_path / "missing")
    assert "directory" in refused(tmp_path)
    with pytest.raises(CaptureError, match="no capture"):
        open_captures([])
    with pytest.raises(CaptureError, match="more than once"):
        open_captures(["-", "-"])
    with pytest.raises(CaptureError, match="null byte"):
        open_captures(["a\0b"])


CUT_PCAP = craft.pcap_header() + craft.pcap_record(A, 1, 0) + craft.pcap_record(B, 2, 0)
CUT_PCAPNG = section() + interface() + enhanced(A, 1) + enhanced(B, 2)


@pytest.mark.parametrize("whole", [CUT_PCAP, CUT_PCAPNG], ids=["pcap", "pcapng"])
@pytest.mark.parametrize("missing", [1, 5, len(B) + 1, len(B) + 5])
def test_a_capture_cut_off_is_read_to_its_last_whole_packet(
    tmp_path: Path, whole: bytes, missing: int
) -> None:
    path = save(tmp_path / "c", whole[:-missing])
    frames, reader = craft.read_all(path)
    assert [frame.data for frame in frames] == [A]
    assert not reader.complete
    assert len(reader.problems) == 1
    assert reader.problems[0].startswith(f"{path}: cut off within a record")


@pytest.mark.parametrize("size", [262_145, 2**31, 2**32 - 1])
def test_an_impossible_length_ends_the_file(tmp_path: Path, size: int) -> None:
    bad = struct.pack("<IIII", 2, 0, size, size) + bytes(100)
    frames, reader = craft.read_all(
        save(tmp_path / "c", craft.pcap_header(), craft.pcap_record(A, 1, 0), bad)
    )
    assert [frame.data for frame in frames] == [A]
    assert "length is impossible" in reader.problems[0]


@pytest.mark.parametrize("length", [0, 11, 30, 2**24 + 4, 2**32 - 4])
def test_an_impossible_block_ends_the_file(tmp_path: Path, length: int) -> None:
    bad = struct.pack("<II", 6, length) + bytes(64)
    frames, reader = craft.read_all(save(tmp_path / "c", section(), interface(), enhanced(A, 1), bad))
    assert [frame.data for frame in frames] == [A]
    assert "length is impossible" in reader.problems[0]


def test_a_long_snap_length_allows_longer_frames(tmp_path: Path) -> None:
    frame = bytes(300_000)
    path = save(tmp_path / "c", craft.pcap_header(snap=400_000), craft.pcap_record(frame, 1, 0))
    frames, reader = craft.read_all(path)
    assert len(frames[0].data) == 300_000
    assert reader.complete


def test_a_later_interface_of_an_unknown_link_type_ends_the_file(tmp_path: Path) -> None:
    path = save(
        tmp_path / "c",
        section(),
        interface(),
        interface(195),
        enhanced(A, 0),
        enhanced(B, 0, 1),
        enhanced(A, 0),
    )
    frames, reader = craft.read_all(path)
    assert [frame.data for frame in frames] == [A]
    assert "interface 1: link type 195 (IEEE802_15_4_WITHFCS)" in reader.problems[0]


def test_damaged_packet_blocks_are_passed_over_and_said(tmp_path: Path) -> None:
    lying = bytearray(enhanced(B, 0))
    struct.pack_into("<I", lying, 20, 5000)
    path = save(
        tmp_path / "c",
        [section(), interface(snap=100), enhanced(A, 0), bytes(lying), craft.block(6, b"short")],
        [enhanced(B, 0, which=7), enhanced(bytes(262_145), 0), enhanced(B, 0)],
    )
    frames, reader = craft.read_all(path)
    assert [frame.data for frame in frames] == [A, B]
    counts = {name: count for name, count in reader.skipped.items() if count}
    assert counts == {"malformed_block": 2, "interface_unknown": 1, "frame_over_limit": 1}
    assert not reader.complete
    assert "2 malformed_block" in reader.problems[0]


def test_good_files_are_read_beside_bad_ones(tmp_path: Path) -> None:
    good = save(tmp_path / "good", CUT_PCAP)
    bad = save(tmp_path / "bad", b"nonsense")
    frames, reader = craft.read_all(bad, good, tmp_path / "missing")
    assert len(frames) == 2
    assert not reader.complete
    assert len(reader.problems) == 2


@pytest.mark.parametrize("left", [0, 7_000_001])
@pytest.mark.parametrize("when", ["before", "meanwhile"])
def test_a_file_that_shrinks_gives_a_line_and_no_signal(
    tmp_path: Path, root: Path, left: int, when: str
) -> None:
    record = craft.pcap_record(b"\1" * 100, 1, 0)
    path = save(tmp_path / "c", craft.pcap_header(), record * 140_000)
    program = root / "tests" / "wire" / "capture" / "shrinking_reader.py"
    done = subprocess.run(
        [sys.executable, "-X", "faulthandler", str(program), str(path), str(left), when],
        capture_output=True,
        cwd=root,
        env={**os.environ, "PYTHONPATH": str(root)},
        text=True,
    )
    assert done.returncode == 0, done.stderr
    frames, complete, problems = done.stdout.split(" ", 2)
    assert complete == "False"
    assert "shrank while it was read, from 16,240,024" in problems
    assert 65_536 <= int(frames) < 140_000


def test_a_bus_error_of_another_mapping_still_kills(tmp_path: Path, root: Path) -> None:
    path = save(tmp_path / "c", CUT_PCAP)
    other = save(tmp_path / "other", bytes(100_000))
    program = (
        "import mmap, os, sys; from wire.capture.files import open_captures\n"
        f"reader = open_captures([{str(path)!r}]); file = open({str(other)!r}, 'r+b')\n"
        "mapping = mmap.mmap(file.fileno(), 0); file.truncate(0); mapping[50_000]\n"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=root, capture_output=True)
    assert done.returncode == -7


def test_the_handler_goes_with_the_last_mapping(tmp_path: Path, root: Path) -> None:
    path = save(tmp_path / "c", CUT_PCAP)
    program = (
        "import gc, sys; from pathlib import Path; from wire.capture.files import open_captures\n"
        "def caught():\n"
        "    status = Path('/proc/self/status').read_text().split('SigCgt:')[1].split()[0]\n"
        "    return bool(int(status, 16) >> 6 & 1)\n"
        f"seen = [caught()]; reader = open_captures([{str(path)!r}]); seen.append(caught())\n"
        "reader.close(); del reader; gc.collect(); seen.append(caught()); sys.stdout.write(str(seen))\n"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=root, capture_output=True, check=True)
    assert done.stdout == b"[False, True, False]"


@pytest.mark.parametrize(
    ("number", "named"), [(148, "USER1"), (186, "USB_FREEBSD"), (264, "ISO_14443"), (99, "SYMANTEC_FIREWALL")]
)
def test_a_registered_link_type_is_refused_by_its_name(number: int, named: str) -> None:
    assert f"link type {number} ({named}) is not supported" in refusal(number)
