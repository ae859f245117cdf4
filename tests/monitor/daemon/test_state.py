"""Checkpoints: whole after any crash, and never of something else."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from monitor.daemon.state import StateFiles


def _save(directory: Path, *values: int) -> None:
    files = StateFiles(directory)
    files.load()
    for value in values:
        files.save({"rows/numbers": np.arange(value), "names": np.frombuffer(b"name", np.uint8)})


def test_the_newest_state_comes_back(tmp_path: Path) -> None:
    _save(tmp_path, 3, 5)
    _save(tmp_path, 7)
    parts = StateFiles(tmp_path).load()
    assert parts is not None
    assert parts["rows/numbers"].tolist() == list(range(7))
    assert parts["names"].tobytes() == b"name"


def test_nothing_where_there_is_nothing(tmp_path: Path) -> None:
    files = StateFiles(tmp_path)
    assert files.load() is None
    assert files.problems == []


@pytest.mark.parametrize("cut", [0, 1, 20, 60, -1])
def test_a_newest_file_that_was_cut_leaves_the_one_before(tmp_path: Path, cut: int) -> None:
    _save(tmp_path, 3, 5)
    newest = tmp_path / "state.0"  # the second of two
    newest.write_bytes(newest.read_bytes()[:cut])
    files = StateFiles(tmp_path)
    parts = files.load()
    assert parts is not None
    assert len(parts["rows/numbers"]) == 3
    assert len(files.problems) == 1


def test_any_changed_byte_is_noticed(tmp_path: Path) -> None:
    _save(tmp_path, 3)
    path = tmp_path / "state.1"
    whole = path.read_bytes()
    for at in range(0, len(whole), 7):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
        assert StateFiles(tmp_path).load() is None


def test_a_write_that_was_cut_off_hides_nothing(tmp_path: Path) -> None:
    _save(tmp_path, 3, 5)
    (tmp_path / "state.1.part").write_bytes(b"half")
    parts = StateFiles(tmp_path).load()
    assert parts is not None
    assert len(parts["rows/numbers"]) == 5
