"""A model is learned in a process of its own: meanwhile nothing waits, and the memory it took goes with it.

The process is told what to learn from, and tells what came of it, in memory that has a descriptor.
It is polite, and ends by itself when its parent is gone.
"""

from __future__ import annotations

import contextlib
import io
import os
import subprocess
import sys
import threading
import time
from typing import BinaryIO

import numpy as np

from detectors.forest.lesson import Outcome, learn
from detectors.parts import Parts
from monitor import garbage
from monitor.errors import tell
from monitor.kernels import lean_numba
from monitor.without_pandas import without_pandas

#: The largest sample is learned from in a minute; a machine may be slow, and it gives way to all others.
_LONGEST_SECONDS = 1_800.0
_NICENESS = 10


def begin(parts: Parts) -> Outcome:
    """The Teacher of a daemon."""
    return _Lesson(parts)


class _Lesson:
    """A lesson that goes on."""

    def __init__(self, parts: Parts) -> None:
        self._told, self._heard = _memory("lesson"), _memory("learned")
        with self._told:
            np.savez(self._told, allow_pickle=False, **parts)
            self._told.flush()
            descriptors = self._told.fileno(), self._heard.fileno()
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", "monitor.daemon.lessons", *map(str, descriptors)],
                stdin=subprocess.PIPE,  # it ends when this end is closed
                pass_fds=descriptors,
            )
        self._give_up = time.monotonic() + _LONGEST_SECONDS
        self._outcome: Parts | None = None

    def __call__(self) -> Parts | None:
        self._outcome = self._outcome if self._outcome is not None else self._look()
        return self._outcome

    def _look(self) -> Parts | None:
        code = self._process.poll()
        if code is None:
            if time.monotonic() < self._give_up:
                return None
            self._process.kill()
            code = self._process.wait()
        with self._heard, self._process.stdin or io.BytesIO():
            if code != 0:
                tell(f"模型未能学成 no model was learned: its process ended with {code}")
                return {}
            return _read(self._heard)


def main(told: int, heard: int) -> None:
    """The process of a lesson: what it is told, to what it learned."""
    with contextlib.suppress(PermissionError):  # a sandbox may forbid it
        os.nice(_NICENESS)
    threading.Thread(target=_end_with_the_parent, daemon=True).start()
    garbage.look_seldom()
    lean_numba.import_lean()
    with os.fdopen(told, "rb") as file:
        parts = _read(file)
    with without_pandas():
        learned = learn(parts)
    with os.fdopen(heard, "wb") as file:
        np.savez(file, allow_pickle=False, **learned)


def _end_with_the_parent() -> None:
    os.read(sys.stdin.fileno(), 1)
    os._exit(0)


def _memory(name: str) -> BinaryIO:
    return os.fdopen(os.memfd_create(name), "w+b")


def _read(file: BinaryIO) -> Parts:
    file.seek(0)
    with np.load(file, allow_pickle=False) as arrays:
        return {name: np.asarray(arrays[name]) for name in arrays.files}


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
