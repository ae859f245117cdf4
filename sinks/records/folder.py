"""The output folder of a run: results appear in it together, when they are whole."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

FLOWS, WINDOWS, FINDINGS, EMBEDDINGS, SUMMARY, METRICS = (
    "flows.parquet",
    "windows.parquet",
    "findings.jsonl",
    "embeddings.jsonl",
    "summary.json",
    "metrics.prom",
)
OUTPUTS = (FLOWS, WINDOWS, FINDINGS, EMBEDDINGS, SUMMARY, METRICS)
_STAGING = ".campuswatch-unfinished"


class OutputError(Exception):
    """Results cannot be written; the message is one line that says why."""


class OutputFolder:
    """Stages files in a hidden folder within `path`, and moves them into place at the end.

    path: made when missing; results of an earlier run in it are removed, so that nobody takes
    them for this one's. private: only the owner may look (the results hold addresses); a folder
    that holds other things keeps its own mode, and the files alone are closed.
    Raises OutputError.
    """

    def __init__(self, path: Path, private: bool) -> None:
        self.path = path
        self._private = private
        self._staging = path / _STAGING
        try:
            path.mkdir(parents=True, exist_ok=True, mode=0o700 if private else 0o755)
            own = {_STAGING, *OUTPUTS}
            if private and own.issuperset(entry.name for entry in path.iterdir()):
                path.chmod(0o700)
            shutil.rmtree(self._staging, ignore_errors=True)
            self._staging.mkdir(mode=0o700)
            for name in OUTPUTS:
                (path / name).unlink(missing_ok=True)
        except OSError as error:
            raise OutputError(f"cannot write results to {path}: {error.strerror or error}") from error

    def file(self, name: str) -> Path:
        """Where to write one of OUTPUTS for now."""
        return self._staging / name

    def publish(self) -> None:
        """Move everything into place. Raises OutputError."""
        try:
            for name in OUTPUTS:
                staged = self.file(name)
                staged.chmod(0o600 if self._private else 0o644)
                os.replace(staged, self.path / name)
            shutil.rmtree(self._staging)
        except OSError as error:
            raise OutputError(f"cannot write results to {self.path}: {error.strerror or error}") from error

    def abandon(self) -> None:
        """Remove what was staged; harmless after `publish`."""
        shutil.rmtree(self._staging, ignore_errors=True)
