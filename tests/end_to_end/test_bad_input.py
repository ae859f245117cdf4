"""Bad input: one clear line, the exit code of CONTRACTS.md, and nothing passed off as whole."""

from __future__ import annotations

import json
import os
import socket
from pathlib import Path

import pyarrow.parquet as pq
import pytest

PCAP_HEADER = bytes.fromhex("d4c3b2a1020004000000000000000000ffff000001000000")


def _one_line(text: str) -> bool:
    return text.count("\n") == 1 and text.startswith("campuswatch: ") and "Traceback" not in text


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "empty (zero bytes)"),
        (b"no capture at all, just text", "not a capture"),
        (PCAP_HEADER[:10], "cut off within the file header"),
        (PCAP_HEADER[:20] + (9999).to_bytes(4, "little"), "9999"),
    ],
)
def test_what_is_no_capture_is_refused(campuswatch, tmp_path: Path, content: bytes, told: str) -> None:
    (tmp_path / "x.pcap").write_bytes(content)
    done = campuswatch("replay", tmp_path / "x.pcap", "--out", tmp_path / "out")
    assert done.returncode == 1
    assert told in done.stderr
    assert _one_line(done.stderr)
    assert not (tmp_path / "out").exists()


def test_a_file_that_is_not_there(campuswatch, tmp_path: Path) -> None:
    done = campuswatch("replay", tmp_path / "none.pcap")
    assert done.returncode == 1
    assert "No such file" in done.stderr
    assert _one_line(done.stderr)


def test_a_header_and_no_packet_is_valid(campuswatch, tmp_path: Path) -> None:
    (tmp_path / "x.pcap").write_bytes(PCAP_HEADER)
    done = campuswatch("replay", tmp_path / "x.pcap", "--out", tmp_path / "out")
    assert (done.returncode, done.stderr) == (0, "")
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert (summary["complete"], summary["packets"], summary["flows"]) == (True, 0, 0)
    assert summary["event_clock"] is None
    assert pq.read_table(tmp_path / "out" / "flows.parquet").num_rows == 0


def test_a_capture_cut_off_is_read_to_its_last_whole_packet(root, campuswatch, tmp_path: Path) -> None:
    whole = (root / "pcaps" / "hello-split.pcap").read_bytes()
    (tmp_path / "cut.pcap").write_bytes(whole[:-7])
    done = campuswatch("replay", tmp_path / "cut.pcap", "--out", tmp_path / "out", "--format", "json")
    assert done.returncode == 1
    assert _one_line(done.stderr)
    told = json.loads(done.stdout)
    assert told["complete"] is False
    assert len(told["problems"]) == 1
    assert told == json.loads((tmp_path / "out" / "summary.json").read_text())
    first = campuswatch("replay", root / "pcaps" / "hello-split.pcap", "--format", "json")
    assert told["packets"] == json.loads(first.stdout)["packets"] - 1


def test_one_bad_capture_among_good_ones_makes_the_result_incomplete(root, campuswatch, tmp_path) -> None:
    (tmp_path / "bad.pcap").write_bytes(b"nonsense")
    done = campuswatch(
        "replay", root / "pcaps" / "hello-split.pcap", tmp_path / "bad.pcap", "--format", "json"
    )
    assert done.returncode == 1
    told = json.loads(done.stdout)
    assert told["complete"] is False
    assert told["flows"] > 0


def test_standard_input(root: Path, campuswatch) -> None:
    capture = (root / "pcaps" / "hello-split.pcap").read_bytes()
    done = campuswatch("replay", "-", "--format", "json", given=capture)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["names"]["tls_sni"] == 1


def test_output_that_cannot_be_written(root: Path, campuswatch, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    done = campuswatch("replay", root / "pcaps" / "hello-split.pcap", "--out", tmp_path / "file" / "out")
    assert done.returncode == 2
    assert "cannot write results" in done.stderr
    assert _one_line(done.stderr)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("replay",), "CAPTURE"),
        (("replay", "x", "--format", "xml"), "xml"),
        (("fly",), "fly"),
        (("run", "--speed", "0"), "--speed 0"),
        (("run", "--speed", "fast"), "--speed fast"),
        (("replay", "x", "--config", "none.yaml"), "none.yaml: cannot be read"),
        (("replay", "x", "--addresses", "pseudonym"), "needs privacy.key_file"),
    ],
)
def test_wrong_usage(campuswatch, arguments: tuple[str, ...], told: str) -> None:
    done = campuswatch(*arguments)
    assert done.returncode == 2
    assert told in done.stderr
    assert "Traceback" not in done.stderr


def test_bounds_checks_cannot_be_turned_off(root: Path, campuswatch, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(os.environ, "NUMBA_BOUNDSCHECK", "0")
    done = campuswatch("replay", root / "pcaps" / "empty.pcap")
    assert done.returncode == 2
    assert "NUMBA_BOUNDSCHECK=0" in done.stderr
    assert _one_line(done.stderr)


def test_a_port_that_is_taken(root: Path, campuswatch, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        (tmp_path / "c.yaml").write_text(f"metrics: {{port: {port}}}\n")
        done = campuswatch("run", "--replay", root / "pcaps" / "empty.pcap", "--config", tmp_path / "c.yaml")
    assert done.returncode == 2
    assert f"metrics cannot be served on 127.0.0.1:{port}" in done.stderr
