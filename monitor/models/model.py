"""`campuswatch model`: train, show, compare, promote, roll back."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import typer
from numpy.typing import NDArray

from detectors.findings import rfc3339
from detectors.forest import incidents
from detectors.forest.array_file import ModelFileError
from detectors.forest.isolation import ForestSettings
from detectors.forest.learner import Learner, Schedule
from detectors.forest.model import PART_NAMES, Model
from detectors.forest.model_file import describe, load, save
from detectors.forest.promotion import compare as verdict_on
from detectors.forest.trust import LENGTHS, tails_of
from monitor.config import config_file
from monitor.config.config import Config
from monitor.errors import CUT_OFF, USAGE, WHOLE, CommandEnd, tell
from monitor.evaluate.outcome import HOUR_NS, positive_hours
from monitor.evaluate.truth import TruthError, load_incidents
from monitor.models.replayed import read_windows, replayed
from monitor.models.store import ModelStore, models_folder
from monitor.shipped import INCIDENTS, shipped
from sinks.records.folder import WINDOWS

#: Entries of the history that are shown.
_SHOWN = 20


def train(captures: Sequence[str], file: Path, truth: Path | None, config_path: Path | None) -> int:
    """Learn from captures; hours that hold an incident of the truth file are left out."""
    config = config_file.load(config_path)
    with tempfile.TemporaryDirectory(prefix="campuswatch-train-") as folder:
        results = Path(folder) / "results"
        summary = replayed(captures, config, results)
        windows, _ = read_windows(results / WINDOWS, config)
        if truth is not None:
            windows = windows[~_positive(windows, results, truth)]
    schedule = Schedule(collect_seconds=0)
    learner = Learner(ForestSettings(), schedule, incidents.load(shipped(INCIDENTS)))
    learner.take(windows)
    if learner.trainings == 0:
        raise CommandEnd(
            USAGE,
            f"only {len(windows)} usual windows; a model needs {schedule.least_windows}, over three hours",
        )
    if learner.model is None or learner.verdict is None:
        missed = ", ".join(learner.verdict.missed) if learner.verdict else ""
        raise CommandEnd(USAGE, f"the model does not hold: it misses planted windows ({missed}); not written")
    save(learner.model, file)
    known, found = len(learner.incidents.names), len(learner.verdict.found)
    typer.echo(
        f"{file}: {learner.model.forest.rows} + {len(learner.model.calibration.scores)} windows; "
        f"可见事件 incidents that stand out: {found} / {known}"
    )
    for problem in summary["problems"]:
        tell(problem)
    return WHOLE if summary["complete"] else CUT_OFF


def show(file: Path | None, config_path: Path | None) -> int:
    """What a model file says of itself, whether this version takes it, and what became of the store's models.

    Without a file the one in use, or the last that the sensor learned.
    """
    store = _store(config_file.load(config_path))
    path = file or store.latest()
    if path is None:
        raise CommandEnd(USAGE, "no model is in use, and none was learned")
    about = describe(path)
    for name in ("learned_from_ns", "learned_until_ns"):
        about[name.removesuffix("_ns")] = rfc3339(int(about.pop(name, 0) or 0))
    try:
        about["tails"] = _tails(load(path))
    except ModelFileError as error:
        about["refused"] = str(error)
    history = store.history()[-_SHOWN:] if file is None else []
    told = {"file": str(path), "in_use": path == store.active(), **about, "history": history}
    typer.echo(json.dumps(told, ensure_ascii=False, indent=2, sort_keys=True))
    return WHOLE


def compare(
    challenger: Path, champion: Path | None, windows: Path, more: Sequence[Path], config_path: Path | None
) -> int:
    """Whether a challenger may be promoted; exit code 0 if so, else 1."""
    config = config_file.load(config_path)
    store = _store(config)
    against = champion or store.active()
    known = incidents.load(shipped(INCIDENTS)).and_those(store.incidents())
    for file in more:
        known = known.and_those(incidents.load(file))
    recent, _ = read_windows(windows, config)
    verdict = verdict_on(load(challenger), None if against is None else load(against), recent, known)
    typer.echo(json.dumps(verdict.told(), indent=2))
    return WHOLE if verdict.holds else CUT_OFF


def promote(file: Path, why: str, config_path: Path | None) -> int:
    """Take a model into use."""
    kept = _store(config_file.load(config_path)).promote(file, why)
    typer.echo(f"启用 in use: {kept}")
    return WHOLE


def rollback(why: str, config_path: Path | None) -> int:
    """Back to the model before."""
    kept = _store(config_file.load(config_path)).rollback(why)
    typer.echo(f"启用 in use: {kept}")
    return WHOLE


def _tails(model: Model) -> list[dict[str, Any]]:
    """Of every length and group: whether the tail was taken, its fit, the least p-value of a test."""
    told = []
    for (length, name), standing in tails_of(model).items():
        about: dict[str, Any] = {"window": length, "group": name, "standing": standing}
        part = model.parts.get((LENGTHS[length], PART_NAMES.index(name)))
        if part is not None:
            fit = None if np.isnan(part.tail.check) else round(part.tail.check, 6)
            about |= {"host_hours": len(part.tail.statistics), "fit_p_value": fit}
            about["least_p_value"] = part.tail.smallest
        told.append(about)
    return told


def _positive(windows: NDArray[np.void], results: Path, truth: Path) -> NDArray[np.bool_]:
    try:
        hours = positive_hours(results, load_incidents(truth))
    except TruthError as error:
        raise CommandEnd(USAGE, str(error)) from None
    table = pq.read_table(results / WINDOWS, columns=["host"])
    keys = zip(table["host"].to_pylist(), (windows["window_start_ns"] // HOUR_NS).tolist(), strict=True)
    return np.array([key in hours for key in keys], np.bool_)


def _store(config: Config) -> ModelStore:
    return ModelStore(models_folder(config.state))
