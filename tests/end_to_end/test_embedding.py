"""The shipped campus day: who rides along is found through the whole command, and nobody else."""

from __future__ import annotations

import json
from pathlib import Path

from detectors.embedding.settings import EmbeddingSettings


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
