"""How cost grows: time from 0.1 to 10 million packets, memory from 10 thousand to 1 million open flows.

Time: the whole `replay`, each size several times; what further packets cost against the size before.
Memory: a capture whose flows are all open at its end; resident memory is read there, before they are
written, and at the highest point. Bytes a flow = (memory at N - memory at the least N) / further flows.

    python -m tests.bench.growth --captures build/bench --out build/bench
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from itertools import pairwise
from pathlib import Path
from statistics import median

from tests.bench.measure import ROOT, read_through, run_once, tools, truth

PACKETS = (100_000, 300_000, 1_000_000, 3_000_000, 10_000_000)
OPEN_FLOWS = (10_000, 100_000, 300_000, 1_000_000)
#: One configuration for all: the table has room for all of them.
CONFIG = "flows:\n  max_flows: 1200000\n"


def ensure(folder: Path, kind: str, count: int) -> Path:
    """The capture of that size, made where it is missing. kind: packets | concurrent."""
    path = folder / f"{kind}-{count}.pcap"
    if not path.with_suffix(".pcap.json").exists():
        command = [sys.executable, "-m", "tests.bench.campus_mix", str(path), f"--{kind}", str(count)]
        subprocess.run(command, check=True, cwd=ROOT)
    return path


def time_growth(folder: Path, sizes: Iterable[int], rounds: int, cores: str) -> list[dict[str, float]]:
    """Seconds by size, and microseconds for each packet beyond the size before."""
    (tool,) = tools(None, ["campuswatch"])
    rows: list[dict[str, float]] = []
    for size in sizes:
        capture = ensure(folder, "packets", size)
        runs = []
        for _ in range(rounds):
            read_through(capture)
            runs.append(run_once(tool, capture, cores))
        rows.append(
            {
                "packets": size,
                "flows": truth(capture)["flows"],
                "seconds": median(run.seconds for run in runs),
                "cpu_seconds": median(run.cpu_seconds for run in runs),
                "anonymous_mib": median(run.anonymous_kib for run in runs) / 1024,
            }
        )
        print(rows[-1], flush=True)
    for before, row in pairwise(rows):
        further = row["packets"] - before["packets"]
        row["us_per_further_packet"] = (row["seconds"] - before["seconds"]) / further * 1e6
        row["cpu_us_per_further_packet"] = (row["cpu_seconds"] - before["cpu_seconds"]) / further * 1e6
    return rows


def memory_growth(folder: Path, sizes: Iterable[int], cores: str) -> list[dict[str, float]]:
    """Memory by the number of flows open at once, and bytes for each flow beyond the least number."""
    rows: list[dict[str, float]] = []
    for size in sizes:
        capture = ensure(folder, "concurrent", size)
        command = [
            "taskset",
            "-c",
            cores,
            sys.executable,
            "-m",
            "tests.bench.growth",
            "--probe",
            str(capture),
        ]
        done = subprocess.run(command, check=True, cwd=ROOT, capture_output=True, text=True)
        rows.append(json.loads(done.stdout.splitlines()[-1]))
        print(rows[-1], flush=True)
    least = rows[0]
    for row in rows[1:]:
        further = row["open_flows"] - least["open_flows"]
        row["bytes_per_open_flow"] = (row["open_kib"] - least["open_kib"]) * 1024 / further
        row["bytes_per_flow_at_peak"] = (row["peak_kib"] - least["peak_kib"]) * 1024 / further
    return rows


def _anonymous_kib() -> int:
    """Anonymous resident memory of this process: without pages of the mapped capture."""
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith("RssAnon:"):
            return int(line.split()[1])
    raise RuntimeError("this kernel does not tell RssAnon")


def probe(capture: Path) -> dict[str, float]:
    """One replay in this process: memory when the last packet is read, and the highest."""
    from monitor.config import config_file
    from monitor.replay.session import Session
    from wire.capture.files import open_captures
    from wire.capture.frames import FrameBlock

    seen = {"open_flows": 0, "open_kib": 0, "peak_kib": 0}

    def note(_: int) -> None:
        seen["peak_kib"] = max(seen["peak_kib"], _anonymous_kib())

    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder) / "config.yaml"
        config.write_text(CONFIG, encoding="utf-8")
        with open_captures([str(capture)]) as reader:
            session = Session(reader, config_file.load(config), Path(folder) / "out", pseudonymise=False)

            def frames() -> Iterator[FrameBlock]:
                yield from reader
                seen["open_flows"] = session.stages.table.active_flows
                seen["open_kib"] = _anonymous_kib()

            session.carry(frames(), note)
            note(0)
            summary = session.publish()
            note(0)
    evicted = summary["shed"]["flows_evicted"]
    return {**seen, "flows": summary["flows"], "evicted": evicted, "seconds": summary["seconds"]}


def _tables(packets: list[dict[str, float]], flows: list[dict[str, float]]) -> str:
    lines = [
        "| packets | flows | seconds | µs per further packet | CPU µs | anonymous MiB |",
        "|---|---|---|---|---|---|",
    ]
    for row in packets:
        further, cpu = row.get("us_per_further_packet"), row.get("cpu_us_per_further_packet")
        lines.append(
            f"| {row['packets']:,} | {row['flows']:,} | {row['seconds']:.2f} "
            f"| {'–' if further is None else f'{further:.2f}'} | {'–' if cpu is None else f'{cpu:.2f}'} "
            f"| {row['anonymous_mib']:,.0f} |"
        )
    lines += [
        "",
        "| open flows | MiB, all open | bytes a flow | MiB at the peak | bytes a flow |",
        "|---|---|---|---|---|",
    ]
    for row in flows:
        held, most = row.get("bytes_per_open_flow"), row.get("bytes_per_flow_at_peak")
        lines.append(
            f"| {row['open_flows']:,} | {row['open_kib'] / 1024:,.0f} "
            f"| {'–' if held is None else f'{held:.0f}'} "
            f"| {row['peak_kib'] / 1024:,.0f} | {'–' if most is None else f'{most:.0f}'} |"
        )
    return "\n".join(lines)


def main() -> None:
    """Measure both, print the tables, write growth.json and growth.md."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--captures", type=Path, default=ROOT / "build" / "bench")
    parser.add_argument("--out", type=Path, default=ROOT / "build" / "bench")
    parser.add_argument("--packets", nargs="*", type=int, default=PACKETS)
    parser.add_argument("--flows", nargs="*", type=int, default=OPEN_FLOWS)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--cores", default=f"0-{min((os.cpu_count() or 1), 2) - 1}")
    parser.add_argument("--probe", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.probe is not None:
        print(json.dumps(probe(options.probe)))
        return
    packets = time_growth(options.captures, options.packets, options.rounds, options.cores)
    flows = memory_growth(options.captures, options.flows, options.cores)
    text = _tables(packets, flows)
    print(text)
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "growth.json").write_text(
        json.dumps({"packets": packets, "flows": flows}, indent=1) + "\n"
    )
    (options.out / "growth.md").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
