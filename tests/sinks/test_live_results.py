"""What the daemon keeps while it runs: rows go into the hour of the stages' clock, and none is lost."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from detectors.involvement import INVOLVED, SUBJECT, TOUCHED
from detectors.networks import Networks
from detectors.track import Judged
from detectors.window_features import WINDOW
from sinks import live_results
from sinks.live_results import LiveResults, Places
from sinks.records import finding_log
from sinks.records.history import hour_of
from sinks.records.pseudonyms import Pseudonyms
from tests.sinks.rows import START_NS, flow_rows, strings
from tests.sinks.test_finding_log import FINDING


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


def test_counters_of_identifiers_outlive_a_restart(tmp_path: Path) -> None:
    flows = flow_rows(20)
    flows.facts["personal"] = 1
    results = _results(tmp_path, Clock())
    results.keep_flows(flows)
    again = _results(tmp_path, Clock())
    again.restore(results.state())
    assert sum(again.tally.by_identifier().values()) > 0
    assert again.tally.by_identifier() == results.tally.by_identifier()


def test_a_pattern_that_joins_a_finding_later_is_counted(tmp_path: Path) -> None:
    results = _results(tmp_path, Clock())
    results.add_findings([FINDING])
    results.write_findings(now=0.0)
    again = _results(tmp_path, Clock())  # also when the finding was first told before a restart
    again.restore(results.state())
    again.add_findings([replace(FINDING, end_ns=120_000_000_000, patterns=("flood", "dga"))])
    again.write_findings(now=0.0)
    assert again.tally.rules[FINDING.rule] == 1
    assert (again.tally.patterns["flood"], again.tally.patterns["dga"]) == (1, 1)


def test_a_disk_that_refuses_is_left_in_peace_for_a_second(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    results = _results(tmp_path, Clock())
    results.add_findings([FINDING])
    with monkeypatch.context() as failing:
        failing.setattr(finding_log.os, "fsync", _refuse)
        for i in range(10):
            assert results.write_findings(now=100.0 + i / 10) == []
    assert results.refused["findings"] == 1
    assert results.write_findings(now=100.95) == []
    assert [told["id"] for told in results.write_findings(now=101.0)] == [FINDING.id]
    assert results.tally.rules[FINDING.rule] == 1
    results.close()


def _refuse(_: int) -> None:
    raise OSError(28, "No space left on device")


def test_a_sign_that_comes_after_its_window_is_kept_beside_it(tmp_path: Path) -> None:
    clock = Clock()
    clock.now_ns = START_NS
    results = _results(tmp_path, clock)
    windows, took_part = np.zeros(2, WINDOW), np.zeros(1, INVOLVED)
    windows["window_start_ns"], windows["seconds"], windows["host_lo"] = START_NS, 60, [1, 2]
    took_part["window_start_ns"], took_part["seconds"], took_part["host_lo"] = START_NS, 60, 2
    took_part["role"], took_part["confidence"] = TOUCHED, 0.75
    results.take(Judged(windows, involved=took_part))
    results.flush()
    took_part["host_lo"], took_part["role"] = 1, SUBJECT
    results.take(Judged(windows[:0], involved=took_part))
    results.flush()
    told = {}
    for kind in ("windows", "involved"):
        parts = sorted((tmp_path / "history").glob(f"{kind}-*"))
        rows = [row for part in parts for row in pq.read_table(part).to_pylist()]
        told[kind] = {(row["host"], row["involved_as"], row["involvement"]) for row in rows}
    assert told["windows"] == {("::1", "none", 0.0), ("::2", "touched", 0.75)}
    assert told["involved"] == {("::2", "touched", 0.75), ("::1", "subject", 0.75)}
    results.close()
