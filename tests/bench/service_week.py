"""Six days of a simulated campus in which things befall apps: what is found of services, and what falsely.

    python -m tests.bench.service_week --seed 713 --out build/services    with incidents
    python -m tests.bench.service_week --seed 713 --clean                 the same campus without any
    python -m tests.bench.service_week --summary build/services/*/services.json

Seeds from 700 to 799 are for tuning; 21 to 23 are for the figures in docs/anomaly.md, and nothing is
chosen by looking at them. Captures are deleted after use.
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
from monitor.evaluate.harness import FIGURES, RESULTS, evaluate
from monitor.shipped import shipped
from monitor.simulate.scenario import Scenario
from monitor.simulate.simulate import write_capture

_DAYS, _PHONES, _LAPTOPS = 6, 80, 40
#: Service, share of the devices that have it, sessions a device and day.
_APPS = (
    ("chaoxing-xuexitong", 0.6, 3.0),
    ("smart-education-of-china", 0.4, 2.0),
    ("icourse163", 0.3, 1.5),
    ("xuetangx", 0.25, 1.5),
    ("zuoyebang", 0.5, 4.0),
    ("yuanfudao", 0.4, 2.0),
    ("youdao", 0.3, 5.0),
    ("zhihuishu", 0.2, 1.0),
)
#: What may happen to an app, and the name of that form; a surge's devices and opens are drawn.
_FORMS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("rush of 25-60 devices", {"kind": "surge", "minutes": 12}),
    ("one device, 30-80 opens", {"kind": "surge", "minutes": 15, "session_minutes": 0.5}),
    ("ten devices at night", {"kind": "surge", "minutes": 15, "devices": 10}),
    ("all fail", {"kind": "outage", "minutes": 30, "failures": 1.0}),
    ("40% fail", {"kind": "outage", "minutes": 30, "failures": 0.4}),
    ("15% fail", {"kind": "outage", "minutes": 30, "failures": 0.15}),
    ("100 MB up", {"kind": "upload", "minutes": 10, "megabytes": 100}),
    ("3 MB up", {"kind": "upload", "minutes": 10, "megabytes": 3}),
)
_RUSH, _ONE, _NIGHT = 0, 1, 2
#: From the fourth day on one thing a day happens to each app: what is not found joins the ranks of usual
#: windows, so that many incidents hide one another.
_FROM_DAY = 3


def scenario(seed: int, clean: bool) -> Scenario:
    """The campus of a seed; the same with incidents and without."""
    draw = np.random.default_rng([seed, 815])
    days = range(_FROM_DAY, _DAYS)
    order = draw.permutation(len(_FORMS))
    apps = []
    for place, (service, users, often) in enumerate(_APPS):
        # Each form comes once a day, each time to another app.
        forms = [int(order[(place + day) % len(_FORMS)]) for day in days]
        happens = [_incident(form, day, draw) for form, day in zip(forms, days, strict=True)]
        apps.append(
            {"service": service, "users": users, "sessions_per_day": often, "kilobytes": 120,
             "incidents": [] if clean else happens}
        )  # fmt: skip
    return Scenario.model_validate(
        {
            "schema": 1,
            "seed": seed,
            "hours": _DAYS * 24,
            "devices": {"phones": _PHONES, "laptops": _LAPTOPS, "servers": 0},
            "apps": apps,
            "background": {"push": [], "updates_per_day": 0, "failures_per_day": 1},
            "browsing": {"pages_per_day": 4},
        }
    )


def _incident(form: int, day: int, draw: np.random.Generator) -> dict[str, Any]:
    """A form at a moment of a day: by day from 9 to 21, or at night from 2 to 4."""
    hour = float(draw.uniform(2, 4) if form == _NIGHT else draw.uniform(9, 21))
    rush, opens = int(draw.integers(25, 61)), int(draw.integers(30, 81))
    drawn = {_RUSH: {"devices": rush}, _ONE: {"devices": 1, "opens_each": opens}}.get(form, {})
    return {**_FORMS[form][1], **drawn, "start_hours": round(day * 24 + hour, 3)}


def run(seed: int, out: Path, clean: bool) -> dict[str, Any]:
    """Simulate and evaluate; the figures, which also lie in `out`/services.json."""
    began = time.monotonic()
    out.mkdir(parents=True, exist_ok=True)
    capture, truth = out / "week.pcap", out / "truth.json"
    catalogue = Catalogue.of(CatalogueSettings((shipped("configs/catalogue"),)))
    campus = scenario(seed, clean)
    told, packets = write_capture(campus, catalogue, capture)
    truth.write_text(json.dumps(told), encoding="utf-8")
    made = time.monotonic()
    try:
        evaluate([str(capture)], truth, out, None, live=True, step_ns=60_000_000_000)
    finally:
        capture.unlink()
    figures = json.loads((out / FIGURES).read_text(encoding="utf-8"))["services"]
    for each in figures["incidents"]:
        each["form"] = _form(campus, each)
    week = {
        "seed": seed, "clean": clean, "packets": packets,
        "seconds": {"simulate": round(made - began), "evaluate": round(time.monotonic() - made)},
        "services": figures,
    }  # fmt: skip
    (out / "services.json").write_text(json.dumps(week, indent=1, ensure_ascii=False), encoding="utf-8")
    shutil.rmtree(out / RESULTS)
    return week


def _form(campus: Scenario, entry: dict[str, Any]) -> str:
    """The name of the form that an incident of the evaluation has."""
    (app,) = (each for each in campus.apps if each.service == entry["subject"])
    told = app.incidents[int(entry["id"].rsplit("-", 1)[1]) - 1].model_dump()
    return next(name for name, form in _FORMS if form.items() <= told.items())


def summarise(weeks: list[dict[str, Any]]) -> None:
    """Print the figures of runs together."""
    by_form: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for week in weeks:
        for each in week["services"]["incidents"]:
            by_form[each["form"]].append(each)
    print("| form | found | median minutes |\n|---|---|---|")
    for form, _ in _FORMS:
        own = by_form[form]
        seconds = [each["seconds_to_detect"] for each in own if each["found"]]
        when = f"{median(seconds) / 60:.0f}" if seconds else "–"
        print(f"| {form} | {len(seconds)} of {len(own)} | {when} |")
    for week in weeks:
        services = week["services"]
        ranking, false = services["ranking"], services["false_findings"]
        shares = {each["level"]: each["share"] for each in services["calibration"]}
        print(
            f"seed {week['seed']}{' clean' if week['clean'] else ''}: {week['packets']:,} packets, "
            f"{ranking['quarters']} quarters ({ranking['positive']} positive), AUC {ranking['roc_auc']} "
            f"AP {ranking['average_precision']}; false {false['false']} in {false['days']:.1f} d = "
            f"{false['false_a_day']:.2f}/d; usual at p <= 0.001, 0.01, 0.1: "
            f"{[shares.get(level) for level in (0.001, 0.01, 0.1)]}; {week['seconds']}"
        )


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=713)
    parser.add_argument("--out", type=Path, default=Path("build/services"))
    parser.add_argument("--clean", action="store_true")
    parser.add_argument("--summary", type=Path, nargs="+")
    asked = parser.parse_args()
    if asked.summary:
        summarise([json.loads(path.read_text(encoding="utf-8")) for path in asked.summary])
        return
    out = asked.out / f"{asked.seed}{'-clean' if asked.clean else ''}"
    summarise([run(asked.seed, out, asked.clean)])


if __name__ == "__main__":
    main()
