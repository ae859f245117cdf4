"""Every rule has a scenario on which it must fire and a near miss on which it must not: through captures.

The usual run plays the rules of QUICK; --slow all of them.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from monitor.cli import run
from monitor.simulate.scenario_file import load_scenario

QUICK = ("third-party-tracking", "weak-transport")
_FOLDER = Path(__file__).resolve().parents[2] / "configs" / "scenarios"


def _played() -> list[object]:
    return [
        pytest.param(path, marks=() if path.name.split(".")[0] in QUICK else pytest.mark.slow, id=path.stem)
        for path in sorted((_FOLDER / "rules").glob("*.yaml"))
    ]


@pytest.mark.parametrize("path", _played())
def test_the_rule_judges_as_it_should(path: Path, tmp_path: Path) -> None:
    (expected,) = load_scenario(path).expect
    config = ["--config", str(_FOLDER / "campuswatch.yaml")]
    capture, out = tmp_path / "x.pcap", tmp_path / "out"
    assert run(["simulate", str(path), "--out", str(capture), *config]) == 0
    assert run(["replay", str(capture), "--out", str(out), *config]) == 0
    lines = (out / "findings.jsonl").read_text(encoding="utf-8").splitlines()
    findings = [each for each in map(json.loads, lines) if each["rule"] == expected.rule]
    if not expected.fires:
        assert [each["text"]["en"] for each in findings] == []
        return
    subjects = [
        each["subject"]["value"]
        for each in findings
        if expected.pattern is None or expected.pattern in each["patterns"]
    ]
    assert expected.subject in subjects


def test_every_rule_has_both() -> None:
    from sinks.metrics.definitions import RULES

    seen: dict[str, set[bool]] = {}
    for path in (_FOLDER / "rules").glob("*.yaml"):
        (expected,) = load_scenario(path).expect
        seen.setdefault(expected.rule, set()).add(expected.fires)
    not_of_traffic = {"sensor-degraded", "model-drift"}  # of the sensor itself
    assert set(RULES) - not_of_traffic == set(seen)
    assert all(both == {True, False} for both in seen.values())
