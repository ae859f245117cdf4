"""What a running daemon tells of itself: status, top in a real terminal, /healthz and /readyz."""

from __future__ import annotations

import json
import os
import pty
import select
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest

from tests.end_to_end.live_daemon import CONFIG, FAR_END, LiveDaemon, eventually, live_daemon
from tests.wire.capture.namespaces import sender
from tests.wire.flows.connections import HANDSHAKE, C
from tests.wire.flows.frames import ACK, FIN, PSH, SYN, tcp

MACS = bytes.fromhex("0200000000020200000000010800")


@pytest.fixture(scope="module")
def daemon(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveDaemon]:
    # A connection of which half passes by lives as long as an open one.
    config = CONFIG.replace("tcp_opening: 2,", "tcp_opening: 2, tcp_established: 2,")
    with live_daemon(root, tmp_path_factory.mktemp("status"), workers=1, config=config) as running:
        running.send()
        eventually(lambda: running.settled(running.sent))
        yield running


def command(daemon: LiveDaemon, verb: str, *options: str) -> list[str]:
    return [sys.executable, "-m", "monitor.cli", verb, "--config", str(daemon.config), *options]


def run(daemon: LiveDaemon, verb: str, *options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command(daemon, verb, *options),
        capture_output=True,
        text=True,
        timeout=120,
        env={**os.environ, "PYTHONPATH": str(daemon.root)},
    )


def probe(daemon: LiveDaemon, path: str) -> dict[str, Any]:
    port = int((daemon.folder / "run" / "metrics.port").read_text())
    with urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as answer:
        assert answer.status == 200
        told: dict[str, Any] = json.load(answer)
        return told


def test_health_has_figures_that_fit(daemon: LiveDaemon) -> None:
    eventually(lambda: probe(daemon, "/readyz")["figures"]["received"] == daemon.sent)
    for path in ("/healthz", "/readyz"):
        told = probe(daemon, path)
        assert told["live"] is told["ready"] is True
        assert told["figures"]["workers_linked"] == told["figures"]["workers"] == 1
        assert not [reason for reason in told["reasons"] if reason["severity"] == "bad"]


def test_status_on_a_page_and_as_json(daemon: LiveDaemon) -> None:
    page = run(daemon, "status")
    assert page.returncode == 0, page.stderr
    assert "✓ 就绪 ready" in page.stdout
    assert f"{daemon.sent:,}" in page.stdout
    for pid in daemon.pids().values():
        assert str(pid) in page.stdout
    told = json.loads(run(daemon, "status", "--format", "json").stdout)
    assert told["health"]["ready"] is True
    assert told["daemon"]["pid"] == daemon.pids()["parent"]


def test_a_doubling_mirror_is_recognised(daemon: LiveDaemon) -> None:
    before = daemon.metrics()
    frames = [MACS + data for _, data in HANDSHAKE]
    with sender(FAR_END) as sock:
        for data in frames:
            sock.send(data)
            sock.send(data)
            daemon.sent += 2
            time.sleep(0.02)
    eventually(lambda: daemon.settled(daemon.sent))
    after = daemon.metrics()
    assert after["duplicate_packets_total"] - before["duplicate_packets_total"] == 3
    assert after["decoded_packets_total"] - before["decoded_packets_total"] == 3


def test_one_way_visibility_is_recognised(daemon: LiveDaemon) -> None:
    """Many connections of which only the client's half passes by."""
    with sender(FAR_END) as sock:
        for k in range(1_500):
            ends = (f"10.0.{k >> 8}.{k & 255}", 50_000, *C[2:])
            for flags, sequence in ((SYN, 999), (ACK, 1000), (PSH | ACK, 1000), (FIN | ACK, 1001)):
                sock.send(MACS + tcp(*ends, flags, sequence, b"x" if flags & PSH else b""))
                daemon.sent += 1
            if k % 16 == 0:
                time.sleep(0.002)
    eventually(lambda: any(reason["code"] == "one_way" for reason in probe(daemon, "/readyz")["reasons"]))
    assert daemon.metrics()["tcp_one_way_ratio"] > 0.5
    told = run(daemon, "status").stdout
    assert "只看到单方向" in told
    assert "one direction only" in told


def test_top_in_a_terminal(daemon: LiveDaemon) -> None:
    text = _in_a_terminal(command(daemon, "top", "--seconds", "0.3"), daemon.root, until="Mbit/s")
    assert "就绪 ready" in text
    assert "Mbit/s" in text
    assert "Traceback" not in text


def test_top_without_a_terminal_ends_after_its_looks(daemon: LiveDaemon) -> None:
    ran = run(daemon, "top", "--seconds", "0.2", "--count", "2")
    assert ran.returncode == 0, ran.stderr
    assert "packets/s" in ran.stdout


def test_one_way_visibility_is_a_finding(daemon: LiveDaemon) -> None:
    """Told when it has lasted for a minute, and at the latest when the daemon stops."""
    assert daemon.stop() == 0
    reasons = [line["evidence"].get("reason") for line in daemon.found() if line["rule"] == "sensor-degraded"]
    assert "one_way" in reasons


def test_nobody_there(root: Path, tmp_path: Path) -> None:
    config = tmp_path / "c.yaml"
    config.write_text(f"state: {{directory: {tmp_path}, runtime_directory: {tmp_path}}}\n")
    for verb in ("status", "top"):
        ran = subprocess.run(
            [sys.executable, "-m", "monitor.cli", verb, "--config", str(config)],
            capture_output=True,
            text=True,
            timeout=60,
            env={**os.environ, "PYTHONPATH": str(root)},
        )
        assert ran.returncode == 1
        assert "守护进程没有应答 no daemon answers" in ran.stderr
        assert len(ran.stderr.splitlines()) == 1


def _in_a_terminal(words: list[str], root: Path, until: str) -> str:
    """Run in a pseudo-terminal, press q once `until` is on the screen twice; what was shown."""
    ours, theirs = pty.openpty()
    environment = {**os.environ, "PYTHONPATH": str(root), "TERM": "xterm-256color", "COLUMNS": "120"}
    process = subprocess.Popen(words, stdin=theirs, stdout=theirs, stderr=theirs, env=environment)
    os.close(theirs)
    shown, pressed, give_up = b"", False, time.monotonic() + 60
    while process.poll() is None:
        assert time.monotonic() < give_up, shown.decode(errors="replace")
        if select.select([ours], [], [], 0.2)[0]:
            try:
                shown += os.read(ours, 1 << 16)
            except OSError:  # the other end has gone
                break
        if not pressed and shown.count(until.encode()) >= 2:
            pressed = True
            os.write(ours, b"q")
    assert process.wait(30) == 0
    assert pressed
    os.close(ours)
    return shown.decode(errors="replace")
