"""What analysis is made of, across lives and configurations."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from detectors.parts import of_json
from monitor.config.config import Campus, Config
from monitor.daemon.live_metrics import set_live
from monitor.daemon.rooms import Rooms
from monitor.pipeline.handover import STEP_COUNTERS
from tests.sinks.rows import flow_rows

CLOCK_NS = 1_700_000_000_000_000_000


def _rooms(folder: Path) -> Rooms:
    (folder / "state").mkdir(exist_ok=True)
    state = {"directory": folder / "state", "runtime_directory": folder / "run"}
    return Rooms(Config.model_validate({"state": state}), workers=1)


def test_a_next_life_knows_the_time_before_its_first_step(tmp_path: Path) -> None:
    rooms = _rooms(tmp_path)
    again = _rooms(tmp_path)
    again.restore(rooms.state(), CLOCK_NS)
    assert again.clock_ns == CLOCK_NS


def test_rules_that_kept_silent_are_told(tmp_path: Path) -> None:
    rooms = _rooms(tmp_path)
    rooms.restore({**rooms.state(), "detectors/policy/silent": of_json({"unfiled-app": 3})}, CLOCK_NS)
    set_live(rooms, {})
    assert b'campuswatch_rules_silent_total{rule="unfiled-app"} 3.0' in rooms.results.exposition.text()


def test_a_reload_goes_on_with_all_that_was_counted(tmp_path: Path) -> None:
    rooms = _rooms(tmp_path)
    rooms.stages.clock_ns = CLOCK_NS
    rooms.results.keep_flows(flow_rows(20))
    rooms.results.refused["state"] = 3
    set_live(rooms, {})
    before = rooms.results.exposition.text()
    rooms.commit(rooms.prepare(rooms.config.model_copy(update={"campus": Campus(sensor="moved")})))
    assert rooms.results.exposition.text() == before, "a scrape that comes before the next refresh"
    set_live(rooms, {})
    assert rooms.results.exposition.text() == before
    rooms.gaps.lost("daemon_lost", CLOCK_NS)
    (finding,) = rooms.gaps.seeing(CLOCK_NS + 1, worker=0)
    assert finding.sensor == "moved"


def test_what_a_daemon_that_is_gone_worked_on_it_had_received(tmp_path: Path) -> None:
    """It died before its parent told of the last second's frames."""
    rooms = _rooms(tmp_path)
    rooms.rings.set("gone", np.array([100, 4, 0, 120]))
    taken = np.zeros(len(STEP_COUNTERS), np.int64)
    taken[STEP_COUNTERS.index("packets")] = 246
    rooms.packets.set("gone", taken)
    rooms.receive_what_was_taken()
    assert rooms.rings.sums() == {"received": 250, "kernel_drops": 4, "freezes": 0, "shown": 270}
    rooms.receive_what_was_taken()
    assert rooms.rings.sums()["received"] == 250, "they are even now"


def test_frames_are_lost_only_where_nothing_is_on_its_way(tmp_path: Path) -> None:
    rooms = _rooms(tmp_path)
    rooms.rings.set("ring", np.array([100, 0, 0, 0]))
    waits = np.zeros(len(STEP_COUNTERS), np.int64)
    rooms.packets.set("worker", waits)
    for _ in range(10):
        rooms.find_losses([7])  # the worker waits for the CPU: it tells nothing
    assert rooms.lost == 0
    counted = waits.copy()
    counted[STEP_COUNTERS.index("packets")] = 90
    rooms.packets.set("worker", counted)
    for steps in range(8, 18):
        rooms.find_losses([steps])  # its ring is empty, and it says so
    assert rooms.lost == 10
