"""When a child counts as stuck: while it works it may be slow, for a time."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from monitor.daemon import children
from monitor.daemon.children import Child


@contextmanager
def child_that(does: str) -> Iterator[Child]:
    """A child whose process runs `does`, and has said that it is ready."""
    child = Child("child", "nothing", (), lambda _: None)
    with subprocess.Popen([sys.executable, "-c", does], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        try:
            process.stdout.readline()
            child._process = process
            child.hear({"kind": "ready"})
            yield child
        finally:
            process.kill()


def _stalled_within(child: Child, seconds: float) -> bool:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if child.stalled():
            return True
        time.sleep(0.02)
    return False


@pytest.mark.parametrize(
    ("does", "longest", "stuck"),
    [
        ("import time; print(flush=True); time.sleep(60)", 600.0, True),
        ("print(flush=True)\nwhile True: pass", 600.0, False),  # it works, however slowly
        ("print(flush=True)\nwhile True: pass", 1.0, True),  # but not for ever
    ],
)
def test_who_sleeps_is_stuck(
    does: str, longest: float, stuck: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(children, "_SLEEPS_SECONDS", 0.0)
    monkeypatch.setattr(children, "_LONGEST_STALL_SECONDS", longest)
    with child_that(does) as child:
        assert not child.stalled(), "it has just moved"
        monkeypatch.setattr(children, "STALL_SECONDS", 0.5)
        if stuck:
            assert _stalled_within(child, 30)
        else:
            time.sleep(0.6)
            monkeypatch.setattr(children, "STALL_SECONDS", 60.0)
            child._moved -= 61
            assert not child.stalled()
