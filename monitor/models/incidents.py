"""`campuswatch model incidents`: what happened in captures, as windows on which models are tried."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import typer

from detectors.forest.incidents import Incidents, save
from detectors.window_features import MINUTE_NS
from monitor.config import config_file
from monitor.errors import CUT_OFF, USAGE, WHOLE, CommandEnd, tell
from monitor.evaluate.truth import HOST, TruthError, load_incidents
from monitor.models.replayed import read_windows, replayed
from sinks.records.folder import WINDOWS

_SECOND_NS = 1_000_000_000


def make(captures: Sequence[str], truth: Path, out: Path, config_path: Path | None) -> int:
    """Write the windows of each incident's host while it went on."""
    config = config_file.load(config_path)
    try:
        happened = [each for each in load_incidents(truth) if each.about == HOST]
    except TruthError as error:
        raise CommandEnd(USAGE, str(error)) from None
    with tempfile.TemporaryDirectory(prefix="campuswatch-incidents-") as folder:
        results = Path(folder) / "results"
        summary = replayed(captures, config, results)
        windows, hosts = read_windows(results / WINDOWS, config)
    found = {}
    ends_ns = windows["window_start_ns"] + windows["seconds"].astype(np.int64) * _SECOND_NS
    for each in happened:
        own = hosts == each.subject
        if own.any():
            first_ns = each.start_ns - each.start_ns % MINUTE_NS
            during = (ends_ns > first_ns) & (windows["window_start_ns"] <= each.end_ns)
            found[each.id] = windows[own & during]
    made = Incidents.of(found)
    save(made, out)
    kept = f"{len(made.names)} / {len(happened)}"
    typer.echo(f"{out}: 事件 incidents {kept}; 窗口 windows {len(made.windows)}")
    for problem in summary["problems"]:
        tell(problem)
    return WHOLE if summary["complete"] else CUT_OFF
