"""One run over captures: stages, results and the account of it, for `replay` and `run`."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Self

from detectors.forest.isolation import load_ahead
from detectors.judge import Detectors
from monitor import __version__
from monitor.config.config import Config
from monitor.pipeline.handover import REJECTS, TABLE_COUNTERS, Step
from monitor.pipeline.pipeline import AnalysisStages, WorkerStages, analyse, steps_of
from monitor.pipeline.stages import settings_from
from monitor.replay.spread import Spread
from sinks.metrics.definitions import NAME_EVENTS
from sinks.metrics.publish import set_all
from sinks.records.folder import OutputFolder
from sinks.results import Results
from sinks.summary import Account, summary
from wire.capture.files import CaptureReader
from wire.capture.frames import FrameBlock

#: A capture that takes longer to read than scikit-learn to load (about 1.5 s), and most likely needs it.
_LONG_BYTES = 512 << 20
#: A thread that comes out of a kernel waits so long, at most, for one that runs Python, whose own is 5 ms.
_SWITCH_SECONDS = 0.0005


class Session:
    """Carries packets through all stages and keeps the account.

    source: who reads the captures, in this process or in workers of their own.
    out: the folder of results, None for none. pseudonymise: hide internal addresses. learn_live:
    learn on the schedule, as a running sensor does. collect_only: so, but no model is made of the windows.
    Raises what the parts raise for a configuration that cannot be used.
    """

    def __init__(
        self,
        source: CaptureReader | Spread,
        config: Config,
        out: Path | None,
        pseudonymise: bool,
        learn_live: bool = False,
        collect_only: bool = False,
    ) -> None:
        self._started = time.monotonic()
        self._source = source
        self._clock_ns: int | None = None
        settings = settings_from(config, pseudonymise, learn_live or collect_only, collect_only=collect_only)
        self._settings = settings
        self._analysis = AnalysisStages(settings, source.workers if isinstance(source, Spread) else 1)
        folder = None if out is None else OutputFolder(out, private=not pseudonymise)
        self.results = Results(
            folder,
            self._analysis.strings,
            self._analysis.detectors.catalogue.ids,
            settings.pseudonyms,
            __version__,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        """Leave nothing half-done behind."""
        self.results.abandon()

    def carry(self, frames: Iterable[FrameBlock], after_block: Callable[[int], None]) -> None:
        """Carry `frames`, the reader's own or paced ones, to their end.

        `after_block` is told the event clock, in nanoseconds, after every block.
        """
        size = self._source.bytes_total if isinstance(self._source, CaptureReader) else None
        if self._settings.detectors.learn_from_replay and (size or 0) >= _LONG_BYTES:
            load_ahead()
        sys.setswitchinterval(_SWITCH_SECONDS)
        worker = WorkerStages(self._settings.flows, self._settings.names)
        self._analyse(steps_of(frames, worker), after_block)

    def carry_spread(self, spread: Spread, after_step: Callable[[int], None]) -> None:
        """Carry what workers of their own read to its end."""
        self._analyse(spread.steps(self._settings.flows, self._settings.names), after_step)

    def _analyse(self, steps: Iterable[Step], after_step: Callable[[int], None]) -> None:
        def note(clock_ns: int) -> None:
            if self._source.frames_read:
                self._clock_ns = clock_ns
            after_step(clock_ns)

        analyse(steps, self._analysis, self.results, note)
        if self._analysis.detectors.hosts_are_clients and self.results.pseudonyms is not None:
            self.results.pseudonyms.hide_everyone()

    def refresh_metrics(self) -> None:
        """Bring the exposition up to what the stages counted."""
        analysis = self._analysis
        set_all(
            self.results.exposition,
            self._account(),
            self.results.tally,
            analysis.active_flows,
            len(analysis.strings),
        )

    def publish(self) -> dict[str, Any]:
        """Write the results; the summary, which is complete only if every capture was read whole."""
        self.refresh_metrics()
        told = summary(self._account(), self.results.tally, __version__)
        self.results.publish(told)
        return told

    @property
    def detectors(self) -> Detectors:
        """What judged the packets."""
        return self._analysis.detectors

    def _account(self) -> Account:
        counters = self._analysis.counters
        return Account(
            problems=self._source.problems,
            counters={name: counters[name] for name in TABLE_COUNTERS},
            rejects={name: counters[f"rejected_{name}"] for name in REJECTS},
            skipped=self._source.skipped,
            name_events={name: counters[f"names_{name}"] for name in NAME_EVENTS},
            late=self._analysis.detectors.counters,
            clock_ns=self._clock_ns,
            hosts_are_clients=self._analysis.detectors.hosts_are_clients,
            seconds=time.monotonic() - self._started,
            trust=self._analysis.detectors.trust,
            budget=self._analysis.detectors.budget,
            silent=self._analysis.detectors.silent,
            lowered=self._analysis.detectors.feedback.lowered,
            verdicts=self._analysis.detectors.feedback.in_force(self._clock_ns or 0),
        )
