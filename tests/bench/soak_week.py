"""Two weeks of a campus through the daemon in an hour, and whether it stays as it was.

    python -m tests.bench.soak_week --minutes 60
    python -m tests.bench.soak_week --minutes 30 --capture week.pcap

Root, and a network namespace of its own. Parent, analysis and all that follows event time are the
daemon's: windows, hours and days, the learner with a first model after a day and a new one every day,
checkpoints, a history of an hour a file. Its worker reads a simulated week with incidents
(tests.bench.week) from a file in place of a ring, twice, at so many times its speed (paced_worker);
nothing but the tap is other than live. What goes by the machine's clock goes that much slower: a
checkpoint comes every half hour or hour of event time.

The second week is the same traffic once more, so what its last day takes beyond that of the first is what
has stayed of a week; it is told apart from what fills at first, such as the tables that a flood needs.

Prints a line of JSON every few seconds, the median memory of each day, and a summary. Exit code 1 when
memory (as in `soak`) grew by more than 5% from the third day to the last (by then two models have been
learned, and every table of a day was full once), when descriptors grew, when a frame is not accounted for,
or when a process was restarted.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from detectors.catalogue.catalogue import Catalogue
from detectors.catalogue.settings import CatalogueSettings
from monitor.shipped import shipped
from monitor.simulate.simulate import write_capture
from tests.bench import paced_worker
from tests.bench.measure import ROOT
from tests.bench.receivers import BECAME
from tests.bench.soak import GROWTH, Sample, look
from tests.bench.week import scenario
from tests.end_to_end.live_daemon import LiveDaemon, eventually, live_daemon
from wire.capture.files import open_captures

_SEED, _DAYS, _SCALE = 702, 7, 0.2
_WEEKS = 2
_SETTLED_DAY = 2  # from 0
_WEEK_NS = 7 * 86_400 * 1_000_000_000
_SAMPLES = 480
_CONFIG = """
state: {{directory: {folder}/state, runtime_directory: {folder}/run}}
metrics: {{port: 0}}
capture: {{ring_mib: 4}}
"""
_BECAME = tuple(f"{what}_packets_total" for what in BECAME)
_RUN = """
import sys
from functools import partial
from monitor.daemon import parent, watch
watch.Parent = partial(parent.Parent, worker="tests.bench.paced_worker")
from monitor.cli import main
main()
"""


class PacedDaemon(LiveDaemon):
    """The daemon whose worker reads a capture."""

    def command(self) -> list[str]:
        return [sys.executable, "-c", _RUN]


def simulated(capture: Path, days: float) -> None:
    """Write a week."""
    known = Catalogue.of(CatalogueSettings((shipped("configs/catalogue"),)))
    write_capture(scenario(_SEED, days, _SCALE, clean=False), known, capture)


def about(capture: Path) -> tuple[int, float]:
    """Frames of a capture, and the seconds from the first to the last."""
    frames, first_ns, last_ns = 0, 0, 0
    with open_captures([capture]) as reader:
        for block in reader:
            first_ns = first_ns or int(block.timestamp_ns[0])
            last_ns = max(last_ns, int(block.timestamp_ns.max()))
            frames += len(block)
    return frames, (last_ns - first_ns) / 1e9


def watched(daemon: LiveDaemon, seconds: float) -> list[Sample]:
    """Samples until the capture is over."""
    samples: list[Sample] = []
    began = time.monotonic()
    while (now := time.monotonic() - began) < seconds:
        if now >= len(samples) * seconds / _SAMPLES:
            samples.append(look(daemon, began))
            told = {**samples[-1].__dict__, "day": now / seconds * _DAYS * _WEEKS}
            print(json.dumps(told), flush=True)
        time.sleep(0.5)
    samples.append(look(daemon, began))
    return samples


def judged_by_day(samples: list[Sample], seconds: float) -> tuple[dict[str, Any], bool]:
    """Figures of a run of so many seconds, and whether its last day left it as the third one had."""
    days: list[list[Sample]] = [[] for _ in range(_DAYS * _WEEKS)]
    for sample in samples:
        days[min(int(sample.seconds / seconds * len(days)), len(days) - 1)].append(sample)
    kept = [round(float(np.median([each.kept_mib for each in day])), 1) for day in days]
    before, after = kept[_SETTLED_DAY], kept[-1]
    # A lesson and a file that is written hold some for a moment: what is held for most of a day counts.
    settled, last = (float(np.median([s.descriptors for s in days[at]])) for at in (_SETTLED_DAY, -1))
    figures = {
        "kept_mib_by_day": kept,
        "growth": after / before - 1,
        "growth_of_second_week": after / kept[_DAYS - 1] - 1,
        "descriptors_more": last - settled,
        "most_kept_mib": max(each.kept_mib for each in samples),
    }
    for name in samples[-1].kept_mib_of:
        of_process = [[each.kept_mib_of.get(name, 0.0) for each in days[at]] for at in (_DAYS - 1, -1)]
        figures[f"kept_mib {name}"] = [round(float(np.median(each)), 1) for each in of_process]
    return figures, after <= before * GROWTH and last <= settled


def _counted(daemon: LiveDaemon) -> float:
    """Frames that something became of."""
    metrics = daemon.metrics()
    return sum(value for key, value in metrics.items() if key.split()[0] in _BECAME)


def main() -> int:
    """Run; the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--capture", type=Path, help="a week that was simulated before")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="campuswatch-week-") as name:
        folder = Path(name)
        capture = given.capture or folder / "week.pcap"
        if given.capture is None:
            simulated(capture, _DAYS)
        frames, seconds = about(capture)
        seconds = _WEEK_NS / 1e9 * (_WEEKS - 1) + seconds
        frames *= _WEEKS
        os.environ[paced_worker.CAPTURE] = str(capture)
        os.environ[paced_worker.SPEED] = str(seconds / (given.minutes * 60))
        os.environ[paced_worker.TURNS] = str(_WEEKS)
        os.environ[paced_worker.TURN_NS] = str(_WEEK_NS)
        with live_daemon(ROOT, folder, config=_CONFIG, kind=PacedDaemon) as daemon:
            samples = watched(daemon, given.minutes * 60)
            eventually(lambda: _counted(daemon) >= frames, 600)
            metrics = daemon.metrics()
            counted = _counted(daemon)
            code = daemon.stop()
        found = daemon.found()
    figures, flat = judged_by_day(samples, given.minutes * 60)
    restarts = sum(metrics[f"process_restarts_total {role}"] for role in ("worker", "analysis"))
    figures |= {
        "frames": frames,
        "unaccounted": frames - counted,
        "restarts": restarts,
        "findings": len(found),
    }
    figures["event_days"] = seconds / 86_400
    figures["models"] = sum(
        value for key, value in metrics.items() if key.startswith("model_trainings_total")
    )
    print(json.dumps(figures))
    return 0 if flat and counted == frames and restarts == 0 and code == 0 else 1


if __name__ == "__main__":
    sys.exit(main())
