"""The evaluation of services: figures on small made cases, and a simulated morning from end to end."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from detectors.rules.judged_quarter import JudgedQuarter
from monitor.cli import run
from monitor.evaluate.outcome import Told, read_findings
from monitor.evaluate.services import calibration, figures_of_services, quarters_of
from monitor.evaluate.truth import SERVICE, Incident, TruthError, load_incidents

MINUTE = 60_000_000_000
QUARTER = 15 * MINUTE
DAY = 96 * QUARTER

#: Two apps; the servers of one fail for a while, ten megabytes go to the other.
MORNING = """schema: 1
seed: 5
start: 2024-05-14T08:00:00+08:00
hours: 5
devices: {phones: 20, laptops: 0, servers: 0}
apps:
  - {service: zuoyebang, users: 1, sessions_per_day: 60, kilobytes: 10,
     incidents: [{kind: outage, start_hours: 3.75, minutes: 15, failures: 0.7}]}
  - {service: icourse163, users: 1, sessions_per_day: 60, kilobytes: 10,
     incidents: [{kind: upload, start_hours: 4, minutes: 10, megabytes: 30}]}
background: {push: []}
browsing: {pages_per_day: 0}
"""


def outage(service: str, first: int, quarters: float, **more: Any) -> Incident:
    start, end = first * QUARTER, int((first + quarters) * QUARTER)
    return Incident("o", "outage", service, frozenset(more.get("peers", ())), start, end, SERVICE)


def quarter(service: str, at: int, deviation: float, p_value: float | None = None) -> JudgedQuarter:
    return JudgedQuarter(service, at * QUARTER, deviation, p_value)


def told(service: str, at: int) -> Told:
    start = at * QUARTER
    return Told(f"{service}{at}", service, start, start + QUARTER, ("flows",), start + 25 * MINUTE)


def test_quarters_in_which_an_incident_of_that_service_went_on_are_positive() -> None:
    judged = [quarter("a", at, float(at)) for at in range(5)] + [quarter("b", 2, 9.0)]
    quarters = quarters_of(judged, [outage("a", 2, 1.5)])
    assert quarters.positive.tolist() == [False, False, True, True, False, False]
    made = figures_of_services(quarters, [], [])["ranking"]
    assert (made["quarters"], made["positive"]) == (6, 2)
    assert made["roc_auc"] == pytest.approx(4 / 8)  # of eight pairs, those in which the positive ranks higher


def test_p_values_of_usual_quarters_alone_are_calibrated() -> None:
    judged = [quarter("a", 0, 1.0), quarter("a", 1, 9.0, 0.001)]
    judged += [quarter("a", at, 1.0, 0.2) for at in (2, 3)] + [quarter("a", 4, 2.0, 0.05)]
    shares = dict(calibration(quarters_of(judged, [outage("a", 1, 0.5)])))
    assert (shares[0.01], shares[0.1], shares[0.3]) == (0.0, round(1 / 3, 6), 1.0)
    assert calibration(quarters_of(judged[:1], [])) == []


def test_detection_and_false_findings_of_services() -> None:
    judged = [quarter(service, at, 1.0) for at in range(2 * 96) for service in ("a", "b")]
    happened = [outage("a", 10, 2), outage("b", 50, 1)]
    found = [told("a", 11), told("b", 11), told("a", 60)]
    figures = figures_of_services(quarters_of(judged, happened), happened, found)
    first, second = figures["incidents"]
    assert (first["subject"], first["found"], first["deviations"]) == ("a", True, ["flows"])
    assert first["seconds_to_detect"] == 40 * 60
    assert (second["found"], second["seconds_to_detect"]) == (False, None)
    assert figures["false_findings"] == {"findings": 3, "false": 2, "days": 2.0, "false_a_day": 1.0}


def test_nothing_judged_gives_no_figures() -> None:
    figures = figures_of_services(quarters_of([], []), [], [])
    assert figures["ranking"] == {"quarters": 0, "positive": 0, "roc_auc": None, "average_precision": None}


def test_a_truth_file_tells_hosts_from_services(tmp_path: Path) -> None:
    path = tmp_path / "t.json"
    times = {"start": "2026-09-01T00:00:00Z", "end": "2026-09-01T01:00:00Z", "peers": []}
    subjects = ["10.0.0.1", {"kind": "host", "value": "10.0.0.2"}, {"kind": "service", "value": "some-app"}]
    entries = [{"id": str(at), "kind": "k", "subject": of, **times} for at, of in enumerate(subjects)]
    path.write_text(json.dumps({"schema": 1, "incidents": entries}))
    about = [(each.subject, each.about) for each in load_incidents(path)]
    assert about == [("10.0.0.1", "host"), ("10.0.0.2", "host"), ("some-app", "service")]
    entries[0]["subject"] = {"kind": "campus", "value": "x"}
    path.write_text(json.dumps({"schema": 1, "incidents": entries}))
    with pytest.raises(TruthError, match="neither a host nor a service"):
        load_incidents(path)


def test_findings_of_other_rules_about_services_are_not_read(tmp_path: Path) -> None:
    line = {"id": "x", "rule": "anomalous-service", "subject": {"kind": "service", "value": "a"},
            "start": "2026-09-01T00:00:00Z", "end": "2026-09-01T00:15:00Z", "patterns": [],
            "evidence": {"deviations": {"flows": 9.0}}, "confidence": 0.5}  # fmt: skip
    other = {**line, "id": "y", "rule": "weak-transport", "evidence": {}}
    (tmp_path / "findings.jsonl").write_text("".join(json.dumps(each) + "\n" for each in (line, other)))
    (finding,) = read_findings(tmp_path, {}, SERVICE)
    assert (finding.id, finding.subject, finding.patterns) == ("x", "a", ("flows",))
    assert read_findings(tmp_path, {}) == []


def test_a_simulated_morning(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    scenario, capture, truth = tmp_path / "s.yaml", tmp_path / "x.pcap", tmp_path / "t.json"
    scenario.write_text(MORNING)
    assert run(["simulate", str(scenario), "--out", str(capture), "--truth", str(truth)]) == 0
    capsys.readouterr()
    assert run(["evaluate", str(capture), "--truth", str(truth), "--out", str(tmp_path), "--live"]) == 0
    figures = json.loads((tmp_path / "evaluation.json").read_text(encoding="utf-8"))
    assert figures["incidents"] == []
    of_services = figures["services"]
    by_kind = {each["kind"]: each for each in of_services["incidents"]}
    assert by_kind["outage"]["deviations"] == ["failed_share"]
    assert by_kind["upload"]["deviations"] == ["bytes_up"]
    for each in by_kind.values():
        assert each["found"]
        # Judged when ten minutes of grace are over.
        assert 10 * 60 <= each["seconds_to_detect"] <= 25 * 60 + 60
    assert of_services["false_findings"]["false"] == 0
    assert of_services["ranking"]["positive"] in range(2, 5)
    assert of_services["ranking"]["roc_auc"] > 0.9
    assert of_services["calibration"] == []  # too few windows for ranks
    assert (tmp_path / "ranking-services.png").exists()
    assert "service-quarters" in capsys.readouterr().out


def test_a_service_without_a_p_value_is_no_number() -> None:
    quarters = quarters_of([quarter("a", 0, 1.0)], [])
    assert np.isnan(quarters.p_value).tolist() == [True]
