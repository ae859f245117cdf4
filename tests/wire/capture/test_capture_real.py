"""Real captures: as many frames as tshark counts, and the merge of all of them in order."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from wire.capture.files import open_captures


def test_each_real_capture_holds_what_tshark_counts(real_captures: Path) -> None:
    manifest = json.loads((real_captures / "manifest.json").read_text(encoding="utf-8"))
    counted = {}
    for entry in manifest:
        reader = open_captures([real_captures / entry["file"]])
        counted[entry["file"]] = sum(len(block) for block in reader)
        reader.close()
        assert reader.complete, reader.problems
    assert counted == {entry["file"]: entry["packets"] for entry in manifest}


def test_all_real_captures_merge_in_time_order(real_captures: Path) -> None:
    manifest = json.loads((real_captures / "manifest.json").read_text(encoding="utf-8"))
    # Merging keeps each file's own order, so only sorted files make a sorted whole.
    paths, frames = [], 0
    for entry in manifest:
        path = real_captures / entry["file"]
        times = [block.timestamp_ns for block in open_captures([path])]
        if times and bool(np.all(np.diff(np.concatenate(times)) >= 0)):
            paths.append(path)
            frames += entry["packets"]
    merged = np.concatenate([block.timestamp_ns for block in open_captures(paths)])
    assert len(merged) == frames > 10_000
    assert bool(np.all(np.diff(merged) >= 0))
