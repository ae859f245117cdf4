"""The daemon's findings: each line whole, on the disk, and once."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from detectors.findings import Finding, Subject
from sinks.records import finding_log
from sinks.records.finding_log import FindingLog

FINDING = Finding(
    id="0" * 32, campus="c", sensor="s", rule="anomalous-host", article=("7",),
    subject=Subject("host", "10.0.0.1"), start_ns=0, end_ns=60_000_000_000, p_value=None, confidence=0.9,
    patterns=("flood",), evidence={}, limits={"zh": "", "en": ""}, text={"zh": "", "en": ""},
)  # fmt: skip


def _lines(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_a_line_stands_once_across_restarts(tmp_path: Path) -> None:
    path = tmp_path / "findings.jsonl"
    log = FindingLog(path, None)
    assert len(log.write([FINDING])) == 1
    assert log.write([FINDING]) == []
    log.close()
    again = FindingLog(path, None)
    assert again.write([FINDING]) == []
    assert len(again.write([replace(FINDING, end_ns=120_000_000_000)])) == 1
    again.close()
    assert [line["end"] for line in _lines(path)] == [
        "1970-01-01T00:01:00.000000000Z",
        "1970-01-01T00:02:00.000000000Z",
    ]


def test_a_line_that_was_cut_off_goes_and_can_come_again(tmp_path: Path) -> None:
    path = tmp_path / "findings.jsonl"
    log = FindingLog(path, None)
    log.write([FINDING])
    log.write([replace(FINDING, id="1" * 32)])
    log.close()
    path.write_bytes(path.read_bytes()[:-9])
    again = FindingLog(path, None)
    assert again.write([FINDING]) == []
    assert len(again.write([replace(FINDING, id="1" * 32)])) == 1
    again.close()
    assert [line["id"] for line in _lines(path)] == ["0" * 32, "1" * 32]


def test_a_foreign_line_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "findings.jsonl"
    path.write_text("seen by Li\n")
    log = FindingLog(path, None)
    log.write([FINDING])
    log.close()
    assert path.read_text().startswith("seen by Li\n{")


def test_what_comes_together_is_synced_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[int] = []
    monkeypatch.setattr(finding_log.os, "fsync", synced.append)
    log = FindingLog(tmp_path / "findings.jsonl", None)
    later = replace(FINDING, end_ns=120_000_000_000, patterns=("flood", "dga"))
    written = log.write([FINDING, FINDING, later])
    assert [(each.fresh, each.patterns) for each in written] == [(True, {"flood"}), (False, {"dga"})]
    assert len(synced) == 1
    log.close()


def test_what_the_disk_refuses_stands_nowhere_and_comes_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "findings.jsonl"
    log = FindingLog(path, None)

    def refuse(_: int) -> None:
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as failing:
        failing.setattr(finding_log.os, "fsync", refuse)
        with pytest.raises(OSError, match="Input/output"):
            log.write([FINDING])
    assert _lines(path) == []
    assert len(log.write([FINDING])) == 1
    log.close()
