"""One evaluation: replay the captures, compare with the truth, write figures, table and pictures."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Sequence
from itertools import chain
from pathlib import Path
from statistics import median
from typing import Any

import typer

from monitor.config import config_file
from monitor.errors import CUT_OFF, USAGE, WHOLE, CommandEnd, tell, user_errors
from monitor.evaluate import figures
from monitor.evaluate.outcome import positive_hours, read_findings, read_windows, residents
from monitor.evaluate.pictures import PicturesUnavailable, draw
from monitor.evaluate.truth import Incident, TruthError, load_incidents
from monitor.replay.live import steps
from monitor.replay.progress import progress_of
from monitor.replay.session import Session
from wire.capture.files import open_captures

_STEP_NS = 15_000_000_000
RESULTS, FIGURES = "results", "evaluation.json"


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
        complete, told_ns = _replay(captures, out / RESULTS, config_path, live, step_ns)
        evaluation = _figures(out / RESULTS, incidents, told_ns, out)
        text = json.dumps(evaluation, ensure_ascii=False, indent=2, allow_nan=False)
        (out / FIGURES).write_text(text + "\n", encoding="utf-8")
        _show(evaluation)
    return WHOLE if complete else CUT_OFF


def _replay(
    captures: Sequence[str], folder: Path, config_path: Path | None, live: bool, step_ns: int
) -> tuple[bool, dict[str, int]]:
    """Replay into a folder; whether it is whole, and by finding's id when the event clock told it."""
    config = config_file.load(config_path)
    told_ns: dict[str, int] = {}
    seen = 0  # findings that were looked at: an id may come again
    with (
        open_captures(captures) as reader,
        Session(reader, config, folder, pseudonymise=False, learn_live=live) as session,
    ):
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
    return bool(summary["complete"]), told_ns


def _figures(folder: Path, incidents: list[Incident], told_ns: dict[str, int], out: Path) -> dict[str, Any]:
    windows, findings = read_windows(folder), read_findings(folder, told_ns)
    positive = positive_hours(folder, incidents)
    hours = figures.host_hours(windows, positive)
    shown = figures.with_involvement(hours)
    calibration = figures.calibration(windows, positive)
    judged = windows.start_ns[windows.scored] if windows.scored.any() else windows.start_ns
    span = (int(judged.min()), int(judged.max())) if len(judged) else (0, 0)
    late = [each for each in findings if each.end_ns >= span[0]]
    try:
        draw(out, hours, calibration)
    except PicturesUnavailable:
        tell("没有 matplotlib，未画图 matplotlib is not installed: no pictures")
    return {
        "schema": 1,
        "windows": {"all": len(windows.start_ns), "scored": int(windows.scored.sum())},
        "ranking": figures.ranking(hours),
        "ranking_with_patterns": figures.ranking(shown),
        "ranking_of_subjects": figures.ranking(figures.of_subjects(shown, incidents)),
        "ranking_of_residents": figures.ranking(figures.of_residents(shown, residents(folder))),
        "involvement": figures.involvement(hours),
        "incidents": figures.detection(incidents, findings),
        "false_alerts": figures.false_alerts(incidents, late, *span),
        "calibration": [{"level": level, "share": share} for level, share in calibration],
    }


def _show(evaluation: dict[str, Any]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table("kind", "incidents", "found", "named", "median s to detect")
    by_kind: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for incident in evaluation["incidents"]:
        by_kind[incident["kind"]].append(incident)
    for kind, own in sorted(by_kind.items()):
        seconds = [each["seconds_to_detect"] for each in own if each["seconds_to_detect"] is not None]
        found, named = (str(sum(each[name] for each in own)) for name in ("found", "named"))
        table.add_row(kind, str(len(own)), found, named, f"{median(seconds):,.0f}" if seconds else "–")
    Console().print(table)
    ranking, false = evaluation["ranking"], evaluation["false_alerts"]
    typer.echo(
        f"ROC AUC {ranking['roc_auc']}  average precision {ranking['average_precision']}  "
        f"host-hours {ranking['host_hours']} ({ranking['positive']} positive)"
    )
    typer.echo(f"误报 false alerts: {false['false']} / {false['days']:.2f} d = {false['false_a_day']:.2f} /d")
