"""The shipped campus day: who rides along is found through the whole command, and nobody else."""

from __future__ import annotations

import json
from pathlib import Path

from pyarrow.parquet import read_schema

from detectors.embedding.settings import EmbeddingSettings
from tests.end_to_end.conftest import Command


def test_the_third_parties_of_the_campus_day(root: Path, day: Path) -> None:
    truth = json.loads((root / "pcaps" / "campus-day.truth.json").read_text(encoding="utf-8"))
    true = {(each["app"], each["third_party"]): each["share"] for each in truth["embeddings"]}
    lines = (day / "embeddings.jsonl").read_text(encoding="utf-8").splitlines()
    accepted = [each for each in map(json.loads, lines) if each["accepted"]]
    assert {(each["app"], each["third_party"]) for each in accepted} == set(true)
    for each in accepted:  # one visit a session: what a session adds is the share of sessions
        assert each["low"] - 0.1 <= true[each["app"], each["third_party"]] <= each["high"] + 0.1
    others = [each for each in map(json.loads, lines) if not each["accepted"]]
    assert others, "chance brings others together, too"
    least = EmbeddingSettings().least_clients
    assert min(each["clients"] for each in (*accepted, *others)) >= least, "fewer are not told of"

_CLEARTEXT = """
schema: 1
seed: 3
start: 2026-09-01T10:00:00+08:00
hours: 0.25
devices: {phones: 8, laptops: 0}
apps:
  - service: youdao
    users: 0
    transport: http
    embeds: {umeng: 1}
    uses: [%s]
"""


def test_what_a_page_says_led_there_needs_no_statistics(campuswatch: Command, tmp_path: Path) -> None:
    uses = ", ".join(f"{{device: {number}, start_hours: 0.1, minutes: 2}}" for number in range(6))
    (tmp_path / "a.yaml").write_text(_CLEARTEXT % uses, encoding="utf-8")
    capture = tmp_path / "a.pcap"
    made = campuswatch("simulate", tmp_path / "a.yaml", "--out", capture, "--truth", tmp_path / "a.json")
    assert made.returncode == 0, made.stderr
    done = campuswatch("replay", capture, "--out", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    lines = (tmp_path / "out" / "embeddings.jsonl").read_text(encoding="utf-8").splitlines()
    (found,) = map(json.loads, lines)  # a quarter of an hour is too short for the fit
    assert (found["app"], found["third_party"], found["clients"]) == ("youdao", "umeng", 6)
    assert (found["accepted"], found["q_value"]) == (True, 1.0)
    assert "referer" not in read_schema(tmp_path / "out" / "flows.parquet").names, "it leaves as ids alone"
