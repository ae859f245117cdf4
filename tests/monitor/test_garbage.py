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


def test_a_start_is_left_alone_and_what_comes_after_is_looked_at() -> None:
    subprocess.run([sys.executable, "-c", _SCRIPT], check=True, cwd=ROOT)
