"""One evaluation: replay the captures, compare with the truth, write figures, table and pictures."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from statistics import median
from typing import Any

import typer

from detectors.rules.judged_quarter import JudgedQuarter
from monitor.config import config_file
from monitor.errors import CUT_OFF, USAGE, WHOLE, CommandEnd, tell, user_errors
from monitor.evaluate import figures, services
from monitor.evaluate.outcome import positive_hours, read_findings, read_windows, residents
from monitor.evaluate.pictures import HOST_HOURS, SERVICE_QUARTERS, PicturesUnavailable, draw
from monitor.evaluate.truth import HOST, SERVICE, Incident, TruthError, load_incidents
from monitor.replay.live import steps
from monitor.replay.progress import progress_of
from monitor.replay.session import Session
from wire.capture.files import open_captures

_STEP_NS = 15_000_000_000
RESULTS, FIGURES = "results", "evaluation.json"
_UNITS = {"host_hours": HOST_HOURS, "quarters": SERVICE_QUARTERS}


def evaluate(
    captures: Sequence[str],
    truth: Path,
    out: Path,
    config_path: Path | None,
    live: bool,
    step_ns: int = _STEP_NS,
) -> int:
    """Evaluate; the exit code. `live`: learn on the schedule as a running sensor does, not from halves.

    step_ns: how often, in event time, a live sensor looks whether minutes are over.
    """
    with user_errors():
        try:
            incidents = load_incidents(truth)
        except TruthError as error:
            raise CommandEnd(USAGE, str(error)) from None
        out.mkdir(parents=True, exist_ok=True)
        carried = _replay(captures, out / RESULTS, config_path, live, step_ns)
        evaluation = _figures(out / RESULTS, incidents, carried, out)
        text = json.dumps(evaluation, ensure_ascii=False, indent=2, allow_nan=False)
        (out / FIGURES).write_text(text + "\n", encoding="utf-8")
        _show(evaluation)
    return WHOLE if carried.complete else CUT_OFF


@dataclass(frozen=True, slots=True)
class _Carried:
    """What a replay tells beside its results: by finding's id, when the event clock told it."""

    complete: bool
    told_ns: dict[str, int]
    quarters: list[JudgedQuarter]


def _replay(
    captures: Sequence[str], folder: Path, config_path: Path | None, live: bool, step_ns: int
) -> _Carried:
    config = config_file.load(config_path)
    told_ns: dict[str, int] = {}
    quarters: list[JudgedQuarter] = []
    seen = 0  # findings that were looked at: an id may come again
    with (
        open_captures(captures) as reader,
        Session(reader, config, folder, pseudonymise=False, learn_live=live) as session,
    ):
        session.detectors.hear_quarters(quarters.append)
        with progress_of(reader) as advance:

            def after_block(clock_ns: int) -> None:
                advance(clock_ns)
                nonlocal seen
                found = session.results.findings
                for finding in found[seen:]:
                    told_ns.setdefault(finding.id, clock_ns)
                seen = len(found)

            # Live, a minute is judged when it is over, not when a block of the file is.
            blocks = chain.from_iterable(steps(each, step_ns) for each in reader) if live else reader
            session.carry(blocks, after_block)
        summary = session.publish()
    for problem in summary["problems"]:
        tell(problem)
    return _Carried(bool(summary["complete"]), told_ns, quarters)


def _figures(folder: Path, incidents: list[Incident], carried: _Carried, out: Path) -> dict[str, Any]:
    of_hosts, of_services = ([each for each in incidents if each.about == about] for about in (HOST, SERVICE))
    windows, findings = read_windows(folder), read_findings(folder, carried.told_ns)
    quarters = services.quarters_of(carried.quarters, of_services)
    found = read_findings(folder, carried.told_ns, SERVICE)
    positive = positive_hours(folder, of_hosts)
    hours = figures.host_hours(windows, positive)
    shown = figures.with_involvement(hours)
    calibration = figures.calibration(windows, positive)
    judged = windows.start_ns[windows.scored] if windows.scored.any() else windows.start_ns
    span = (int(judged.min()), int(judged.max())) if len(judged) else (0, 0)
    late = [each for each in findings if each.end_ns >= span[0]]
    try:
        draw(out, (hours.score, hours.positive), calibration, HOST_HOURS)
        draw(out, (quarters.score, quarters.positive), services.calibration(quarters), SERVICE_QUARTERS)
    except PicturesUnavailable:
        tell("没有 matplotlib，未画图 matplotlib is not installed: no pictures")
    return {
        "schema": 1,
        "windows": {"all": len(windows.start_ns), "scored": int(windows.scored.sum())},
        "ranking": figures.ranking(hours),
        "ranking_with_patterns": figures.ranking(shown),
        "ranking_of_subjects": figures.ranking(figures.of_subjects(shown, of_hosts)),
        "ranking_of_residents": figures.ranking(figures.of_residents(shown, residents(folder))),
        "involvement": figures.involvement(hours),
        "incidents": figures.detection(of_hosts, findings),
        # Who takes part in what befalls a service is strange with reason.
        "false_alerts": figures.false_alerts(incidents, late, *span),
        "calibration": [{"level": level, "share": share} for level, share in calibration],
        "services": services.figures_of_services(quarters, of_services, found),
    }


def _show(evaluation: dict[str, Any]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table("kind", "incidents", "found", "named", "median s to detect")
    of_services = evaluation["services"]
    for incidents in (evaluation["incidents"], of_services["incidents"]):
        by_kind: dict[str, list[dict[str, Any]]] = defaultdict(list)
        for incident in incidents:
            by_kind[incident["kind"]].append(incident)
        for kind, own in sorted(by_kind.items()):
            seconds = [each["seconds_to_detect"] for each in own if each["seconds_to_detect"] is not None]
            found = str(sum(each["found"] for each in own))
            named = "–" if incidents is of_services["incidents"] else str(sum(each["named"] for each in own))
            table.add_row(kind, str(len(own)), found, named, f"{median(seconds):,.0f}" if seconds else "–")
    Console().print(table)
    _show_ranking(evaluation["ranking"], evaluation["false_alerts"], "host_hours", "误报 false alerts")
    if of_services["ranking"]["quarters"]:
        false = of_services["false_findings"]
        _show_ranking(of_services["ranking"], false, "quarters", "服务误报 false findings of services")


def _show_ranking(ranking: dict[str, Any], false: dict[str, Any], unit: str, words: str) -> None:
    typer.echo(
        f"ROC AUC {ranking['roc_auc']}  average precision {ranking['average_precision']}  "
        f"{_UNITS[unit]} {ranking[unit]} ({ranking['positive']} positive)"
    )
    typer.echo(f"{words}: {false['false']} / {false['days']:.2f} d = {false['false_a_day']:.2f} /d")
