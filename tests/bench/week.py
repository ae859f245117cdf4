"""A week of a simulated campus of 300 hosts, with incidents and without: what is found, what is told falsely.

    python -m tests.bench.week --seed 701 --out build/week      an ordinary week with incidents
    python -m tests.bench.week --seed 701 --clean               the same campus without any
    python -m tests.bench.week --summary build/week/*/week.json  figures of several runs together

The sensor learns for itself, in event time, as live. Seeds from 700 to 799 are for tuning; 11 to 16
are for the figures in docs/anomaly.md, and nothing is chosen by looking at them. Captures are
deleted after use.
"""

from __future__ import annotations

import argparse
import json
import shutil
import time
from collections import defaultdict
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from detectors.catalogue.catalogue import Catalogue
from detectors.catalogue.settings import CatalogueSettings
from monitor.evaluate.harness import RESULTS, evaluate
from monitor.shipped import shipped
from monitor.simulate.scenario import Scenario
from monitor.simulate.simulate import write_capture
from tests.bench.rivals import rivals

CAPTURE, TRUTH = "week.pcap", "truth.json"
_PHONES, _LAPTOPS, _ROOMS, _SERVERS = 200, 80, 16, 4
#: The first model is a day old and an hour; incidents come after.
_FROM_HOURS = 30.0

#: kind, what makes it loud or quiet, and the name of that form.
INCIDENTS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("fast", {"kind": "scan-horizontal", "targets_per_minute": 60, "minutes": 10}),
    ("1 host/min", {"kind": "scan-horizontal", "targets_per_minute": 1, "minutes": 480}),
    ("fast", {"kind": "scan-vertical", "ports_per_minute": 120, "minutes": 5}),
    ("1 port/min", {"kind": "scan-vertical", "ports_per_minute": 1, "minutes": 480}),
    ("icmp", {"kind": "address-sweep", "targets_per_minute": 60, "minutes": 10}),
    ("arp", {"kind": "address-sweep", "targets_per_minute": 60, "minutes": 10, "protocol": "arp"}),
    ("ssh 20/min", {"kind": "brute-force", "tries_per_minute": 20, "minutes": 10}),
    ("ssh 1/min", {"kind": "brute-force", "tries_per_minute": 1, "minutes": 300}),
    ("web 30/min", {"kind": "brute-force", "tries_per_minute": 30, "minutes": 10, "service": "web"}),
    ("syn 200/s", {"kind": "flood", "packets_per_second": 200, "minutes": 2}),
    ("udp 2000/s", {"kind": "flood", "packets_per_second": 2000, "minutes": 2, "protocol": "udp"}),
    ("icmp 200/s", {"kind": "flood", "packets_per_second": 200, "minutes": 2, "protocol": "icmp"}),
    ("10 min ±30%", {"kind": "beacon", "every_seconds": 600, "jitter": 0.3, "minutes": 1440}),
    ("1 min ±10%", {"kind": "beacon", "every_seconds": 60, "jitter": 0.1, "minutes": 240}),
    ("1/s", {"kind": "dns-tunnel", "queries_per_second": 1, "minutes": 30}),
    ("2/s", {"kind": "icmp-tunnel", "packets_per_second": 2, "minutes": 20}),
    ("30/min", {"kind": "dga", "names_per_minute": 30, "minutes": 20}),
    ("50 MB a night", {"kind": "exfiltration", "megabytes": 50, "minutes": 420, "connections": 20}),
    ("500 MB", {"kind": "exfiltration", "megabytes": 500, "minutes": 10, "connections": 4}),
    ("10 targets", {"kind": "lateral-movement", "targets": 10, "minutes": 30}),
    ("clear", {"kind": "mining", "minutes": 240}),
    ("TLS", {"kind": "mining", "minutes": 240, "encrypted": True}),
    ("60/min", {"kind": "worm", "targets_per_minute": 60, "minutes": 10, "victims": 3}),
)  # fmt: skip


