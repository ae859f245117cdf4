"""Everything that a run leaves behind: history, findings, totals, the exposition."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detectors.catalogue.categories import CATEGORIES
from detectors.embedding.embedding import Embedding
from detectors.findings import Finding
from detectors.involvement import NOBODY, strongest
from detectors.track import Judged
from sinks.metrics.exposition import Exposition
from sinks.records.embeddings import write_embeddings
from sinks.records.findings import FindingRecords
from sinks.records.flow_columns import FlowColumns, FlowRows
from sinks.records.flows import FlowRecords
from sinks.records.folder import (
    EMBEDDINGS,
    FINDINGS,
    FLOWS,
    METRICS,
    SUMMARY,
    WINDOWS,
    OutputError,
    OutputFolder,
)
from sinks.records.pseudonyms import Pseudonyms
from sinks.records.windows import write_windows
from sinks.reports.timeline import Timeline
from sinks.tally import Tally
from wire.names.strings import StringTable


class Results:
    """Takes what the stages yield; writes it to `folder` where there is one.

    Every method that writes raises OutputError where the disk refuses.
    """

    def __init__(
        self,
        folder: OutputFolder | None,
        strings: StringTable,
        services: Sequence[str],
        pseudonyms: Pseudonyms | None,
        version: str,
    ) -> None:
        self.tally = Tally(services)
        self.exposition = Exposition(services, version)
        self.findings: list[Finding] = []
        self._place: dict[str, int] = {}
        self.embeddings: Sequence[Embedding] = ()
        self.timeline = Timeline()
        self.pseudonyms = pseudonyms
        self._folder = folder
        self._windows: list[NDArray[np.void]] = []
        self._involved: list[NDArray[np.void]] = []
        self._closing: Future[int] | None = None
        if folder is not None:
            columns = FlowColumns(strings, services, CATEGORIES, pseudonyms)
            self._flows = FlowRecords(folder.file(FLOWS), columns)

    def learn_services(self, services: Sequence[str]) -> None:
        """The services of a new catalogue; those known so far keep their places in front."""
        self.tally.learn_services(services)
        self.exposition.learn_services(services)
        if self._folder is not None:
            self._flows.learn_services(services)

    def keep_flows(self, flows: FlowRows) -> None:
        """Count rows and keep them for the history; the arrays must not change afterwards."""
        self.tally.add_flows(flows.rows, flows.facts, flows.service, flows.category)
        self.timeline.add(flows.rows, flows.category)
        if self._folder is not None:
            with _told():
                self._flows.write(flows)

    def close_history(self) -> None:
        """No more rows come: write the history beside what the caller does next; publish waits.

        With pseudonyms it is left to publish: who is internal may only be known at the very end.
        """
        if self._folder is not None and self.pseudonyms is None:
            worker = ThreadPoolExecutor(1, thread_name_prefix="history")
            self._closing = worker.submit(self._flows.finish)
            worker.shutdown(wait=False)

    def take(self, judged: Judged) -> None:
        """Keep windows whose phase is final, and findings."""
        self.tally.add_windows(judged.windows)
        self.tally.add_findings(judged.findings)
        scores = judged.windows["score"]
        self.exposition.observe_scores(scores[~np.isnan(scores)].tolist())
        for finding in judged.findings:
            self._place[finding.id] = len(self.findings)
            self.findings.append(finding)
        for finding in judged.updates:
            place = self._place[finding.id]
            self.tally.add_patterns(set(finding.patterns) - set(self.findings[place].patterns))
            self.findings[place] = finding
        if self._folder is not None and len(judged.windows):
            self._windows.append(judged.windows)
        if self._folder is not None and len(judged.involved):
            self._involved.append(judged.involved)

    def publish(self, summary: Mapping[str, Any]) -> None:
        """Write everything and move it into place."""
        if self._folder is None:
            return
        folder = self._folder
        with _told():
            if self._closing is None:
                self._flows.finish()
            else:
                self._closing.result()
            involved = strongest(np.concatenate([*self._involved, NOBODY]))
            write_windows(folder.file(WINDOWS), self._windows, involved, self.pseudonyms)
            records = FindingRecords(folder.file(FINDINGS), self.pseudonyms)
            for finding in sorted(self.findings, key=_in_order):
                records.write(finding)
            records.close()
            write_embeddings(folder.file(EMBEDDINGS), self.embeddings)
            folder.file(METRICS).write_bytes(self.exposition.text())
            text = json.dumps(summary, ensure_ascii=False, indent=2, sort_keys=True, allow_nan=False)
            folder.file(SUMMARY).write_text(text + "\n", encoding="utf-8")
            folder.publish()

    def abandon(self) -> None:
        """Leave nothing half-done behind."""
        if self._folder is not None:
            if self._closing is not None:
                self._closing.exception()
            self._flows.abandon()
            self._folder.abandon()


def _in_order(finding: Finding) -> tuple[int, str, str]:
    return finding.start_ns, finding.rule, finding.subject.value


class _told:
    """Turns the system's refusal to write into an OutputError."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, OSError):
            raise OutputError(f"cannot write results: {error.strerror or error}") from error
