"""What the daemon leaves behind while it runs: findings at once, history by and by, totals."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detectors.catalogue.categories import CATEGORIES
from detectors.findings import Finding
from detectors.involvement import NOBODY, of_windows, strongest
from detectors.parts import Parts, under, within
from detectors.track import Judged
from detectors.window_features import WINDOW
from sinks.metrics.definitions import WRITES
from sinks.metrics.exposition import Exposition
from sinks.records.finding_log import FindingLog
from sinks.records.flow_columns import FlowColumns, FlowRows, joined
from sinks.records.flow_order import order_of
from sinks.records.flows import NO_FLOWS
from sinks.records.history import History
from sinks.records.pseudonyms import Pseudonyms
from sinks.records.windows import involved_table, windows_table
from sinks.tally import Tally
from wire.names.strings import StringTable

#: Rows that wait for the next flush, about 400 bytes each; more are flushed at once.
_MOST_WAITING_ROWS = 1 << 16
#: Findings that wait for a disk that refuses.
_MOST_WAITING_FINDINGS = 10_000
#: How long a disk that refused findings is not asked again: a try costs the packets' time.
_REFUSED_SECONDS = 1.0
_NO_WINDOWS = np.zeros(0, WINDOW)


@dataclass(frozen=True, slots=True)
class Places:
    """Where results go. history: None for none."""

    findings: Path
    history: Path | None
    keep_days: int
    max_bytes: int


class LiveResults:
    """Takes what the stages yield, as Results does for a replay; nothing that the disk refuses raises.

    Internal addresses appear by pseudonym only. clock: the event clock, nanoseconds; 0 while unknown.
    """

    def __init__(
        self,
        places: Places,
        strings: StringTable,
        services: Sequence[str],
        pseudonyms: Pseudonyms,
        version: str,
        clock: Callable[[], int],
    ) -> None:
        self.tally = Tally(services)
        self.exposition = Exposition(services, version)
        self.refused = dict.fromkeys(WRITES, 0)
        self._pseudonyms = pseudonyms
        self._log = FindingLog(places.findings, pseudonyms)
        self._waiting: list[Finding] = []
        self._next_try = 0.0
        self._columns = FlowColumns(strings, services, CATEGORIES, pseudonyms)
        self._flows: list[FlowRows] = []
        self._flow_rows = 0
        self._windows: list[NDArray[np.void]] = []
        self._involved: list[NDArray[np.void]] = []
        self._histories: dict[str, History] = {}
        if places.history is not None:
            self._histories = {
                kind: History(places.history, kind, places.keep_days, places.max_bytes)
                for kind in ("flows", "windows", "involved")
            }
        self._deleted_before = 0
        self._clock = clock

    def keep_flows(self, flows: FlowRows) -> None:
        """Count rows and keep them for the history; the arrays must not change afterwards."""
        self.tally.add_flows(flows.rows, flows.facts, flows.service, flows.category)
        if self._histories and len(flows):
            self._flows.append(flows.owned())
            self._flow_rows += len(flows)
            if self._flow_rows >= _MOST_WAITING_ROWS:
                self.flush()

    def take(self, judged: Judged) -> None:
        """Keep windows whose phase is final; findings wait for `write_findings`."""
        self.tally.add_windows(judged.windows)
        scores = judged.windows["score"]
        self.exposition.observe_scores(scores[~np.isnan(scores)].tolist())
        if self._histories and len(judged.windows):
            self._windows.append(judged.windows)
        if self._histories and len(judged.involved):
            self._involved.append(judged.involved)
        self.add_findings([*judged.findings, *judged.updates])

    def add_findings(self, findings: Sequence[Finding]) -> None:
        """Findings to be written; those that no longer fit while the disk refuses are counted."""
        self._waiting += findings
        self.refused["findings"] += max(len(self._waiting) - _MOST_WAITING_FINDINGS, 0)
        self._waiting = self._waiting[:_MOST_WAITING_FINDINGS]

    def write_findings(self, now: float) -> list[dict[str, Any]]:
        """Write what waits; the findings, as they were written, that stood nowhere before.

        now: monotonic seconds. After a refusal the disk is left in peace for a while.
        """
        if not self._waiting or now < self._next_try:
            return []
        try:
            written = self._log.write(self._waiting)
        except OSError:
            self.refused["findings"] += 1
            self._next_try = now + _REFUSED_SECONDS
            return []
        self._waiting = []
        for each in written:
            if each.fresh:
                self.tally.rules[each.told["rule"]] += 1
            self.tally.add_patterns(each.patterns)
        return [each.told for each in written]

    def flush(self) -> None:
        """Write the history that waits; what the disk refuses is lost and counted.

        While the clock is unknown it waits on: without an hour it belongs to no file, and the hour of
        the epoch would end all others.
        """
        clock_ns = self._clock()
        if not self._histories or clock_ns <= 0:
            return
        try:
            self._histories["flows"].flush(self._columns.table(self._waiting_flows()), clock_ns)
            windows = np.concatenate([*self._windows, _NO_WINDOWS])
            involved = strongest(np.concatenate([*self._involved, NOBODY]))
            part = of_windows(windows, involved)
            self._histories["windows"].flush(windows_table(windows, part, self._pseudonyms), clock_ns)
            self._histories["involved"].flush(involved_table(involved, self._pseudonyms), clock_ns)
        except OSError:
            self.refused["history"] += 1
        self._flows, self._flow_rows, self._windows, self._involved = [], 0, [], []

    @property
    def deleted_files(self) -> int:
        """Hours of history that were deleted."""
        return self._deleted_before + sum(history.deleted_files for history in self._histories.values())

    def state(self) -> Parts:
        """Totals, for a checkpoint."""
        return {**under("tally", self.tally.state()), "scores": np.array(self.exposition.scores)}

    def restore(self, parts: Parts) -> None:
        """Take totals back."""
        self.tally.restore(within("tally", parts))
        self.exposition.scores = parts["scores"].tolist()

    def follow(self, earlier: LiveResults) -> None:
        """Go on where the results under an earlier configuration end, with all that they counted."""
        self.restore(earlier.state())
        self.exposition.follow(earlier.exposition)
        self.refused = dict(earlier.refused)
        self._deleted_before = earlier.deleted_files
        self._waiting = list(earlier._waiting)

    def close(self) -> None:
        """Let go of the findings' file."""
        self._log.close()

    def _waiting_flows(self) -> FlowRows:
        if not self._flows:
            return NO_FLOWS
        flows = joined(self._flows)
        return flows.take(order_of(flows.rows))
