"""A start is not interrupted to look for garbage; a process that stays looks for its own, as always."""

from __future__ import annotations

import subprocess
import sys

from tests.bench.measure import ROOT

_SCRIPT = """
import gc
from monitor import garbage
before = gc.get_threshold()
garbage.look_seldom()
seldom = gc.get_threshold()
held = [[i] for i in range(50_000)]
during = gc.get_freeze_count()
garbage.look_as_usual()
assert gc.get_threshold() == before
assert seldom[0] > 50_000
assert gc.get_freeze_count() > len(held) and during == 0
cycle = []
cycle.append(cycle)
del cycle
assert gc.collect() >= 1
"""


_FREES = """
import numpy as np
from monitor import garbage

def anonymous_kib():
    with open("/proc/self/smaps_rollup") as file:
        return int(next(line for line in file if line.startswith("Pss_Anon:")).split()[1])

made = [np.ones(50_000, np.uint8) for _ in range(4_000)]
kept = made[::2]
del made
before = anonymous_kib()
garbage.give_back()
assert anonymous_kib() < before - 50_000, (before, anonymous_kib())
assert all((each == 1).all() for each in kept)
"""


def test_what_is_free_between_what_is_kept_goes_back() -> None:
    subprocess.run([sys.executable, "-c", _FREES], check=True, cwd=ROOT)


def test_a_start_is_left_alone_and_what_comes_after_is_looked_at() -> None:
    subprocess.run([sys.executable, "-c", _SCRIPT], check=True, cwd=ROOT)
