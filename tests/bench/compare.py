"""campuswatch against nfstream, ndpiReader, argus and a dpkt loop: one run, same cores, same captures.

Start-up is told apart by the difference of captures: the steady rate is what a further million
(1M to 2M) and two further million packets (2M to 4M) cost. Runs are interleaved (A B A B), so that
a busy minute of the machine hurts all alike; medians count. Each capture is read through
before each run, so that every tool finds it in the page cache.

    python -m venv build/nfstream && build/nfstream/bin/pip install nfstream
    python -m tests.bench.compare --nfstream build/nfstream/bin/python --out build/bench
    python -m tests.bench.compare --tools campuswatch --earlier CHECKOUT --millions 1 4 --rounds 9

The second compares with another checkout of campuswatch, in turn: figures of two days don't compare.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import subprocess
import sys
from pathlib import Path
from statistics import median
from typing import Any

from tests.bench.measure import EARLIER, ROOT, Run, Tool, earlier_tree, read_through, run_once, tools, truth

ALL = ["campuswatch", "nfstream", "ndpiReader", "argus", "argus+ra", "dpkt loop"]
AIMS = {"nfstream": 15.0, "ndpiReader": 5.0, "argus": 2.0, EARLIER: 0.9}


def ensure_captures(folder: Path, millions: list[int]) -> dict[int, Path]:
    """The captures, made where they are missing."""
    captures = {}
    for million in millions:
        path = folder / f"mix-{million}m.pcap"
        if not path.with_suffix(".pcap.json").exists():
            command = [
                sys.executable,
                "-m",
                "tests.bench.campus_mix",
                str(path),
                "--packets",
                str(million * 1_000_000),
            ]
            subprocess.run(command, check=True, cwd=ROOT)
        captures[million] = path
    return captures


def _steady(runs: dict[int, list[Run]], captures: dict[int, Path]) -> dict[str, float]:
    """Medians, and rates between the captures' sizes."""
    seconds = {size: median(run.seconds for run in found) for size, found in runs.items()}
    cpu = {size: median(run.cpu_seconds for run in found) for size, found in runs.items()}
    sizes = sorted(seconds)
    row: dict[str, float] = {f"seconds_{size}m": seconds[size] for size in sizes}
    row |= {f"cpu_seconds_{size}m": cpu[size] for size in sizes}
    for small, large in itertools.pairwise(sizes):
        spent = max(seconds[large] - seconds[small], 1e-9)
        a, b = truth(captures[small]), truth(captures[large])
        row[f"steady_pps_{small}m_{large}m"] = (b["packets"] - a["packets"]) / spent
    small, large = sizes[0], sizes[-1]
    spent = max(seconds[large] - seconds[small], 1e-9)
    a, b = truth(captures[small]), truth(captures[large])
    packets = b["packets"] - a["packets"]
    row["steady_pps"] = packets / spent
    row["steady_gbit_s"] = (b["wire_bytes"] - a["wire_bytes"]) * 8 / spent / 1e9
    row["steady_flows_s"] = (b["flows"] - a["flows"]) / spent
    row["cpu_us_per_packet"] = (cpu[large] - cpu[small]) / packets * 1e6
    row["start_seconds"] = seconds[small] - spent / packets * a["packets"]
    last = runs[large]
    row["peak_mib"] = median(run.peak_kib for run in last) / 1024
    row["anonymous_mib"] = median(run.anonymous_kib for run in last) / 1024
    row["flows"], row["named"] = last[-1].flows, last[-1].named
    row["flows_true"] = b["flows"]
    row["named_true"] = sum(b[key] for key in ("tls_sni", "quic_sni", "http_host", "dns_query"))
    return row


def _table(rows: dict[str, dict[str, float]]) -> str:
    head = "| tool | packets/s | Gbit/s | flows/s | CPU µs/packet | start s | peak MiB (anonymous) "
    head += "| flows found | named |\n|---|---|---|---|---|---|---|---|---|\n"
    lines = [
        f"| {name} | {row['steady_pps']:,.0f} | {row['steady_gbit_s']:.2f} "
        f"| {row['steady_flows_s']:,.0f} "
        f"| {row['cpu_us_per_packet']:.2f} | {row['start_seconds']:.1f} "
        f"| {row['peak_mib']:,.0f} ({row['anonymous_mib']:,.0f}) "
        f"| {row['flows']:,.0f} | {row['named']:,.0f} |\n"
        for name, row in rows.items()
    ]
    return head + "".join(lines)


def _ratios(rows: dict[str, dict[str, float]]) -> dict[str, float]:
    if "campuswatch" not in rows:
        return {}
    own = rows["campuswatch"]["steady_pps"]
    return {name: own / row["steady_pps"] for name, row in rows.items() if name != "campuswatch"}


def main() -> None:
    """Measure, print the table, write compare.json and compare.md."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--captures", type=Path, default=ROOT / "build" / "bench")
    parser.add_argument("--out", type=Path, default=ROOT / "build" / "bench")
    parser.add_argument("--nfstream", type=Path, help="a Python that has nfstream")
    parser.add_argument("--earlier", type=Path, metavar="CHECKOUT", help="another tree of campuswatch")
    parser.add_argument("--tools", nargs="+", default=ALL, choices=ALL)
    parser.add_argument("--millions", nargs="+", type=int, default=[1, 2, 4])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--cores", default=f"0-{min((os.cpu_count() or 1), 2) - 1}")
    options = parser.parse_args()
    captures = ensure_captures(options.captures, options.millions)
    chosen: list[Tool] = tools(options.nfstream, options.tools)
    if options.earlier is not None:
        chosen.append(earlier_tree(options.earlier))
    runs: dict[str, dict[int, list[Run]]] = {tool.name: {size: [] for size in captures} for tool in chosen}
    for tool in chosen:
        if tool.name in ("campuswatch", EARLIER):  # kernels are compiled once, at install (campuswatch warm)
            run_once(tool, next(iter(captures.values())), options.cores)
    for turn in range(options.rounds):
        for size, capture in captures.items():
            for tool in chosen if turn % 2 else reversed(chosen):
                read_through(capture)
                run = run_once(tool, capture, options.cores)
                runs[tool.name][size].append(run)
                print(f"{tool.name} {size}M: {run.seconds:.2f} s, {run.cpu_seconds:.2f} CPU s", flush=True)
    rows = {name: _steady(found, captures) for name, found in runs.items()}
    ratios = _ratios(rows)
    text = _table(rows)
    for name, ratio in ratios.items():
        aim = f" (aim {AIMS[name]:g})" if name in AIMS else ""
        whole = ", ".join(
            f"{rows[name][f'seconds_{size}m'] / rows['campuswatch'][f'seconds_{size}m']:.2f}"
            for size in captures
        )
        text += f"\ncampuswatch / {name}: {ratio:.2f}{aim}; of whole captures {whole}"
    print(text)
    result: dict[str, Any] = {
        "cores": options.cores, "rounds": options.rounds, "rows": rows, "ratios": ratios,
        "runs": {
            name: {size: [[run.seconds, run.cpu_seconds] for run in found] for size, found in by.items()}
            for name, by in runs.items()
        },
    }  # fmt: skip
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "compare.json").write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    (options.out / "compare.md").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
