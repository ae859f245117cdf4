"""What each stage costs: CPU time of its own thread, per packet, as a picture and a table.

The command's own code runs with a clock around each stage; times are thread CPU seconds, so that
other programs on the machine matter little. The share is that of the steady state: what packets
beyond the first capture cost. Set-up and the forest's one fit stand apart.

    python -m tests.bench.stages build/bench/mix-1m.pcap build/bench/mix-4m.pcap --picture docs/stages.png
"""

from __future__ import annotations

import argparse
import json
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt

from detectors.judge import Detectors
from monitor.config import config_file
from monitor.pipeline import pipeline
from monitor.replay.session import Session
from sinks.results import Results
from tests.bench.measure import read_through, truth
from wire.capture.files import CaptureReader, open_captures
from wire.flows.table import FlowTable
from wire.names.quic import QuicReader

#: Stage -> words for the picture. Nested stages are taken out of the one around them.
STAGES = {
    "capture": "reading the file",
    "flows": "decoding, flow table",
    "names": "names: TLS, HTTP, DNS",
    "quic": "names: QUIC decryption",
    "records": "flow records, facts",
    "windows": "classes, windows, patterns",
    "forest": "forest: fit and scores (once)",
    "publish": "closing the files (once)",
}
ONCE = ("forest", "publish")
COLOURS = ("#9aa5b1", "#3d6fb4", "#2a9d8f", "#8ab17d", "#e9c46a", "#f4a261", "#c9ccd1", "#e0e2e5")


class Clocks:
    """CPU seconds by stage; time inside a nested stage counts for the nested one alone."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = defaultdict(float)
        self._inside: dict[int, list[float]] = defaultdict(list)

    def timed(self, stage: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """The function with its clock."""

        def measured(*arguments: Any, **named: Any) -> Any:
            return self._run(stage, lambda: function(*arguments, **named))

        return measured

    def stepped(self, stage: str, function: Callable[..., Iterator[Any]]) -> Callable[..., Iterator[Any]]:
        """The generator function with a clock around each step."""

        def measured(*arguments: Any, **named: Any) -> Iterator[Any]:
            steps = iter(function(*arguments, **named))
            over = object()
            while True:
                step = self._run(stage, lambda: next(steps, over))
                if step is over:
                    return
                yield step

        return measured

    def _run(self, stage: str, work: Callable[[], Any]) -> Any:
        nested = self._inside[threading.get_ident()]
        nested.append(0.0)
        started = time.thread_time()
        try:
            return work()
        finally:
            spent = time.thread_time() - started
            own = spent - nested.pop()
            self.seconds[stage] += own
            if nested:
                nested[-1] += spent


def install(clocks: Clocks) -> Callable[[], None]:
    """Put a clock around each stage; returns what takes them off again."""
    places: list[tuple[Any, str, str, bool]] = [
        (CaptureReader, "__iter__", "capture", True),
        (FlowTable, "advance", "flows", True),
        (FlowTable, "finish", "flows", True),
        (pipeline.WorkerStages, "read", "names", False),
        (QuicReader, "read", "quic", False),
        (pipeline.AnalysisStages, "_keep", "records", False),
        (pipeline.AnalysisStages, "_judge", "windows", False),
        (Detectors, "finish", "forest", False),
        (Results, "publish", "publish", False),
    ]
    originals = [(place, name, getattr(place, name)) for place, name, _, _ in places]
    for place, name, stage, steps in places:
        wrap = clocks.stepped if steps else clocks.timed
        setattr(place, name, wrap(stage, getattr(place, name)))

    def remove() -> None:
        for place, name, original in originals:
            setattr(place, name, original)

    return remove


def measure(capture: Path) -> dict[str, float]:
    """CPU seconds by stage of one replay; `wall` is the real time."""
    read_through(capture)
    clocks = Clocks()
    remove = install(clocks)
    started = time.perf_counter()
    try:
        with tempfile.TemporaryDirectory() as folder, open_captures([str(capture)]) as reader:
            session = Session(reader, config_file.load(None), Path(folder) / "out", pseudonymise=False)
            session.carry(reader, lambda clock_ns: None)
            session.publish()
    finally:
        remove()
    return {**clocks.seconds, "wall": time.perf_counter() - started}


def draw(cost: dict[str, float], path: Path) -> None:
    """One bar: microseconds a packet by stage."""
    figure, axes = plt.subplots(figsize=(9, 1.6))
    left = 0.0
    total = sum(cost[stage] for stage in STAGES if stage not in ONCE)
    for (stage, words), colour in zip(STAGES.items(), COLOURS, strict=True):
        if stage in ONCE:
            continue
        label = f"{words}: {cost[stage]:.3f} µs ({cost[stage] / total:.0%})"
        axes.barh([0], [cost[stage]], left=left, color=colour, label=label)
        left += cost[stage]
    axes.set_yticks([])
    axes.set_xlabel(
        "CPU µs per packet in the steady state (reading and flow table run on a thread of their own)"
    )
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, 1.6), ncol=2, frameon=False, fontsize=8)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    figure.savefig(path, dpi=150, bbox_inches="tight", metadata={"Software": None})


def main() -> None:
    """Measure two captures, draw the difference."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("small", type=Path)
    parser.add_argument("large", type=Path)
    parser.add_argument("--picture", type=Path)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    measure(options.small)  # compiled kernels and pages are in memory from here on
    small, large = measure(options.small), measure(options.large)
    packets = truth(options.large)["packets"] - truth(options.small)["packets"]
    cost = {stage: (large[stage] - small[stage]) / packets * 1e6 for stage in STAGES}
    print("| stage | CPU µs per packet | once, s |\n|---|---|---|")
    for stage, words in STAGES.items():
        once = f"{large[stage]:.2f}" if stage in ONCE else ""
        print(f"| {words} | {cost[stage]:.3f} | {once} |")
    ahead = cost["capture"] + cost["flows"]
    behind = sum(cost[stage] for stage in ("names", "quic", "records", "windows"))
    print(f"\nthread A (capture, flows): {ahead:.3f} µs; thread B: {behind:.3f} µs a packet;")
    print(f"wall: {(large['wall'] - small['wall']) / packets * 1e6:.3f} µs a packet")
    if options.json:
        options.json.write_text(json.dumps({"small": small, "large": large, "cost": cost}, indent=1) + "\n")
    if options.picture:
        draw(cost, options.picture)


if __name__ == "__main__":
    main()