def scenario(seed: int, days: float, scale: float, clean: bool) -> Scenario:
    """The campus of a seed. Its habits are the same with incidents and without."""
    draw = np.random.default_rng([seed, 4711])
    phones, laptops = int(_PHONES * scale), int(_LAPTOPS * scale)
    hosts = draw.permutation(phones + laptops)[: len(INCIDENTS)].tolist()
    latest = days * 24 - 26  # so that the longest ends within the week
    incidents = []
    for host, (_, told) in zip(hosts, INCIDENTS, strict=True):
        start = float(draw.uniform(_FROM_HOURS, max(latest, _FROM_HOURS + 1)))
        if told["kind"] == "exfiltration" and told["minutes"] > 60:
            start = float(np.ceil(start / 24) * 24 + 0.5)  # at night
        incidents.append({**told, "host": host, "start_hours": round(start, 3)})
    apps = [
        ("chaoxing-xuexitong", 0.6, 3, ["umeng", "jpush"]),
        ("smart-education-of-china", 0.4, 2, []),
        ("icourse163", 0.3, 1.5, ["sensors-data"]),
        ("dingtalk", 0.5, 4, ["alibaba-ut"]),
    ]
    return Scenario.model_validate(
        {
            "schema": 1,
            "seed": seed,
            "hours": days * 24,
            "devices": {
                "phones": phones, "laptops": laptops, "servers": _SERVERS,
                "dormitory": {"rooms": int(_ROOMS * scale), "devices_each": 4},
            },
            "apps": [
                {"service": name, "users": users, "sessions_per_day": often, "kilobytes": 120,
                 "embeds": dict.fromkeys(embeds, 0.5)}
                for name, users, often, embeds in apps
            ],
            "background": {"trackers": {"umeng": 8, "baidu-tongji": 4}, "updates_per_day": 0.3,
                           "failures_per_day": 4},
            "browsing": {"pages_per_day": 30, "sites": 200},
            "incidents": [] if clean else incidents,
        }
    )  # fmt: skip


def simulate(seed: int, out: Path, days: float, scale: float, clean: bool) -> int:
    """Write the capture and the truth into `out`; how many packets. Done once: what lies there is taken."""
    out.mkdir(parents=True, exist_ok=True)
    made = out / "made.json"
    if not (made.exists() and (out / CAPTURE).exists()):
        catalogue = Catalogue.of(CatalogueSettings((shipped("configs/catalogue"),)))
        told, packets = write_capture(scenario(seed, days, scale, clean), catalogue, out / CAPTURE)
        (out / TRUTH).write_text(json.dumps(told), encoding="utf-8")
        made.write_text(json.dumps(packets), encoding="utf-8")
    return int(json.loads(made.read_text(encoding="utf-8")))


def run(
    seed: int, out: Path, days: float, scale: float, clean: bool, keep: bool, compare: bool
) -> dict[str, Any]:
    """Simulate, evaluate, compare; the figures, which also lie in `out`/week.json."""
    began = time.monotonic()
    packets = simulate(seed, out, days, scale, clean)
    capture, truth = out / CAPTURE, out / TRUTH
    made = time.monotonic()
    size = capture.stat().st_size >> 20
    print(f"seed {seed}: {packets:,} packets, {size} MiB, {made - began:.0f} s", flush=True)
    try:
        evaluate([str(capture)], truth, out, None, live=True, step_ns=60_000_000_000)
    finally:
        if not keep:
            capture.unlink()
    figures = json.loads((out / "evaluation.json").read_text(encoding="utf-8"))
    replayed = time.monotonic()
    week: dict[str, Any] = {
        "seed": seed, "clean": clean, "days": days, "scale": scale, "packets": packets,
        "seconds": {"simulate": round(made - began), "evaluate": round(replayed - made)},
        "evaluation": figures,
        "incidents": _by_form(figures["incidents"]),
        "rivals": rivals(out / RESULTS, truth, 1.0) if compare and not clean else {},
    }  # fmt: skip
    (out / "week.json").write_text(json.dumps(week, indent=1, ensure_ascii=False), encoding="utf-8")
    if not keep:
        shutil.rmtree(out / RESULTS)
    return week


