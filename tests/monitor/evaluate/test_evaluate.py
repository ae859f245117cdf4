"""The evaluation: truth files, figures on small made cases, and the shipped day from end to end."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from detectors.involvement import SUBJECT, TOUCHED
from monitor.cli import run
from monitor.evaluate.figures import (
    calibration,
    detection,
    false_alerts,
    host_hours,
    involvement,
    of_residents,
    ranking,
    with_involvement,
)
from monitor.evaluate.outcome import HOUR_NS, Told, Windows, read_findings
from monitor.evaluate.truth import Incident, TruthError, load_incidents

MINUTE = HOUR_NS // 60
GOOD: dict[str, Any] = {
    "id": "a", "kind": "beacon", "subject": "10.0.0.1", "peers": ["1.2.3.4"],
    "start": "2026-09-01T00:00:00Z", "end": "2026-09-01T01:00:00.5Z",
}  # fmt: skip


def written(tmp_path: Path, *incidents: Any) -> Path:
    path = tmp_path / "truth.json"
    path.write_text(json.dumps({"schema": 1, "incidents": incidents, "embeddings": []}), encoding="utf-8")
    return path


def test_a_truth_file_is_read(tmp_path: Path) -> None:
    (incident,) = load_incidents(written(tmp_path, GOOD))
    assert incident.end_ns - incident.start_ns == 3_600_500_000_000
    assert incident.peers == {"1.2.3.4"}


def test_every_error_of_a_truth_file_is_told_at_once(tmp_path: Path) -> None:
    backwards = {**GOOD, "end": "2026-08-01T00:00:00Z"}
    missing = {key: value for key, value in GOOD.items() if key != "peers"}
    local = {**GOOD, "start": "2026-09-01T00:00:00+08:00"}
    with pytest.raises(TruthError) as caught:
        load_incidents(written(tmp_path, GOOD, backwards, missing, local, 7))
    lines = str(caught.value).splitlines()
    assert [line.split("incidents[")[1][0] for line in lines] == ["1", "2", "3", "4"]


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"schema": 2, "incidents": []}', "\x00"])
def test_what_is_no_truth_file_is_one_line(tmp_path: Path, text: str, capsys: Any) -> None:
    path = tmp_path / "t.json"
    path.write_text(text, encoding="utf-8")
    assert run(["evaluate", "--truth", str(path), "none.pcap", "--out", str(tmp_path / "out")]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1


def windows(*rows: tuple[int, str, float, float], part: Sequence[float] = ()) -> Windows:
    """(minute, host, score, p-value) each, all scored. part: in what was found, none when left out."""
    minute, host, score, p_value = zip(*rows, strict=True)
    return Windows(
        np.array(minute) * MINUTE,
        np.array(host, np.object_),
        np.array(score),
        np.array(p_value),
        np.ones(len(rows), np.bool_),
        np.array(part or np.zeros(len(rows))),
    )


def test_the_ranking_of_host_hours() -> None:
    made = windows((0, "a", 0.4, 0.5), (1, "a", 0.9, 0.01), (2, "b", 0.5, 0.4), (61, "a", 0.3, 0.9))
    hours = host_hours(made, {("a", 0)})
    assert sorted(zip(hours.score.tolist(), hours.positive.tolist(), strict=True)) == [
        (0.3, False), (0.5, False), (0.9, True),
    ]  # fmt: skip
    assert ranking(hours)["roc_auc"] == 1.0
    assert ranking(host_hours(made, set()))["roc_auc"] is None
    assert calibration(made, {("a", 0)})[-1] == (0.5, 0.5)


def incident(kind: str, host: str, start: int, end: int) -> Incident:
    return Incident(kind, kind, host, frozenset({"9.9.9.9"}), start * MINUTE, end * MINUTE)


def told(host: str, start: int, end: int, *patterns: str, at: int | None = None) -> Told:
    return Told(f"{host}{start}", host, start * MINUTE, end * MINUTE, patterns, (at or end) * MINUTE)


def test_detection_and_false_alerts() -> None:
    happened = [incident("beacon", "a", 10, 60), incident("flood", "b", 100, 101)]
    found = [told("a", 12, 30, "beacon", at=15), told("b", 40, 41, "flood"), told("c", 10, 20)]
    entries = detection(happened, found)
    assert [(each["found"], each["named"], each["seconds_to_detect"]) for each in entries] == [
        (True, True, 300.0), (False, False, None),
    ]  # fmt: skip
    alerts = false_alerts(happened, found, 0, 2 * 24 * HOUR_NS)
    assert (alerts["false"], alerts["false_a_day"]) == (2, 1.0)


def test_who_did_it_ranks_before_whom_it_touched_and_both_before_scores() -> None:
    rows = (0, "a", 0.9, 0.1), (0, "b", 0.2, 0.5), (1, "b", 0.1, 0.9), (70, "b", 0.3, 0.5), (0, "c", 0.4, 0.5)
    part = [0.0, SUBJECT + 0.6, 0.0, 0.0, TOUCHED + 0.9]
    hours = host_hours(windows(*rows, part=part), {("b", 0), ("c", 0)})
    assert hours.keys == [("a", 0), ("b", 0), ("b", 1), ("c", 0)]
    assert ranking(hours)["roc_auc"] == 0.25
    assert with_involvement(hours).score.tolist() == [0.9, 2.6, 0.3, 1.9]
    assert ranking(with_involvement(hours))["roc_auc"] == 1.0
    told = involvement(hours)
    assert (told["touched"], told["subject"]) == ({"host_hours": 1, "positive": 1},) * 2
    assert told["none"] == {"host_hours": 2, "positive": 0}
    living = of_residents(with_involvement(hours), {"a", "b"})
    assert (living.keys, living.positive.tolist()) == ([("a", 0), ("b", 0), ("b", 1)], [False, True, False])


def test_a_finding_that_went_on_counts_once(tmp_path: Path) -> None:
    line = {"id": "x", "subject": {"kind": "host", "value": "a"}, "start": "2026-09-01T00:00:00Z",
            "end": "2026-09-01T00:01:00Z", "patterns": ["beacon"], "confidence": 0.5}  # fmt: skip
    later = {**line, "end": "2026-09-01T02:00:00Z", "confidence": 0.7}
    (tmp_path / "findings.jsonl").write_text("".join(json.dumps(each) + "\n" for each in (line, later)))
    (told,) = read_findings(tmp_path, {"x": 5})
    assert (told.end_ns - told.start_ns, told.confidence, told.told_ns) == (2 * HOUR_NS, 0.7, 5)


def test_the_shipped_day(root: Path, tmp_path: Path) -> None:
    day = root / "pcaps" / "campus-day.pcap.zst"
    truth = root / "pcaps" / "campus-day.truth.json"
    assert run(["evaluate", str(day), "--truth", str(truth), "--out", str(tmp_path), "--live"]) == 0
    figures = json.loads((tmp_path / "evaluation.json").read_text(encoding="utf-8"))
    assert [each["found"] and each["named"] for each in figures["incidents"]] == [True] * 3
    assert max(each["seconds_to_detect"] for each in figures["incidents"]) < 600
    assert figures["false_alerts"]["false"] == 0
