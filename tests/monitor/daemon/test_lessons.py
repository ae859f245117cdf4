"""A model that is learned in a process of its own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from detectors.forest.learner import Learner, Schedule
from detectors.forest.lesson import Outcome, at_once
from detectors.parts import Parts
from monitor.daemon import lessons
from tests.detectors.test_learner import FOREST, SCHEDULE, hour
from tests.end_to_end.live_daemon import eventually


def a_lesson() -> Parts:
    """What a learner gives its teacher, after six hours."""
    given: list[Parts] = []

    def teacher(parts: Parts) -> Outcome:
        given.append(parts)
        return lambda: None

    learner = Learner(FOREST, SCHEDULE, teacher=teacher)
    for at in range(6):
        learner.take(hour(at))
    return given[0]


def test_it_is_the_model_that_this_process_would_learn() -> None:
    parts = a_lesson()
    apart, here = eventually(lessons.begin(parts)), at_once(parts)()
    assert here is not None
    assert set(apart) == set(here)
    assert "model/60.pooled.kids" in apart
    assert all(np.array_equal(apart[name], here[name]) for name in here)


def test_a_process_that_dies_has_learned_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    lesson = lessons.begin(a_lesson())
    os.kill(lesson._process.pid, signal.SIGKILL)  # type: ignore[attr-defined]
    assert eventually(lambda: lesson() == {})
    assert "no model was learned: its process ended with -9" in capsys.readouterr().err


def test_one_that_takes_too_long_is_ended(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(lessons, "_LONGEST_SECONDS", 0.0)
    assert lessons.begin(a_lesson())() == {}
    assert "no model was learned" in capsys.readouterr().err


_PARENT = """
import sys, time
import numpy as np
from monitor.daemon import lessons
lesson = lessons.begin({"plain": np.zeros(1 << 20)})
print(lesson._process.pid, flush=True)
time.sleep(60)
"""


def test_it_ends_when_its_parent_is_gone(tmp_path: Path) -> None:
    root = Path(__file__).resolve().parents[3]
    parent = subprocess.Popen(
        [sys.executable, "-c", _PARENT], stdout=subprocess.PIPE, env={**os.environ, "PYTHONPATH": str(root)}
    )
    assert parent.stdout is not None
    pid = int(parent.stdout.readline())
    parent.kill()
    parent.wait(30)
    parent.stdout.close()
    eventually(lambda: not Path(f"/proc/{pid}").exists(), 60)


def test_a_schedule_without_enough_windows_begins_no_lesson() -> None:
    begun: list[Parts] = []

    def teacher(parts: Parts) -> Outcome:
        begun.append(parts)
        return lambda: None

    learner = Learner(FOREST, Schedule(collect_seconds=60, least_windows=100_000), teacher=teacher)
    for at in range(3):
        learner.take(hour(at))
    assert begun == []
