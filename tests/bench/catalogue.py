"""What a million names cost: PYTHONPATH=. python tests/bench/catalogue.py

Seconds of CPU time and of the wall clock to load, megabytes, and microseconds for a distinct name, with the
shipped catalogue alone and with a made list of a million names beside it.
"""

from __future__ import annotations

import os
import tempfile
import time
from pathlib import Path

import numpy as np

from detectors.catalogue.catalogue import Catalogue
from detectors.catalogue.settings import CatalogueSettings, ListSettings
from tests.bench.measure import resident_kib
from wire.names.strings import StringTable

_CATALOGUE = Path(__file__).parents[2] / "configs" / "catalogue"
_HOSTS = ("a.b.umeng.com", "www.unknown.example.org", "syh.zybang.com", "x.y.z.w.qq.com")
_NAMES = [f"h{number}.{host}".encode() for number in range(5_000) for host in _HOSTS]


def main() -> None:
    """Print a line for each."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "million.txt"
        numbers = np.random.default_rng(1).integers(0, 1 << 40, 1_000_000).tolist()
        path.write_text("".join(f"h{number:x}.ads{at}.com\n" for at, number in enumerate(numbers)))
        million = ListSettings("million", "plain", "advertising", path)
        for title, lists in (("catalogue", ()), ("and a million", (million,))):
            before, cpu, wall = _megabytes(), time.process_time(), time.perf_counter()
            loaded = Catalogue.of(CatalogueSettings((_CATALOGUE,), lists=lists))
            cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
            more = _megabytes() - before
            strings = StringTable(len(_NAMES), 1 << 20)
            names = np.array([strings.add(name) for name in _NAMES], np.int32)
            loaded.decide_all(strings, names[:4])  # the kernel is in memory from here on
            look = time.process_time()
            loaded.decide_all(strings, names)
            each = (time.process_time() - look) / len(_NAMES) * 1e6
            print(f"{title:<14} {loaded.entry_count:>9} entries  {cpu:5.2f} s CPU  {wall:5.2f} s  "
                  f"{more:5.0f} MB  {each:5.1f} us a name")  # fmt: skip


def _megabytes() -> float:
    return resident_kib(os.getpid())[0] * 1024 / 1e6


if __name__ == "__main__":
    main()
