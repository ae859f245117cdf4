"""The models of a sensor on disk: which there are, which is in use, and what became of each.

FOLDER/<digest>.npz     a model, never changed
FOLDER/active.npz       a link to the one in use
FOLDER/history.jsonl    a line per promotion and rollback
"""

from __future__ import annotations

import json
import os
import shutil
import time
from pathlib import Path
from typing import Any

from detectors.forest.model_file import ModelFileError, describe, load
from monitor.config.config import State
from monitor.places import state_directory

ACTIVE, HISTORY = "active.npz", "history.jsonl"
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

    def _used(self) -> list[str]:
        """The models that stand behind one another, the one in use last: a rollback takes one away."""
        used: list[str] = []
        for entry in self.history():
            name = str(entry["model"])
            if entry["what"] == "rollback" and name in used:
                del used[used.index(name) + 1 :]
            elif used[-1:] != [name]:
                used = [*(each for each in used if each != name), name]
        return used

    def history(self) -> list[dict[str, Any]]:
        """What became of models, oldest first."""
        try:
            lines = (self.folder / HISTORY).read_text(encoding="utf-8").splitlines()
        except FileNotFoundError:
            return []
        return [json.loads(line) for line in lines]

    def _switch(self, file: Path, what: str, why: str) -> None:
        link = self.folder / f"{ACTIVE}.new"
        link.unlink(missing_ok=True)
        link.symlink_to(file.name)
        os.replace(link, self.folder / ACTIVE)
        # A person's act, not an event of the traffic: the wall clock dates it.
        when = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        entry = {"time": when, "what": what, "model": file.name, "why": why}
        with (self.folder / HISTORY).open("a", encoding="utf-8") as history:
            history.write(json.dumps(entry, ensure_ascii=False) + "\n")

    def _drop_oldest(self) -> None:
        last_used = {entry["model"]: at for at, entry in enumerate(self.history())}
        files = [path for path in self.folder.glob("*.npz") if not path.is_symlink()]
        files.sort(key=lambda path: last_used.get(path.name, -1))
        for path in files[:-_KEPT]:
            path.unlink()
