"""The one place that knows every stage.

Packets from a campus tap go in at one end; at the other end come out classified flows, anomaly
scores, metrics and findings. A worker counts packets to flows and reads names out of the first
bytes; the analysis joins the workers, classifies, judges and records. They hand over `Step`s: in
one process from thread to thread, else over a socket (handover.py).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from detectors.catalogue.settings import CatalogueSettings
from detectors.judge import Detectors
from detectors.track import Judged
from monitor.ahead import run_ahead
from monitor.handover import CAPTURE_COUNTERS, STEP_COUNTERS, Step
from monitor.stages import StageSettings
from sinks.records.flow_columns import FlowRows
from sinks.results import Results
from wire.capture.frames import FrameBlock
from wire.flows.records import REF_OPEN
from wire.flows.table import FlowOutput, FlowTable
from wire.names.events import EVENT, EVENT_OPEN
from wire.names.facts import FACTS
from wire.names.namer import Namer
from wire.names.strings import StringTable

#: Blocks that the flow table may be ahead; each holds up to 65,536 frames and what they yielded.
_AHEAD = 2
_NO_CAPTURE_COUNTS = (0,) * len(CAPTURE_COUNTERS)


class WorkerStages:
    """The rooms on the worker's side: flow table, then names."""

    def __init__(self, settings: StageSettings, worker: int = 0) -> None:
        self.table = FlowTable(settings.flows)
        self.namer = Namer(settings.names)
        self.capture_counts: tuple[int, ...] = _NO_CAPTURE_COUNTS  # as CAPTURE_COUNTERS has them
        self._worker = worker
        self._told_strings = 0

    def advance(self, block: FrameBlock) -> Step:
        """Carry a block through; what it yielded. The block's buffer is not needed afterwards."""
        return self.name(self.count(block))

    def tick(self, clock_ns: int) -> Step:
        """No packet came by `clock_ns`: what is due by then."""
        return self.name(_one(list(self.table.tick(clock_ns))))

    def finish(self) -> Iterator[Step]:
        """End all open flows; the last step says that it is."""
        for flows in self.table.finish():
            yield self.name(flows)
        yield self.name(self._nothing(), last=True)

    def count(self, block: FrameBlock) -> FlowOutput:
        """Decoded and counted; may run on another thread than `name`, a few blocks ahead."""
        return _one(list(self.table.advance(block)))

    def name(self, flows: FlowOutput, last: bool = False) -> Step:
        """Read names out of early payload while the block's bytes are there; join them to what is due."""
        if flows.block is not None:
            self.namer.read(flows.block.buffer, flows.refs)
        delta_facts, row_facts = self.namer.facts(flows.deltas["flow"]), self.namer.facts(flows.rows["flow"])
        delta_queries = self.namer.dns_queries(flows.deltas["flow"])
        row_queries = self.namer.dns_queries(flows.rows["flow"])
        self.namer.forget(flows.rows["flow"][flows.rows["checkpoint"] == 0])
        lengths, text = self._new_strings()
        return Step(
            worker=self._worker,
            reached=np.iinfo(np.int64).max if last else flows.clock_ns,
            clock_ns=flows.clock_ns,
            active_flows=flows.active_flows,
            last=last,
            events=_openings(flows.refs),
            deltas=flows.deltas,
            delta_facts=delta_facts,
            delta_query_offsets=delta_queries[0],
            delta_query_ids=delta_queries[1],
            rows=flows.rows,
            row_facts=row_facts,
            row_query_offsets=row_queries[0],
            row_query_ids=row_queries[1],
            string_lengths=lengths,
            string_bytes=text,
            counters=self._counters(),
        )

    def _nothing(self) -> FlowOutput:
        return next(iter(self.table.finish()))

    def _new_strings(self) -> tuple[NDArray[np.int32], NDArray[np.uint8]]:
        first, self._told_strings = self._told_strings, len(self.namer.strings)
        return self.namer.strings.since(first)

    def _counters(self) -> NDArray[np.int64]:
        table, rejects, names = self.table.counters(), self.table.rejects(), self.namer.counters
        counts = {
            **table,
            **{f"rejected_{name}": count for name, count in rejects.items()},
            **{f"names_{name}": count for name, count in names.items()},
        }
        told = [counts[name] for name in STEP_COUNTERS[: -len(self.capture_counts)]]
        return np.array([*told, *self.capture_counts], np.int64)


def _one(outputs: list[FlowOutput]) -> FlowOutput:
    """The outputs of one stretch as one: what is known of a flow must not depend on where it was cut."""
    if len(outputs) == 1:
        return outputs[0]
    last = outputs[-1]
    refs, deltas, rows = (
        np.concatenate([getattr(each, name) for each in outputs]) for name in ("refs", "deltas", "rows")
    )
    return FlowOutput(last.block, refs, deltas, rows, last.clock_ns, last.active_flows)


def _openings(refs: NDArray[np.void]) -> NDArray[np.void]:
    opens = refs[refs["kind"] == REF_OPEN]
    events = np.zeros(len(opens), EVENT)
    for name in ("timestamp_ns", "flow", "client_hi", "client_lo", "server_hi", "server_lo", "protocol"):
        events[name] = opens[name]
    for name in ("client_port", "server_port"):
        events[name] = opens[name]
    events["order"] = opens["timestamp_ns"]
    events["name"] = events["chain_end"] = -1
    events["kind"] = EVENT_OPEN
    return events


