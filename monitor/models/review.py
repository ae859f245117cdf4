"""`campuswatch model feedback`: verdicts on findings, given, listed and taken back."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import typer

from detectors import feedback
from detectors.feedback import FALSE_POSITIVE, FeedbackError, Review
from detectors.findings import rfc3339
from monitor import places
from monitor.config import config_file
from monitor.errors import USAGE, WHOLE, CommandEnd
from monitor.evaluate.truth import time_ns
from monitor.models.feedback import feedback_file, kept_hits

_DAY_NS = 86_400_000_000_000
_DAYS = 30.0
_MOST_DAYS = 366.0


def give(
    finding_id: str,
    verdict: str,
    until: str | None,
    days: float | None,
    reason: str,
    findings: Path | None,
    config_path: Path | None,
) -> int:
    """Append a verdict on a finding, which is looked up by its id or the first digits of it."""
    config = config_file.load(config_path)
    told = _finding(findings or places.state_directory(config.state) / places.FINDINGS, finding_id)
    start_ns, end_ns = time_ns(told["start"]), time_ns(told["end"])
    until_ns = _until(until, days, end_ns)
    review = feedback.review_of(told, verdict, start_ns, end_ns, until_ns, _now(), reason)
    review = feedback.add(feedback_file(config), review)
    typer.echo(f"{review.id}: {verdict} {', '.join(review.signs)}; 有效至 until {rfc3339(review.until_ns)}")
    return WHOLE


def revert(review_id: str, reason: str, config_path: Path | None) -> int:
    """Take a verdict back."""
    review = feedback.revert(feedback_file(config_file.load(config_path)), review_id, reason, _now())
    typer.echo(f"{review.id}: 已撤回 taken back")
    return WHOLE


def show(config_path: Path | None, as_json: bool) -> int:
    """All verdicts, those taken back included, with their hits."""
    config = config_file.load(config_path)
    told, hits = feedback.read(feedback_file(config)), kept_hits(config)
    entries = [
        {**_entry(each), "hits": hits.get(each.id, 0), "reverted": told.reverted.get(each.id)}
        for each in told.all
    ]
    if as_json:
        typer.echo(json.dumps(entries, ensure_ascii=False, indent=2))
        return WHOLE
    from rich.console import Console
    from rich.table import Table

    table = Table("id", "verdict", "signs", "until", "hits", "reason", "reverted")
    for each in entries:
        back = each["reverted"]["given"] if each["reverted"] else ""
        table.add_row(
            each["id"], each["verdict"], " ".join(each["signs"]), each["until"], str(each["hits"]),
            each["reason"], back,
        )  # fmt: skip
    Console().print(table)
    return WHOLE


def _entry(review: Review) -> dict[str, Any]:
    return {
        "id": review.id,
        "finding": review.finding,
        "rule": review.rule,
        "verdict": review.verdict,
        "signs": list(review.signs),
        "start": rfc3339(review.start_ns),
        "end": rfc3339(review.end_ns),
        "until": rfc3339(review.until_ns) if review.verdict == FALSE_POSITIVE else "",
        "given": review.given,
        "reason": review.reason,
    }


def _finding(path: Path, wanted: str) -> dict[str, Any]:
    """The last line of the finding. Raises CommandEnd where none or several begin so."""
    path = path / places.FINDINGS if path.is_dir() else path
    found: dict[str, dict[str, Any]] = {}
    try:
        with path.open(encoding="utf-8") as lines:
            for line in lines:
                if wanted in line:
                    told = json.loads(line)
                    if told["id"].startswith(wanted):
                        found[told["id"]] = told
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CommandEnd(USAGE, f"{path}: cannot be read: {error}") from None
    if len(found) != 1:
        raise CommandEnd(USAGE, f"{path}: {len(found) or 'no'} findings begin with {wanted}")
    return found.popitem()[1]


def _until(until: str | None, days: float | None, end_ns: int) -> int:
    """When a verdict ends: nothing is lowered for good."""
    if until is None:
        days = _DAYS if days is None else days
        if not 0 < days <= _MOST_DAYS:
            raise FeedbackError(f"--days {days:g}: more than 0, at most {_MOST_DAYS:g}")
        return end_ns + int(days * _DAY_NS)
    if days is not None:
        raise FeedbackError("either --until or --days")
    try:
        until_ns = time_ns(until if "T" in until else f"{until}T00:00:00Z")
    except ValueError as error:
        raise FeedbackError(f"--until: {error}") from None
    if not end_ns < until_ns <= end_ns + int(_MOST_DAYS * _DAY_NS):
        raise FeedbackError(f"--until {until}: after the finding, within {_MOST_DAYS:g} days of it")
    return until_ns


def _now() -> str:
    # A person's act, not an event of the traffic: the wall clock dates it.
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
