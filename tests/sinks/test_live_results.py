"""What the daemon keeps while it runs: rows go into the hour of the stages' clock, and none is lost."""

from __future__ import annotations

from pathlib import Path

import pyarrow.parquet as pq
import pytest

from detectors.networks import Networks
from sinks import live_results
from sinks.live_results import LiveResults, Places
from sinks.records.history import hour_of
from sinks.records.pseudonyms import Pseudonyms
from tests.sinks.rows import START_NS, flow_rows, strings


class Clock:
    """The event clock as a test sets it."""

    now_ns = 0

    def __call__(self) -> int:
        return self.now_ns


def _results(folder: Path, clock: Clock) -> LiveResults:
    places = Places(folder / "findings.jsonl", folder / "history", 30, 1 << 30)
    return LiveResults(places, strings(), ["a", "b", "c"], Pseudonyms(b"k" * 32, Networks(())), "0", clock)


def test_rows_wait_until_the_hour_is_known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live_results, "_MOST_WAITING_ROWS", 10)
    clock = Clock()
    results = _results(tmp_path, clock)
    results.keep_flows(flow_rows(20))
    results.flush()
    assert list((tmp_path / "history").iterdir()) == []
    clock.now_ns = START_NS
    results.keep_flows(flow_rows(20, first_flow=21))
    (part,) = (tmp_path / "history").iterdir()
    assert part.name.startswith(f"flows-{hour_of(START_NS)}.")
    assert len(pq.read_table(part)) == 40
    results.close()
