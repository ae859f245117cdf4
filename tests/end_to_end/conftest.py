"""Runs the command as a user does: a process of its own, with its exit code and its two streams."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

Command = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="session")
def campuswatch(root: Path) -> Command:
    """campuswatch(*arguments, input=bytes) -> CompletedProcess with text streams."""

    def run(*arguments: str | Path, given: bytes = b"") -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-c", "from monitor.cli import main; main()", *map(str, arguments)]
        environment = {**os.environ, "PYTHONPATH": str(root), "LC_ALL": "C.UTF-8"}
        done = subprocess.run(
            command, input=given, capture_output=True, env=environment, check=False, timeout=900
        )
        return subprocess.CompletedProcess(
            command, done.returncode, done.stdout.decode(), done.stderr.decode()
        )

    return run


@pytest.fixture(scope="session")
def day(root: Path, campuswatch: Command, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The results of the shipped campus day."""
    out = tmp_path_factory.mktemp("day") / "out"
    done = campuswatch("replay", root / "pcaps" / "campus-day.pcap.zst", "--out", out)
    assert done.returncode == 0, done.stderr
    return out
