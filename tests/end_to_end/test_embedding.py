"""The shipped campus day: who rides along is found through the whole command, and nobody else."""

from __future__ import annotations

import json
from pathlib import Path


def test_the_third_parties_of_the_campus_day(root: Path, day: Path) -> None:
    truth = json.loads((root / "pcaps" / "campus-day.truth.json").read_text(encoding="utf-8"))
    true = {(each["app"], each["third_party"]): each["share"] for each in truth["embeddings"]}
    lines = (day / "embeddings.jsonl").read_text(encoding="utf-8").splitlines()
    accepted = [each for each in map(json.loads, lines) if each["accepted"]]
    assert {(each["app"], each["third_party"]) for each in accepted} == set(true)
    for each in accepted:  # one visit a session: what a session adds is the share of sessions
        assert each["low"] - 0.1 <= true[each["app"], each["third_party"]] <= each["high"] + 0.1
    assert len(lines) > len(accepted), "chance brings others together, too"
