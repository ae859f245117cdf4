"""The rules through the command line: one evening, judged by the registers of three dates."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow.parquet as pq
import pytest

from tests.end_to_end.conftest import Command
from tests.end_to_end.rule_traffic import IDENTIFIERS, VALUES, evening

SAMPLE = Path("configs") / "register" / "sample" / "campuswatch.yaml"


class Evening:
    """A replay of the evening as if it had been on a date, by the sample registers or by none."""

    def __init__(self, campuswatch: Command, root: Path, folder: Path, day: str, config: Path | None) -> None:
        start = datetime.fromisoformat(f"{day}T20:00").replace(tzinfo=ZoneInfo("Asia/Shanghai"))
        capture = evening(start.timestamp()).write(folder / f"{day}.pcap")
        self.out = folder / f"{day}-{config is None}"
        options = [] if config is None else ["--config", root / config]
        self.done = campuswatch("replay", capture, "--out", self.out, *options)
        assert self.done.returncode == 0, self.done.stderr
        lines = (self.out / "findings.jsonl").read_text(encoding="utf-8").splitlines()
        told: list[dict[str, Any]] = [json.loads(line) for line in lines]
        self.findings = [each for each in told if each["subject"]["kind"] != "host"]  # apps, not hosts
        self.summary = json.loads((self.out / "summary.json").read_text(encoding="utf-8"))

    def of(self, rule: str) -> dict[str, dict[str, Any]]:
        """The findings of a rule, by the value of their subject."""
        return {each["subject"]["value"]: each for each in self.findings if each["rule"] == rule}


@pytest.fixture(scope="module")
def may(campuswatch: Command, root: Path, tmp_path_factory: pytest.TempPathFactory) -> Evening:
    """A Monday in May 2024, under the sample registers."""
    return Evening(campuswatch, root, tmp_path_factory.mktemp("may"), "2024-05-06", SAMPLE)


def test_every_rule_that_must_find_something(may: Evening) -> None:
    assert {rule: sorted(may.of(rule)) for rule in {each["rule"] for each in may.findings}} == {
        "unfiled-app": ["sample-lianxi", "sample-zuoye"],  # not on the list; revoked in April
        "usage-time": ["sample-zuoye"],
        "curfew-use": ["sample-zuoye"],
        "cleartext-personal-data": ["sample-zuoye"],
        "weak-transport": ["sample-daxue"],
        "unselected-app": ["sample-daxue", "sample-lianxi"],
        "single-vendor": ["样例考务科技"],
        "blacklisted-app": ["sample-heimingdan", "sample-lianxi"],
        "withdrawn-app": ["sample-tuichu"],
    }


def test_what_the_findings_say(may: Evening) -> None:
    unfiled = may.of("unfiled-app")["sample-zuoye"]
    assert unfiled["article"] == ["4"]
    assert unfiled["evidence"]["standing"]["provider-filing"]["value"] == "revoked"
    assert unfiled["evidence"]["devices"] == 6
    usage = may.of("usage-time")["sample-zuoye"]["evidence"]
    assert (usage["devices"], usage["longest_minutes"]) == (6, 150)
    curfew = may.of("curfew-use")["sample-zuoye"]
    assert curfew["evidence"]["longest_minutes"] == 30
    assert curfew["start"] == "2024-05-06T14:00:00.000000000Z"  # 22:00 in Shanghai
    weak = may.of("weak-transport")["sample-daxue"]["evidence"]["weak"]
    assert weak == {"expired-certificate": 6, "mismatched-certificate": 6}
    vendor = may.of("single-vendor")["样例考务科技"]["evidence"]
    assert (vendor["business"], vendor["share"], vendor["hhi"]) == ("exam-registration", 1.0, 1.0)
    assert may.of("withdrawn-app")["sample-tuichu"]["evidence"]["days_since_listing"] == 52
    assert may.summary["silent"]["unfiled-app"] == 0
    assert may.summary["findings"]["unfiled-app"] == 2


def test_identifiers_are_told_by_kind_and_never_by_value(may: Evening) -> None:
    leak = may.of("cleartext-personal-data")["sample-zuoye"]["evidence"]
    assert leak["hosts"] == {"api.zuoye-sample.example": leak["kinds"]}
    assert leak["kinds"] == dict.fromkeys(sorted(IDENTIFIERS), 1) == dict(sorted(leak["kinds"].items()))
    assert may.summary["cleartext_identifiers"] == dict.fromkeys(IDENTIFIERS, 1)
    texts = [may.done.stdout, may.done.stderr]
    for path in sorted(may.out.iterdir()):
        texts.append(path.read_bytes().decode("latin-1"))
        if path.suffix == ".parquet":
            texts.append(str(pq.read_table(path).to_pydict()))
    assert len(texts) >= 8
    told = "\n".join(texts).lower()
    assert "zuoye-sample" in told
    assert [value for value in VALUES if value.lower() in told] == []


def test_the_same_evening_under_the_lists_of_its_own_day(
    campuswatch: Command, root: Path, tmp_path: Path
) -> None:
    """On 14 April the app is still filed; in June 2023 nobody has listed anything."""
    april = Evening(campuswatch, root, tmp_path, "2024-04-14", SAMPLE)
    assert sorted(april.of("unfiled-app")) == ["sample-lianxi"]
    assert sorted(april.of("withdrawn-app")) == ["sample-tuichu"]
    before = Evening(campuswatch, root, tmp_path, "2023-06-05", SAMPLE)
    assert {each["rule"] for each in before.findings} == {"cleartext-personal-data", "weak-transport"}
    assert before.summary["silent"]["unfiled-app"] == 7  # every app
    assert before.summary["silent"]["usage-time"] > 0


def test_without_registers_rules_that_need_them_are_silent(
    campuswatch: Command, root: Path, tmp_path: Path
) -> None:
    config = tmp_path / "campuswatch.yaml"
    folder = root / "configs"
    config.write_text(
        f"catalogue: {{paths: [{folder / 'catalogue'}, {folder / 'register/sample/catalogue.yaml'}]}}\n"
    )
    got = Evening(campuswatch, root, tmp_path, "2024-05-06", config)
    assert {each["rule"] for each in got.findings} == {"cleartext-personal-data", "weak-transport"}
    assert {rule for rule, count in got.summary["silent"].items() if count} == {
        "unfiled-app", "usage-time", "curfew-use", "unselected-app", "single-vendor", "blacklisted-app",
        "withdrawn-app", "important-service-degraded",
    }  # fmt: skip
