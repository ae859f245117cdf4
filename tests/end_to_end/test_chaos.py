"""Kills, reloads and link flaps by the hundred under traffic: nothing written is lost or doubled."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from monitor.daemon.control import ask
from monitor.errors import CommandEnd
from tests.end_to_end.live_daemon import TAP, LiveDaemon, eventually, live_daemon
from tests.wire.capture.namespaces import ip

KILLS, RELOADS, FLAPS = 100, 100, 50


@contextmanager
def traffic(daemon: LiveDaemon) -> Iterator[None]:
    """Frames all the while."""
    done = threading.Event()

    def send() -> None:
        while not done.is_set():
            daemon.send(pause_seconds=0.004)

    thread = threading.Thread(target=send)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def _decoded(daemon: LiveDaemon) -> float:
    return daemon.metrics().get("decoded_packets_total", 0.0)


def _seconds_until_it_captures(daemon: LiveDaemon, before: float) -> float:
    """How long it takes until more is decoded than there was."""
    started = time.monotonic()
    eventually(lambda: _decoded(daemon) > before)
    return time.monotonic() - started


@pytest.mark.slow
def test_a_hundred_kills(root: Path, tmp_path: Path) -> None:
    chosen = np.random.default_rng(4)
    waits: list[float] = []
    with live_daemon(root, tmp_path, workers=2) as daemon, traffic(daemon):
        eventually(lambda: _decoded(daemon) > 0)
        lines: list[str] = []
        for i in range(KILLS):
            name = "parent" if i % 10 == 9 else str(chosen.choice(["worker 0", "worker 1", "analysis"]))
            time.sleep(chosen.uniform(0.0, 1.5))
            if name == "parent":
                daemon.kill("parent")
                daemon.start()
                waits.append(_seconds_until_it_captures(daemon, 0.0))
            else:
                os.kill(_pid(daemon, name), signal.SIGKILL)
                waits.append(_seconds_until_it_captures(daemon, _decoded(daemon)))
            written = daemon.findings.read_text().splitlines()
            assert written[: len(lines)] == lines, "a finding that was written stays as it is"
            lines = written
        eventually(lambda: daemon.metrics().get("capture_gaps_total daemon_lost") == KILLS // 10)
        found = daemon.found()
    keys = [(line["id"], line["end"]) for line in found]
    assert len(set(keys)) == len(keys)
    gaps = [line for line in found if line["rule"] == "sensor-degraded"]
    assert len(gaps) >= KILLS / 4, "gaps are told of"
    waits.sort()
    (tmp_path / "waits").write_text(f"{waits[len(waits) // 2]:.2f} {waits[-1]:.2f}\n")


def _pid(daemon: LiveDaemon, name: str) -> int:
    return int(eventually(lambda: daemon.pids().get(name)))


@pytest.mark.slow
def test_a_hundred_reloads(root: Path, tmp_path: Path) -> None:
    with live_daemon(root, tmp_path) as daemon:
        good = daemon.config.read_text()
        taken = refused = 0
        with traffic(daemon):
            for i in range(RELOADS):
                bad = i % 4 == 3
                more = "catalogue: {paths: [/nowhere]}\n" if bad else f"campus: {{sensor: sensor-{i}}}\n"
                daemon.config.write_text(good + more)
                answer = eventually(lambda: _reload(daemon))
                assert answer["ok"] is not bad
                taken, refused = taken + (not bad), refused + bad
            daemon.config.write_text(good)
        eventually(lambda: daemon.settled(daemon.sent))
        metrics = daemon.metrics()
    assert (metrics["reloads_total taken"], metrics["reloads_total refused"]) == (taken, refused)
    assert metrics["kernel_dropped_packets_total"] == 0
    assert metrics["process_restarts_total worker"] == metrics["process_restarts_total analysis"] == 0


def _reload(daemon: LiveDaemon) -> dict[str, object] | None:
    try:
        return ask(daemon.control, "reload", 90)
    except CommandEnd:
        return None


@pytest.mark.slow
def test_fifty_link_flaps(root: Path, tmp_path: Path) -> None:
    with live_daemon(root, tmp_path, workers=2) as daemon:
        for _ in range(FLAPS):
            ip("link", "set", TAP, "down")
            ip("link", "set", TAP, "up")
            before = _decoded(daemon)

            def sees(before: float = before) -> bool:
                try:
                    daemon.send()
                except OSError:  # the link is not up yet
                    return False
                return _decoded(daemon) > before

            eventually(sees)
        eventually(lambda: len(set(daemon.account())) == 1)
        metrics = daemon.metrics()
    assert metrics["process_restarts_total worker"] == 0, daemon.told
    assert metrics["decoded_packets_total"] > 0
