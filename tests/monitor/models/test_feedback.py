"""`campuswatch model feedback`: a finding is reviewed, and the next replay lowers its like."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from monitor.cli import run

SCENARIO = """schema: 1
seed: 5
start: 2024-05-14T08:00:00+08:00
hours: 0.7
devices: {phones: 4, laptops: 2, servers: 1}
incidents:
  - {kind: scan-horizontal, host: 1, start_hours: 0.3, minutes: 4, targets_per_minute: 30}
  - {kind: scan-horizontal, host: 2, start_hours: 0.4, minutes: 4, targets_per_minute: 30}
"""


#: Two apps whose servers fail for a while on the same day.
TROUBLED = """schema: 1
seed: 5
start: 2024-05-14T08:00:00+08:00
hours: 4.2
devices: {phones: 20, laptops: 0, servers: 0}
apps:
  - {service: zuoyebang, users: 1, sessions_per_day: 60, kilobytes: 10, trouble: &fail
      {start_hours: 3.75, hours: 0.25, failures: 0.7}}
  - {service: icourse163, users: 1, sessions_per_day: 60, kilobytes: 10, trouble: *fail}
background: {push: []}
browsing: {pages_per_day: 0}
"""


def found(folder: Path, rule: str = "anomalous-host") -> dict[str, str]:
    lines = (folder / "findings.jsonl").read_text(encoding="utf-8").splitlines()
    told = (each for each in map(json.loads, lines) if each["rule"] == rule)
    return {each["subject"]["value"]: each["id"] for each in told}


def test_review_list_revert(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    scenario, capture, config = tmp_path / "s.yaml", tmp_path / "x.pcap", tmp_path / "c.yaml"
    scenario.write_text(SCENARIO)
    config.write_text(f"anomaly: {{feedback_file: {tmp_path}/f.jsonl}}\nstate: {{directory: {tmp_path}}}\n")
    given = ["--config", str(config)]
    assert run(["simulate", str(scenario), "--out", str(capture)]) == 0
    assert run(["replay", str(capture), "--out", str(tmp_path / "a"), *given]) == 0
    first = found(tmp_path / "a")
    assert set(first) == {"10.10.0.3", "10.10.0.4"}
    review = ["model", "feedback", first["10.10.0.3"], "--verdict", "false-positive", "--days", "2",
              "--reason", "an inventory", "--findings", str(tmp_path / "a"), *given]  # fmt: skip
    assert run(review) == 0
    assert run(["replay", str(capture), "--out", str(tmp_path / "b"), *given]) == 0
    assert set(found(tmp_path / "b")) == {"10.10.0.4"}
    metrics = (tmp_path / "b" / "metrics.prom").read_text(encoding="utf-8")
    assert "campuswatch_verdicts_in_force 1.0" in metrics
    capsys.readouterr()
    assert run(["model", "feedback", "--list", "--format", "json", *given]) == 0
    (told,) = json.loads(capsys.readouterr().out)
    assert (told["reason"], told["signs"], told["reverted"]) == ("an inventory", ["scan-horizontal"], None)
    assert run(["model", "feedback", "--revert", told["id"], "--reason", "no", *given]) == 0
    assert run(["replay", str(capture), "--out", str(tmp_path / "c"), *given]) == 0
    assert found(tmp_path / "c") == first
    unknown = ["model", "feedback", "none", "--verdict", "true-positive", "--findings", str(tmp_path / "a")]
    assert run([*unknown, *given]) == 2


def test_a_service_is_reviewed_as_a_host_is(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    scenario, capture, config = tmp_path / "s.yaml", tmp_path / "x.pcap", tmp_path / "c.yaml"
    scenario.write_text(TROUBLED)
    config.write_text(f"anomaly: {{feedback_file: {tmp_path}/f.jsonl}}\nstate: {{directory: {tmp_path}}}\n")
    given = ["--config", str(config)]
    assert run(["simulate", str(scenario), "--out", str(capture)]) == 0

    def replayed(name: str) -> dict[str, str]:
        assert run(["replay", str(capture), "--out", str(tmp_path / name), *given]) == 0
        return found(tmp_path / name, "anomalous-service")

    first = replayed("a")
    assert set(first) == {"zuoyebang", "icourse163"}
    review = ["model", "feedback", first["zuoyebang"], "--verdict", "false-positive", "--reason", "moved",
              "--findings", str(tmp_path / "a"), *given]  # fmt: skip
    assert run(review) == 0
    assert set(replayed("b")) == {"icourse163"}
    metrics = (tmp_path / "b" / "metrics.prom").read_text(encoding="utf-8")
    assert 'campuswatch_lowered_signs_total{sign="failed_share"} 1.0' in metrics
    capsys.readouterr()
    assert run(["model", "feedback", "--list", "--format", "json", *given]) == 0
    (told,) = json.loads(capsys.readouterr().out)
    assert (told["rule"], told["signs"]) == ("anomalous-service", ["failed_share"])
    assert run(["model", "feedback", "--revert", told["id"], *given]) == 0
    assert replayed("c") == first
