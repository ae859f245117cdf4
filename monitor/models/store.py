"""The models of a sensor on disk: which there are, which is in use, and what became of each.

FOLDER/<digest>.npz     a model, never changed
FOLDER/active.npz       a link to the one in use
FOLDER/confirmed.incidents   what people confirmed of the sensor's findings, for models to be tried on
FOLDER/history.jsonl    a line per promotion and rollback, and per model that a sensor learned or refused

What a sensor learns by itself it goes by without a link, as long as nobody has promoted a model; its
models lie here all the same, so that a person can look at them, promote one for good, or go back.
"""

from __future__ import annotations

import json
import os
import shutil
import time
from pathlib import Path
from typing import Any

from detectors.forest import incidents
from detectors.forest.array_file import ModelFileError
from detectors.forest.incidents import Incidents
from detectors.forest.model import Model
from detectors.forest.model_file import describe, load, save
from detectors.forest.promotion import Verdict
from detectors.json_lines import append, whole_lines
from monitor.config.config import State
from monitor.places import state_directory

ACTIVE, HISTORY, INCIDENTS = "active.npz", "history.jsonl", "confirmed.incidents"
LEARNED, REFUSED = "learned", "refused"
_BY_PEOPLE = ("promote", "rollback")
_KEPT = 5


def models_folder(state: State) -> Path:
    """Where a sensor keeps its models."""
    return state_directory(state) / "models"


class ModelStore:
    """A folder of models. Raises ModelFileError for a file that is none, OSError from the disk."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def active(self) -> Path | None:
        """The file in use."""
        link = self.folder / ACTIVE
        return link.resolve() if link.is_symlink() and link.exists() else None

    def promote(self, file: Path, why: str) -> Path:
        """Take a model into use: it is read whole first. The file in the store."""
        load(file)
        digest = str(describe(file)["digest"])[:16]
        self.folder.mkdir(parents=True, exist_ok=True)
        kept = self.folder / f"{digest}.npz"
        if not kept.exists():
            part = kept.with_suffix(".part")
            shutil.copyfile(file, part)
            os.replace(part, kept)
        self._switch(kept, "promote", why)
        self._drop_oldest()
        return kept

    def rollback(self, why: str) -> Path:
        """Back to the model that this one replaced. Raises ModelFileError when there is none."""
        used = [name for name in self._used()[:-1] if (self.folder / name).exists()]
        if not used:
            raise ModelFileError(f"{self.folder}: no earlier model to go back to")
        file = self.folder / used[-1]
        load(file)
        self._switch(file, "rollback", why)
        return file

    def keep(self, model: Model | None, verdict: Verdict, event_time: str) -> None:
        """Keep what a sensor has learned; where the challenger does not hold (None), the verdict alone."""
        name = ""
        if model is not None:
            self.folder.mkdir(parents=True, exist_ok=True)
            part = self.folder / "learned.part"
            save(model, part)
            name = f"{str(describe(part)['digest'])[:16]}.npz"
            os.replace(part, self.folder / name)
        self._note(
            name, REFUSED if model is None else LEARNED, "", event_time=event_time, verdict=verdict.told()
        )
        self._drop_oldest()

    def keep_incidents(self, confirmed: Incidents) -> None:
        """Leave a sensor's own incidents where `model compare` finds them."""
        if confirmed.names:
            self.folder.mkdir(parents=True, exist_ok=True)
            incidents.save(confirmed, self.folder / INCIDENTS)

    def incidents(self) -> Incidents:
        """Those that a sensor left. Raises ModelFileError."""
        path = self.folder / INCIDENTS
        return incidents.load(path) if path.exists() else Incidents()

    def latest(self) -> Path | None:
        """The file in use, or the last that a sensor learned."""
        learned = [entry["model"] for entry in self.history() if entry["what"] == LEARNED]
        own = self.folder / learned[-1] if learned else None
        return self.active() or (own if own is not None and own.exists() else None)

    def _used(self) -> list[str]:
        """The models that stand behind one another, the one in use last: a rollback takes one away."""
        used: list[str] = []
        for entry in self.history():
            if entry["what"] not in _BY_PEOPLE:
                continue
            name = str(entry["model"])
            if entry["what"] == "rollback" and name in used:
                del used[used.index(name) + 1 :]
            elif used[-1:] != [name]:
                used = [*(each for each in used if each != name), name]
        return used

    def history(self) -> list[dict[str, Any]]:
        """What became of models, oldest first."""
        try:
            return [json.loads(line) for line in whole_lines(self.folder / HISTORY)]
        except FileNotFoundError:
            return []

    def _switch(self, file: Path, what: str, why: str) -> None:
        link = self.folder / f"{ACTIVE}.new"
        link.unlink(missing_ok=True)
        link.symlink_to(file.name)
        os.replace(link, self.folder / ACTIVE)
        self._note(file.name, what, why)

    def _note(self, model: str, what: str, why: str, **more: Any) -> None:
        # A person's act, or a sensor's: the wall clock dates it, beside the event time where there is one.
        when = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        append(self.folder / HISTORY, {"time": when, "what": what, "model": model, "why": why, **more})

    def _drop_oldest(self) -> None:
        """Keep the last few that people used, and the last few that a sensor learned."""
        history = self.history()
        kept: set[str] = set()
        for of_people in (True, False):
            names = [str(each["model"]) for each in history if (each["what"] in _BY_PEOPLE) is of_people]
            kept |= set(list(dict.fromkeys(name for name in reversed(names) if name))[:_KEPT])
        active = self.active()
        for path in self.folder.glob("*.npz"):
            if not path.is_symlink() and path.name not in kept and path != active:
                path.unlink()
