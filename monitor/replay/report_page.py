"""`replay --report`: the page of a run."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from detectors.judge import Detectors
from monitor.config.config import Config
from sinks.records.findings import finding_object
from sinks.records.folder import OutputError
from sinks.reports.page import PageContent, page
from sinks.results import Results


def write_report(
    path: Path, detectors: Detectors, results: Results, summary: dict[str, Any], config: Config
) -> None:
    """Write the page; only its owner may look while it holds addresses. Raises ReportError, OutputError."""
    services = detectors.catalogue.services
    education = frozenset(each.id for each in services if each.category == "education")
    findings = sorted(results.findings, key=lambda each: (each.start_ns, each.rule, each.subject.value))
    text = page(
        PageContent(
            summary=summary,
            hours=results.timeline.hours(),
            app_days=[day for day in detectors.app_days() if day.service in education],
            entrances=detectors.entrances(),
            embeddings=results.embeddings,
            findings=[finding_object(each, results.pseudonyms) for each in findings],
            names={each.id: each.name_zh or each.name_en for each in services},
            education=education,
            timezone=config.campus.timezone,
            campus=config.campus.id,
        )
    )
    unfinished = path.with_name(path.name + ".unfinished")
    try:
        unfinished.write_text(text, encoding="utf-8")
        unfinished.chmod(0o644 if results.pseudonyms is not None else 0o600)
        os.replace(unfinished, path)
    except OSError as error:
        raise OutputError(f"cannot write the page to {path}: {error.strerror or error}") from error
