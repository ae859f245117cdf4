"""Results appear together or not at all, and only their owner sees addresses."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from sinks.records.folder import OUTPUTS, OutputError, OutputFolder


def _fill(folder: OutputFolder) -> None:
    for name in OUTPUTS:
        folder.file(name).write_text(name)


def _mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


def test_results_appear_together(tmp_path: Path) -> None:
    folder = OutputFolder(tmp_path / "a" / "out", private=True)
    _fill(folder)
    assert [p for p in folder.path.iterdir() if p.name in OUTPUTS] == []
    folder.publish()
    assert sorted(p.name for p in folder.path.iterdir()) == sorted(OUTPUTS)
    assert _mode(folder.path) == 0o700
    assert {_mode(folder.path / name) for name in OUTPUTS} == {0o600}


def test_abandoned_results_leave_nothing_not_even_older_ones(tmp_path: Path) -> None:
    first = OutputFolder(tmp_path, private=False)
    _fill(first)
    first.publish()
    second = OutputFolder(tmp_path, private=False)
    _fill(second)
    second.abandon()
    assert list(tmp_path.iterdir()) == []


def test_a_folder_with_other_things_keeps_its_mode(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    (tmp_path / "notes.txt").touch()
    OutputFolder(tmp_path, private=True)
    assert _mode(tmp_path) == 0o755


def test_an_empty_folder_becomes_private(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    OutputFolder(tmp_path, private=True)
    assert _mode(tmp_path) == 0o700


def test_a_file_in_the_way_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match=r"cannot write results to .*file"):
        OutputFolder(tmp_path / "file", private=True)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_refuses_is_told(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(OutputError, match="Permission denied"):
        OutputFolder(tmp_path / "out", private=True)
