"""findings.jsonl of the daemon: a line is on the disk before it is told of, and stands once."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from detectors.findings import Finding
from sinks.records.findings import finding_object
from sinks.records.pseudonyms import Pseudonyms

#: How much of the end of the file is searched for what was written before a restart.
_TAIL_BYTES = 16 << 20
_MOST_REMEMBERED = 1 << 16


@dataclass(frozen=True, slots=True)
class Written:
    """A line that was added.

    told: the object it holds. fresh: the first line of its finding; others bring it up to date.
    patterns: those that no earlier line of the finding shows.
    """

    told: dict[str, Any]
    fresh: bool
    patterns: frozenset[str]


class FindingLog:
    """Appends findings, one write and one sync for all that come together.

    A finding that goes on comes again with a later end, under the same id: that line brings it up to
    date. The same id with the same end is written once, also across restarts. A line that a crash
    cut off is taken away. Raises OSError where the disk refuses.
    """

    def __init__(self, path: Path, pseudonyms: Pseudonyms | None) -> None:
        self._pseudonyms = pseudonyms
        self._written: dict[tuple[str, str], None] = {}  # ids with their ends, the oldest first
        self._known: dict[str, frozenset[str]] = {}  # and the patterns that were told with it
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        self._recall()

    def write(self, findings: Iterable[Finding]) -> list[Written]:
        """Add a line for each that stands there not yet, all or none; they are on the disk afterwards."""
        lines: dict[tuple[str, str], dict[str, Any]] = {}
        for finding in findings:
            told = finding_object(finding, self._pseudonyms)
            key = (told["id"], told["end"])
            if key not in self._written:
                lines.setdefault(key, told)
        self._append("".join(map(_line, lines.values())).encode())
        written = []
        for key, told in lines.items():
            fresh, before = key[0] not in self._known, self._known.get(key[0], frozenset())
            written.append(Written(told, fresh, frozenset(told["patterns"]) - before))
            self._remember(key, told["patterns"])
        return written

    def close(self) -> None:
        """Let go of the file."""
        os.close(self._descriptor)

    def _append(self, text: bytes) -> None:
        if not text:
            return
        start = os.fstat(self._descriptor).st_size
        try:
            if os.write(self._descriptor, text) != len(text):
                raise OSError(errno.ENOSPC, "No space left for a finding")
            os.fsync(self._descriptor)
        except OSError:
            os.ftruncate(self._descriptor, start)  # else it would stand there twice after the next try
            raise

    def _recall(self) -> None:
        """Learn what the file ends with; cut a line without an end."""
        size = os.fstat(self._descriptor).st_size
        start = max(size - _TAIL_BYTES, 0)
        tail = os.pread(self._descriptor, size - start, start)
        whole = tail.rfind(b"\n") + 1
        if whole < len(tail):
            os.ftruncate(self._descriptor, start + whole)
        lines = tail[:whole].split(b"\n")
        for line in lines[1:] if start else lines:
            try:
                told = json.loads(line)
                self._remember((told["id"], told["end"]), told["patterns"])
            except (ValueError, KeyError, TypeError):
                continue  # not ours: an operator's note is left alone

    def _remember(self, key: tuple[str, str], patterns: Iterable[str]) -> None:
        self._written[key] = None
        self._known[key[0]] = self._known.get(key[0], frozenset()).union(patterns)
        for remembered in (self._written, self._known):
            if len(remembered) > _MOST_REMEMBERED:
                del remembered[next(iter(remembered))]  # type: ignore[arg-type]


def _line(told: dict[str, Any]) -> str:
    return json.dumps(told, ensure_ascii=False, allow_nan=False, sort_keys=True) + "\n"
