"""Analysis: what it takes over from an earlier life."""

from __future__ import annotations

import math
from contextlib import closing
from pathlib import Path

import pytest

from detectors.parts import json_of, of_json
from monitor.config.config import Config
from monitor.daemon.analysis import Analysis
from monitor.daemon.orders import Orders
from monitor.daemon.state import StateFiles
from tests.sinks.rows import flow_rows

CLOCK_NS = 1_700_000_000_000_000_000


def _analysis(folder: Path, orders: Orders) -> Analysis:
    state = {"directory": folder / "state", "runtime_directory": folder / "run"}
    config = Config.model_validate({"state": state, "metrics": {"port": 0}})
    for made in state.values():
        made.mkdir(exist_ok=True)
    start = {"daemon": "d", "config": config.model_dump_json(), "workers": 1, "life": 1}
    return Analysis(orders, {"kind": "start", **start})


def _end(analysis: Analysis) -> None:
    analysis._put_away()
    analysis._endpoint.close()
    analysis._selector.close()


def _damage(files: StateFiles) -> None:
    parts = files.load()
    assert parts is not None
    of_learner = next(name for name in parts if name.endswith("scorer/plain"))
    files.save({**parts, of_learner: of_json(["more", *json_of(parts[of_learner])])})


def test_no_state_replaces_another_before_the_time_is_known(tmp_path: Path) -> None:
    parent, theirs = Orders.pair()
    with closing(parent), closing(theirs):
        analysis = _analysis(tmp_path, Orders(theirs))
        analysis._saved = -math.inf
        analysis._look()
        assert analysis._files.load() is None
        analysis._rooms.stages.clock_ns = CLOCK_NS
        analysis._look()
        assert analysis._files.load() is not None
        _end(analysis)


def test_a_model_of_another_version_costs_no_counters(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    parent, theirs = Orders.pair()
    with closing(parent), closing(theirs):
        orders = Orders(theirs)
        first = _analysis(tmp_path, orders)
        first._rooms.stages.clock_ns = CLOCK_NS
        first._rooms.results.keep_flows(flow_rows(20))
        _end(first)
        _damage(first._learned)
        second = _analysis(tmp_path, orders)
        assert second._rooms.clock_ns == CLOCK_NS
        assert second._rooms.results.tally.rows == 20
        assert "it learns anew" in capsys.readouterr().err
        _end(second)