def _by_form(incidents: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """One entry a form: found when any host that took part was."""
    forms: dict[int, list[dict[str, Any]]] = defaultdict(list)
    for each in incidents:
        forms[int(each["id"].removeprefix(each["kind"]).split("-")[1])].append(each)
    entries = []
    for number, own in sorted(forms.items()):
        form, told = INCIDENTS[number - 1]
        seconds = [each["seconds_to_detect"] for each in own if each["seconds_to_detect"] is not None]
        entries.append(
            {
                "kind": told["kind"],
                "form": form,
                "found": any(each["found"] for each in own),
                "named": any(each["named"] for each in own),
                "seconds": min(seconds) if seconds else None,
            }
        )
    return entries


def summarise(weeks: list[dict[str, Any]]) -> None:
    """Print the figures of runs together."""
    by_form: dict[tuple[str, str], list[dict[str, Any]]] = defaultdict(list)
    for week in weeks:
        for each in week["incidents"]:
            by_form[each["kind"], each["form"]].append(each)
    print("| kind | form | found | named | median time to detect |\n|---|---|---|---|---|")
    for (kind, form), own in sorted(by_form.items()):
        seconds = [each["seconds"] for each in own if each["seconds"] is not None]
        found, named = (sum(each[what] for each in own) for what in ("found", "named"))
        when = f"{median(seconds) / 60:,.1f} min" if seconds else "–"
        print(f"| `{kind}` | {form} | {found}/{len(own)} | {named}/{len(own)} | {when} |")
    for week in weeks:
        evaluation = week["evaluation"]
        ranking, false = evaluation["ranking_with_patterns"], evaluation["false_alerts"]
        doers, forest = evaluation["ranking_of_subjects"], evaluation["ranking"]
        living, told = evaluation["ranking_of_residents"], evaluation["involvement"]
        print(
            f"seed {week['seed']}{' clean' if week['clean'] else ''}: "
            f"AUC {ranking['roc_auc']} AP {ranking['average_precision']} "
            f"(who did it: {doers['roc_auc']} {doers['average_precision']}; "
            f"hosts that live: {living['roc_auc']} {living['average_precision']}; "
            f"forest alone: {forest['roc_auc']} {forest['average_precision']}) "
            f"host-hours {ranking['host_hours']} ({ranking['positive']}); told {told}; "
            f"false {false['false']} in "
            f"{false['days']:.2f} d = {false['false_a_day']:.2f}/d; {week['seconds']}"
        )
        for name, rival in week["rivals"].items():
            print(f"  {name}: {json.dumps(rival)}")


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=701)
    parser.add_argument("--out", type=Path, default=Path("build/week"))
    parser.add_argument("--days", type=float, default=7)
    parser.add_argument("--scale", type=float, default=1.0, help="share of the 300 hosts")
    parser.add_argument("--clean", action="store_true")
    parser.add_argument("--simulate-only", action="store_true", help="leave the capture for a later run")
    parser.add_argument("--keep", action="store_true", help="keep capture and results")
    parser.add_argument("--compare", action="store_true", help="other methods, too")
    parser.add_argument("--summary", type=Path, nargs="+")
    asked = parser.parse_args()
    if asked.summary:
        summarise([json.loads(path.read_text(encoding="utf-8")) for path in asked.summary])
        return
    out = asked.out / f"{asked.seed}{'-clean' if asked.clean else ''}"
    if asked.simulate_only:
        print(f"{out}: {simulate(asked.seed, out, asked.days, asked.scale, asked.clean):,} packets")
        return
    summarise([run(asked.seed, out, asked.days, asked.scale, asked.clean, asked.keep, asked.compare)])


if __name__ == "__main__":
    main()