class Taker(Protocol):
    """Who takes what analysis yields: the results of a run, or of the daemon."""

    def keep_flows(self, flows: FlowRows) -> None:
        """Rows of flows, named and classified."""

    def take(self, judged: Judged) -> None:
        """Windows and findings that are decided."""


class AnalysisStages:
    """The rooms behind the workers: join, classes, windows, findings, and the records of all."""

    def __init__(self, settings: StageSettings, workers: int = 1) -> None:
        """Raises what Detectors raises for a catalogue or model it cannot use."""
        self.strings = StringTable(settings.names.max_strings, settings.names.max_string_bytes)
        self.detectors = Detectors(settings.detectors, self.strings)
        self.latest: list[Step | None] = [None] * workers
        self.clock_ns = 0  # the event clock of all workers
        self._known = [np.zeros(0, np.int32) for _ in range(workers)]

    def take(self, step: Step, results: Taker) -> None:
        """Take a step of one worker; each worker's own come in their order."""
        self.latest[step.worker] = step
        self.clock_ns = max(self.clock_ns, step.clock_ns)
        self._translate(step)
        self._keep(step, results)
        self._judge(step, results)

    def reload(self, settings: CatalogueSettings, results: Results) -> None:
        """Go by another catalogue from the next step on. Raises CatalogueError and keeps the old one."""
        self.detectors.reload(settings)
        results.learn_services(self.detectors.catalogue.ids)

    def enter(self, worker: int) -> None:
        """A new life of a worker begins: its strings and its counters start anew."""
        self._known[worker] = np.zeros(0, np.int32)
        self.latest[worker] = None

    def leave(self, worker: int, results: Taker) -> None:
        """A worker is gone; nothing waits for it any longer."""
        self.latest[worker] = None

    def so_far(self, results: Taker) -> None:
        """The daemon stops: minutes that are over, and findings that still go on."""
        results.take(self.detectors.so_far(self.clock_ns))

    def finish(self, results: Results) -> None:
        """All workers have ended: close what is open."""
        results.close_history()
        results.take(self.detectors.finish())
        results.embeddings = self.detectors.embeddings()

    @property
    def counters(self) -> dict[str, int]:
        """The counters of all workers, added up, by STEP_COUNTERS."""
        counts = sum(
            (step.counters for step in self.latest if step is not None),
            np.zeros(len(STEP_COUNTERS), np.int64),
        )
        return dict(zip(STEP_COUNTERS, counts.tolist(), strict=True))

    @property
    def active_flows(self) -> int:
        """Flows in the tables of all workers."""
        return sum(step.active_flows for step in self.latest if step is not None)

    def _keep(self, step: Step, results: Taker) -> None:
        """Rows of flows that ended or are due: classified, into the history."""
        facts = step.row_facts
        classes = self.detectors.classify(facts, step.rows)
        self.detectors.take_rows(step.rows, facts, classes.service)
        results.keep_flows(
            FlowRows(
                step.rows,
                facts,
                classes.service,
                classes.category,
                step.row_query_offsets,
                step.row_query_ids,
                classes.cloaked_service,
                classes.cloaked_category,
            )
        )

    def _judge(self, step: Step, results: Taker) -> None:
        """What flows did in each minute: classified, judged in event time."""
        facts = step.delta_facts
        classes = self.detectors.classify(facts, step.deltas)
        self.detectors.take_opens(step.events)
        self.detectors.take(step.deltas, facts, classes, (step.delta_query_offsets, step.delta_query_ids))
        results.take(self.detectors.advance(step.clock_ns))

    def _translate(self, step: Step) -> None:
        """From the worker's string ids to ours, from its serials to serials of all workers."""
        new = self.strings.add_all(step.string_lengths, step.string_bytes)
        known = np.concatenate([self._known[step.worker], new])
        self._known[step.worker] = known
        ids = np.append(known, np.int32(-1))  # so that -1 stays what it is
        for facts in (step.delta_facts, step.row_facts):
            for name in _STRING_FIELDS:
                facts[name] = ids[facts[name]]
            facts["flow"] = _of_all(facts["flow"], step.worker)
        for name in ("delta_query_ids", "row_query_ids"):
            setattr(step, name, ids[getattr(step, name)])
        for name in ("name", "chain_end"):
            step.events[name] = ids[step.events[name]]
        for records in (step.events, step.deltas, step.rows):
            records["flow"] = _of_all(records["flow"], step.worker)


#: Workers that one analysis can join.
MAX_WORKERS = 256
_STRING_FIELDS = tuple(name for name in FACTS.names or () if FACTS[name].base == np.dtype("i4"))


def _of_all(serials: NDArray[np.int64], worker: int) -> NDArray[np.int64]:
    """A worker's serials among those of all; 0 stays none."""
    return np.where(serials > 0, serials * MAX_WORKERS + worker, 0)


def carry(
    frames: Iterable[FrameBlock],
    worker: WorkerStages,
    analysis: AnalysisStages,
    results: Results,
    after_block: Callable[[int], None],
) -> None:
    """Carry packets to findings in this process until the source ends.

    `after_block` is told the event clock, in nanoseconds, after every block.
    """
    for flows in run_ahead((worker.count(block) for block in frames), _AHEAD):
        step = worker.name(flows)
        analysis.take(step, results)
        after_block(step.clock_ns)
    for step in worker.finish():
        analysis.take(step, results)
        after_block(step.clock_ns)
    analysis.finish(results)
