"""The verbs beside `replay`."""

from __future__ import annotations

import array
import fcntl
import os
import signal
import subprocess
import sys
import termios
import time
from pathlib import Path
from urllib.request import urlopen

import yaml

from monitor import __version__


def test_version_without_what_takes_time(root: Path, campuswatch) -> None:
    assert campuswatch("--version").stdout == f"campuswatch {__version__}\n"
    told = subprocess.run(
        [sys.executable, "-X", "importtime", "-c", "from monitor.cli import run; run(['--version'])"],
        capture_output=True, text=True, cwd=root, check=True,
    ).stderr  # fmt: skip
    imported = {line.rsplit("|", 1)[-1].strip() for line in told.splitlines()}
    assert {"numba", "numpy", "pyarrow", "pandas", "typer", "sklearn"} & imported == set()


def test_config_show_and_check(root: Path, campuswatch, tmp_path: Path) -> None:
    shown = campuswatch("config", "show")
    assert shown.returncode == 0
    assert yaml.safe_load(shown.stdout)["flows"]["vlan"] == "ignore"
    assert campuswatch("config", "check", root / "configs" / "campuswatch.yaml").returncode == 0
    (tmp_path / "c.yaml").write_text("flows:\n  vlans: full\n")
    wrong = campuswatch("config", "check", tmp_path / "c.yaml")
    assert wrong.returncode == 2
    assert "c.yaml:2: flows.vlans: unknown key; did you mean `vlan`?" in wrong.stderr


def test_run_plays_the_day_and_serves_metrics_until_told_to_stop(root: Path, tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_text("metrics: {port: 0}\n")
    command = [
        sys.executable,
        "-c",
        "from monitor.cli import main; main()",
        "run",
        "--speed",
        "max",
        "--stay",
    ]
    playing = subprocess.Popen(
        [*command, "--config", str(tmp_path / "c.yaml")],
        env={**os.environ, "PYTHONPATH": str(root)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert playing.stderr is not None
    assert "hold for this run only" in playing.stderr.readline()
    address = playing.stderr.readline().split()[3].rstrip(";")
    assert "stays until" in playing.stderr.readline()
    with urlopen(address) as answer:
        text = answer.read().decode()
    assert "campuswatch_capture_packets_total 0.0" not in text
    playing.send_signal(signal.SIGTERM)
    out, err = playing.communicate(timeout=60)
    assert playing.returncode == 0, err
    assert "anomalous-host h-" in out
    assert "10.30." not in out


def test_interrupting_a_replay_leaves_nothing(root: Path, tmp_path: Path) -> None:
    """A replay that waits for its standard input is interrupted.

    As from a terminal, though whoever runs the tests may have it that interrupts are not heard.
    """
    heard = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)"
    command = [sys.executable, "-c", f"{heard}; from monitor.cli import main; main()", "replay", "-"]
    waiting = subprocess.Popen(
        [*command, "--out", str(tmp_path / "out")],
        env={**os.environ, "PYTHONPATH": str(root)},
        stdin=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert waiting.stdin is not None
    waiting.stdin.write((root / "pcaps" / "hello-split.pcap").read_bytes()[:100])
    waiting.stdin.flush()
    unread = array.array("i", [1])
    for _ in range(600):
        fcntl.ioctl(waiting.stdin, termios.FIONREAD, unread)
        if unread[0] == 0:
            break
        assert waiting.poll() is None
        time.sleep(0.1)
    assert unread[0] == 0
    waiting.send_signal(signal.SIGINT)
    _, err = waiting.communicate(timeout=60)
    assert waiting.returncode == 130
    assert b"Traceback" not in err
    assert not (tmp_path / "out").exists() or list((tmp_path / "out").iterdir()) == []
