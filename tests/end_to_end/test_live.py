"""`campuswatch run -i` on a real link: what it sees, what it survives, what it leaves behind."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from detectors.parts import json_of
from monitor.daemon.state import StateFiles
from tests.end_to_end.live_daemon import LiveDaemon, eventually, live_daemon, meanwhile
from tests.monitor.daemon.test_parent import NET_RAW_ALONE, effective


@pytest.fixture(scope="module")
def daemon(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveDaemon]:
    with live_daemon(root, tmp_path_factory.mktemp("live"), workers=2) as running:
        yield running


@pytest.fixture
def settled(daemon: LiveDaemon) -> LiveDaemon:
    """The daemon when all that was sent before is accounted for."""
    eventually(lambda: daemon.settled(daemon.sent))
    return daemon


def test_every_frame_is_accounted_for_and_flows_have_names(settled: LiveDaemon) -> None:
    settled.send(rounds=3)
    eventually(lambda: settled.settled(settled.sent))
    metrics = settled.metrics()
    assert metrics["kernel_dropped_packets_total"] == 0
    for source in ("tls_sni", "quic_sni", "http_host"):
        eventually(lambda source=source: settled.metrics()[f"named_flows_total {source}"] > 0)


def test_flows_of_a_quiet_link_end(settled: LiveDaemon) -> None:
    settled.send()
    eventually(lambda: settled.settled(settled.sent))
    before = settled.metrics()
    # Established connections last minutes; requests without an answer and datagrams end soon.
    eventually(lambda: settled.metrics()["flows_active"] < before["flows_active"] / 2)
    after = settled.metrics()
    assert after["ring_received_packets_total"] == before["ring_received_packets_total"]
    assert after["event_time_seconds"] > before["event_time_seconds"]


def test_only_the_parent_holds_a_capability(settled: LiveDaemon) -> None:
    settled.send()
    for name, pid in settled.pids().items():
        held = effective(pid)
        assert name == "parent" or len(held) > 10, "NumPy's threads are there"
        for what, value in held.items():
            kind = what.split()[1]
            if kind == "NoNewPrivs":
                assert value == 1
            elif name == "parent" and kind in ("CapEff", "CapPrm"):
                assert value == NET_RAW_ALONE
            else:
                assert value == 0, f"{name}: {what}"


def test_a_reload_under_traffic_loses_no_frame(settled: LiveDaemon) -> None:
    reload = [sys.executable, "-m", "monitor.cli", "reload", "--config", str(settled.config)]
    good = settled.config.read_text()
    answers = []
    try:
        with meanwhile(lambda: settled.send(pause_seconds=0.001)):
            for text in (
                good + "campus: {sensor: moved}\n",
                good + "catalogue: {paths: [/nowhere]}\n",
                good.replace("ring_mib: 32", "ring_mib: 16"),
            ):
                settled.config.write_text(text)
                done = subprocess.run(reload, cwd=settled.root, capture_output=True, text=True, check=False)
                answers.append(done)
    finally:
        settled.config.write_text(good)
    assert [answer.returncode for answer in answers] == [0, 2, 2], answers
    assert "/nowhere" in answers[1].stderr
    assert "capture.ring_mib" in answers[2].stderr
    eventually(lambda: settled.settled(settled.sent))
    metrics = settled.metrics()
    assert (metrics["reloads_total taken"], metrics["reloads_total refused"]) == (1, 2)
    assert metrics["kernel_dropped_packets_total"] == 0
    assert "the old configuration stays" in settled.told


def test_a_killed_worker_is_followed_by_one_on_the_same_ring(settled: LiveDaemon) -> None:
    settled.send()
    eventually(lambda: settled.settled(settled.sent))
    before = settled.metrics()
    settled.kill("worker 0")
    settled.send(rounds=2)
    eventually(lambda: settled.settled(settled.sent))
    after = settled.metrics()
    assert after["process_restarts_total worker"] == before["process_restarts_total worker"] + 1
    assert after["capture_gaps_total worker_lost"] == before["capture_gaps_total worker_lost"] + 1
    assert after["decoded_packets_total"] > before["decoded_packets_total"]
    gaps = [line for line in settled.found() if line["evidence"].get("reason") == "worker_lost"]
    assert gaps[-1]["rule"] == "sensor-degraded"
    assert gaps[-1]["evidence"]["share_of_packets"] == 0.5


def test_a_killed_analysis_goes_on_where_it_was(settled: LiveDaemon) -> None:
    settled.send()
    eventually(lambda: settled.settled(settled.sent))
    checkpoints = settled.metrics()["checkpoints_total"]
    eventually(lambda: settled.metrics()["checkpoints_total"] > checkpoints + 1)
    before = settled.metrics()
    settled.kill("analysis")
    settled.send(rounds=2)
    eventually(lambda: settled.settled(settled.sent))
    after = settled.metrics()
    for name in ("decoded_packets_total", "flows_total tcp", "named_flows_total tls_sni"):
        assert after[name] >= before[name] > 0, name
    assert after["capture_gaps_total analysis_lost"] == before["capture_gaps_total analysis_lost"] + 1


def test_kills_and_stops_of_the_whole_keep_what_was_written(root: Path, tmp_path: Path) -> None:
    with live_daemon(root, tmp_path) as daemon:
        daemon.send(rounds=2)
        eventually(lambda: daemon.settled(daemon.sent))
        daemon.send()
        eventually(lambda: daemon.settled(daemon.sent))
        time.sleep(2)  # a checkpoint of that
        daemon.kill("parent")
        daemon.start()
        assert daemon.metrics()["decoded_packets_total"] > 0
        daemon.send()
        eventually(lambda: daemon.metrics().get("capture_gaps_total daemon_lost") == 1)
        eventually(lambda: daemon.settled(daemon.sent))
        assert daemon.stop() == 0
        lines = daemon.found()
        assert len({(line["id"], line["end"]) for line in lines}) == len(lines)
        assert sum(line["evidence"].get("reason") == "daemon_lost" for line in lines) == 1
        sightings = _sightings(daemon)
        assert sightings
        daemon.start()
        daemon.kill("parent")
        daemon.start()
        daemon.send()
        eventually(lambda: daemon.settled(daemon.sent))
        assert daemon.metrics()["capture_gaps_total daemon_lost"] == 2, "a stop as it should be is no gap"
        assert daemon.stop() == 0
        _check_history(daemon)
        assert sightings <= _sightings(daemon), "what the embedding learns from outlives a kill"


def _sightings(daemon: LiveDaemon) -> set[tuple[int, int]]:
    """Minute and client of the calls that wait in the state for their session to be over."""
    parts = StateFiles(daemon.folder / "state", "learned").load()
    assert parts is not None
    waiting = [parts[name] for name in ("riders/windows/rows", "riders/learned/held") if name in parts]
    return {(int(row["window_start_ns"]), int(row["client"])) for rows in waiting for row in rows}


def _check_history(daemon: LiveDaemon) -> None:
    """Flows of all lives lie in the history, each row that was counted once, without internal addresses."""
    state = StateFiles(daemon.folder / "state").load()
    assert state is not None
    counted = json_of(state["rooms/results/tally/plain"])["rows"]
    history = daemon.folder / "state" / "history"
    files = [*history.glob("flows-*.part"), *history.glob("flows-*.parquet")]
    rows = [row for path in files for row in pq.read_table(path).to_pylist()]
    assert len(rows) == counted > 0
    assert {row["name"] for row in rows} - {None}
    text = json.dumps(rows, default=str)
    assert '"10.' not in text
    assert '"192.168.' not in text
