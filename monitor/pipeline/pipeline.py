"""The one place that knows every stage.

Packets from a campus tap go in at one end; at the other end come out classified flows, anomaly
scores, metrics and findings. A worker counts packets to flows and reads what their first bytes say;
the analysis joins the workers, names and classifies flows, judges and records. They hand over
`Step`s: in one process from thread to thread, else over a socket (handover.py).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from detectors.catalogue.settings import CatalogueSettings
from detectors.judge import Detectors
from detectors.track import Judged
from monitor.pipeline.ahead import run_ahead
from monitor.pipeline.halves import HalfJoin
from monitor.pipeline.handover import CAPTURE_COUNTERS, MAX_WORKERS, STEP_COUNTERS, Step
from monitor.pipeline.merge import Due, Merge
from monitor.pipeline.stages import StageSettings
from sinks.records.flow_columns import FlowRows
from sinks.results import Results
from wire.capture.frames import FrameBlock
from wire.flows.records import FLOW_ROW
from wire.flows.table import FlowOutput, FlowSettings, FlowTable
from wire.names.facts import FACTS
from wire.names.join import NameJoin, translate
from wire.names.namer import BY_TIME, Namer, NamerSettings
from wire.record_arrays import joined

#: Blocks that the flow table may be ahead; each holds up to 65,536 frames and what they yielded.
_AHEAD = 2
#: Steps that names may be ahead of analysis, which stops for some tenths of a second when a minute is over.
_STEPS_AHEAD = 16
_STEPS_AHEAD_BYTES = 64 << 20
_NO_ROWS, _NO_FACTS = np.zeros(0, FLOW_ROW), np.zeros(0, FACTS)
_NO_CAPTURE_COUNTS = (0,) * len(CAPTURE_COUNTERS)
#: Serials of one life of a worker: a month at a million flows a second.
_SERIALS = 1 << 42
_LIVES = 1 << 12


@dataclass(frozen=True, slots=True)
class Place:
    """Which worker this is: number `worker`, in its `life`-th life.

    of: how many workers are shown the same frames and keep their share each; 1 where the capture
    spreads them. by_time: events are ordered by time, not by the number of the frame.
    """

    worker: int = 0
    life: int = 0
    of: int = 1
    by_time: bool = False


ALONE = Place()


class WorkerStages:
    """The rooms on the worker's side: flow table, then names."""

    def __init__(self, flows: FlowSettings, names: NamerSettings, place: Place = ALONE) -> None:
        self._place = place
        first_serial = place.life % _LIVES * _SERIALS + 1
        self.table = FlowTable(flows, place.worker if place.of > 1 else 0, place.of, first_serial)
        self.namer = Namer(names)
        self.capture_counts: tuple[int, ...] = _NO_CAPTURE_COUNTS  # as CAPTURE_COUNTERS has them
        self._told_strings = 0
        self._frames = 0

    def advance(self, block: FrameBlock) -> Step:
        """Carry a block through; what it yielded. The block's buffer is not needed afterwards."""
        return self.read(self.count(block))

    def tick(self, clock_ns: int) -> Step:
        """No packet came by `clock_ns`: what is due by then."""
        flows = _one(list(self.table.tick(clock_ns)))
        flows.clock_ns = max(flows.clock_ns, clock_ns)
        return self.read(flows)

    def finish(self) -> Iterator[Step]:
        """End all open flows; the last step says that it is."""
        step = None
        for flows in self.table.finish():
            if step is not None:
                yield step
            step = self.read(flows)
            step.ends = not self._place.by_time  # live nobody can ask again, and they need not be held
        assert step is not None
        step.last = True
        yield step

    def count(self, block: FrameBlock) -> FlowOutput:
        """Decoded and counted; may run on another thread than `read`, a few blocks ahead."""
        return _one(list(self.table.advance(block)))

    def read(self, flows: FlowOutput) -> Step:
        """Read early payload while the block's bytes are there; join what it says to what is due."""
        step = Step(self._place.worker, self._frames, clock_ns=flows.clock_ns)
        step.active_flows, step.deltas, step.rows = flows.active_flows, flows.deltas, flows.rows
        if flows.block is not None:
            step.since_ns = int(flows.block.timestamp_ns.min(initial=flows.clock_ns))
            first_frame = BY_TIME if self._place.by_time else self._frames
            step.events = self.namer.read(flows.block.buffer, flows.refs, first_frame)
            self._frames += len(flows.block)
        step.reached = self._frames
        if self._place.by_time:
            # A packet from far ahead does not wait until its time has come.
            np.minimum(step.events["order"], flows.clock_ns, out=step.events["order"])
            step.reached = flows.clock_ns + 1
        serials = flows.deltas["flow"]
        step.delta_facts = self.namer.facts(serials)
        step.delta_query_offsets, step.delta_query_ids = self.namer.dns_queries(serials)
        serials = flows.rows["flow"]
        step.row_facts = self.namer.facts(serials)
        step.row_query_offsets, step.row_query_ids = self.namer.dns_queries(serials)
        self.namer.forget(_ended(flows.rows))
        step.string_lengths, step.string_bytes = self.namer.strings.since(self._told_strings)
        self._told_strings += len(step.string_lengths)
        step.counters = self._counters()
        return step

    def _counters(self) -> NDArray[np.int64]:
        counts = self.table.counters()
        counts |= {f"rejected_{name}": count for name, count in self.table.rejects().items()}
        counts |= {f"names_{name}": count for name, count in self.namer.counters.items()}
        told = [counts[name] for name in STEP_COUNTERS[: -len(self.capture_counts)]]
        return np.array([*told, *self.capture_counts], np.int64)


class Taker(Protocol):
    """Who takes what analysis yields: the results of a run, or of the daemon."""

    def keep_flows(self, flows: FlowRows) -> None:
        """Rows of flows, named and classified."""

    def take(self, judged: Judged) -> None:
        """Windows and findings that are decided."""


@dataclass(frozen=True, slots=True)
class Tables:
    """What analysis keeps of flows that are open, made for the sizes of one configuration."""

    join: NameJoin
    halves: HalfJoin | None


class AnalysisStages:
    """The rooms behind the workers: join, classes, windows, findings, and the records of all."""

    def __init__(
        self,
        settings: StageSettings,
        workers: int = 1,
        patience: int | None = None,
        halves_may_part: bool = False,
    ) -> None:
        """patience: see Merge. halves_may_part: the parts of a flow may come from several workers.

        Raises what Detectors raises for a catalogue or model it cannot use.
        """
        self._halves_may_part = halves_may_part and workers > 1
        self._workers = workers
        self._use(self.tables(settings))
        self.detectors = Detectors(settings.detectors, self.strings)
        self.clock_ns = 0  # the event clock that all workers have passed
        self.merge = Merge(workers, patience)
        self._ends: list[Step] = []  # of a replay, whose rows are in the history
        self._ended: list[NDArray[np.int64]] = []

    def take(self, step: Step, results: Taker) -> None:
        """Take a step; each worker's own come in their order. What is due goes into `results`."""
        self._tongues[step.worker].translate(step, self.join)
        self.merge.add(step)
        self._pass(results)

    def enter(self, worker: int) -> None:
        """A new life of a worker begins: its strings and its counters start anew."""
        self._tongues[worker] = _Tongue()
        self.join.forget_worker(worker, MAX_WORKERS)
        if self.halves is not None:
            self.halves.forget_worker(worker)

    def leave(self, worker: int, results: Taker) -> None:
        """A worker is gone; nothing waits for it any longer, until it sends a step again."""
        self._tongues[worker].active_flows = 0
        self.merge.leave(worker)
        self._pass(results)

    def tables(self, settings: StageSettings) -> Tables:
        """Empty tables for other settings, to be taken up when the workers begin anew."""
        halves = None
        if self._halves_may_part:
            halves = HalfJoin(self._workers * settings.flows.max_flows, settings.flows.vlan_mode)
        return Tables(NameJoin(settings.names), halves)

    def take_up(self, tables: Tables) -> None:
        """Go on with other tables. After `end_lives`; string ids of before mean nothing afterwards.

        The next lives of all workers are on their way.
        """
        if tables.halves is not None and self.halves is not None:
            tables.halves.follow(self.halves)
        self._use(tables)
        for worker in range(self._workers):
            self.merge.expect(worker)

    def end_lives(self, results: Taker) -> None:
        """The lives of all workers are over: what still waited for one of them waits no longer."""
        for worker in range(self._workers):
            self.merge.leave(worker)
        self._pass(results)
        self.give_out_halves(results)

    def so_far(self, results: Taker) -> None:
        """The daemon stops: what still waited, minutes that are over, findings that still go on."""
        self.end_lives(results)
        results.take(self.detectors.so_far(self.clock_ns))

    def finish(self, results: Results) -> None:
        """All workers have ended: close what is open."""
        self.give_out_halves(results)
        if self._ends:
            self._judge(self._ends)
        self._forget()
        results.close_history()
        results.take(self.detectors.finish())
        results.embeddings = self.detectors.embeddings()

    def reload(self, settings: CatalogueSettings, results: Results) -> None:
        """Go by another catalogue from the next step on. Raises CatalogueError and keeps the old one."""
        self.detectors.reload(settings)
        results.learn_services(self.detectors.catalogue.ids)

    @property
    def counters(self) -> dict[str, int]:
        """The counters of all workers and of the join, added up, by STEP_COUNTERS."""
        counts = sum((tongue.counters for tongue in self._tongues), np.zeros(len(STEP_COUNTERS), np.int64))
        named = dict(zip(STEP_COUNTERS, counts.tolist(), strict=True))
        for name, count in self.join.counters.items():
            named[f"names_{name}"] += count
        return named

    @property
    def active_flows(self) -> int:
        """Flows in the tables of all workers."""
        return sum(tongue.active_flows for tongue in self._tongues)

    def _use(self, tables: Tables) -> None:
        self.join, self.halves = tables.join, tables.halves
        self.strings = self.join.strings
        self._tongues = [_Tongue() for _ in range(self._workers)]

    def _pass(self, results: Taker) -> None:
        due = self.merge.due()
        if due is None:
            return
        events, steps = due.events, due.steps
        if self.halves is not None:
            events, steps = self.halves.join(due)
        self.join.apply(events)
        self.detectors.take_opens(events)
        self._carry(steps, results)
        self._close(due, results)

    def _carry(self, steps: list[Step], results: Taker) -> None:
        """Steps in their order to history, and together to minutes and counts.

        Together, since whose name was new must not depend on which worker saw it, nor in how many steps
        the flows end that are open when a capture ends.
        """
        for step in steps:
            self._keep(step, results)
            self._ended.append(_ended(step.rows))
            step.rows, step.row_facts = _NO_ROWS, _NO_FACTS
        self._ends += [step for step in steps if step.ends]
        if not_yet := [step for step in steps if not step.ends]:
            self._judge(not_yet)
        if not self._ends:
            self._forget()

    def _forget(self) -> None:
        """The flows that are over need no names any more."""
        for flows in self._ended:
            self.join.forget(flows)
        self._ended, self._ends = [], []

    def give_out_halves(self, results: Taker) -> None:
        """What still waits for its other half waits no longer."""
        if self.halves is not None:
            self._carry(self.halves.rest(), results)

    def _keep(self, step: Step, results: Taker) -> None:
        """Rows of flows that ended or are due: named, classified, into the history."""
        facts = step.row_facts
        self.join.name(step.rows["flow"], facts)
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

    def _judge(self, steps: list[Step]) -> None:
        """What flows did in each minute: named, classified, added to the minutes of their hosts."""
        deltas, facts = joined([step.deltas for step in steps]), joined([step.delta_facts for step in steps])
        counts = joined([np.diff(step.delta_query_offsets) for step in steps])
        offsets = np.concatenate([np.zeros(1, np.int64), np.cumsum(counts)])
        self.join.name(deltas["flow"], facts)
        classes = self.detectors.classify(facts, deltas)
        queries = offsets, joined([step.delta_query_ids for step in steps])
        self.detectors.take(deltas, facts, classes, queries)

    def _close(self, due: Due, results: Taker) -> None:
        """Minutes that are over for all workers: judged in event time."""
        self.clock_ns = max(self.clock_ns, due.clock_ns)
        results.take(self.detectors.advance(self.clock_ns))


class _Tongue:
    """One worker's numbers in the terms of all: its strings, its flows, its counters."""

    def __init__(self) -> None:
        self._ids = np.zeros(0, np.int32)
        self._known = 0
        self.counters = np.zeros(len(STEP_COUNTERS), np.int64)
        self.active_flows = 0

    def translate(self, step: Step, join: NameJoin) -> None:
        """Put a step into the terms of all, in place."""
        self.counters, self.active_flows = step.counters, step.active_flows
        self._learn(join.learn(step.string_lengths, step.string_bytes))
        ids = self._ids[: self._known]
        for facts in (step.delta_facts, step.row_facts):
            translate(ids, facts, step.worker, MAX_WORKERS)
        step.delta_query_ids = _translated(ids, step.delta_query_ids)
        step.row_query_ids = _translated(ids, step.row_query_ids)
        for name in ("name", "chain_end"):
            step.events[name] = _translated(ids, step.events[name])
        for records in (step.events, step.deltas, step.rows):
            records["flow"] = records["flow"] * MAX_WORKERS + step.worker

    def _learn(self, ids: NDArray[np.int32]) -> None:
        end = self._known + len(ids)
        if end > len(self._ids):
            self._ids = np.resize(self._ids, max(end, 2 * len(self._ids)))
        self._ids[self._known : end] = ids
        self._known = end


def _translated(ids: NDArray[np.int32], own: NDArray[np.int32]) -> NDArray[np.int32]:
    """The ids of all for a worker's own; -1 for those that it never told."""
    known = (own >= 0) & (own < len(ids))
    translated = np.full(len(own), -1, np.int32)
    translated[known] = ids[own[known]]
    return translated


def _ended(rows: NDArray[np.void]) -> NDArray[np.int64]:
    """The flows that are over with their row."""
    ended: NDArray[np.int64] = rows["flow"][rows["checkpoint"] == 0]
    return ended


def _one(outputs: list[FlowOutput]) -> FlowOutput:
    """The outputs of one stretch as one: what is known of a flow must not depend on where it was cut."""
    if len(outputs) == 1:
        return outputs[0]
    last = outputs[-1]
    refs, deltas, rows = (
        joined([getattr(each, name) for each in outputs]) for name in ("refs", "deltas", "rows")
    )
    return FlowOutput(last.block, refs, deltas, rows, last.clock_ns, last.active_flows)


def steps_of(frames: Iterable[FrameBlock], worker: WorkerStages) -> Iterator[Step]:
    """The steps of a worker in this process.

    The flow table runs ahead on a thread of its own, and names on another behind it: their kernels
    release the interpreter's lock. Each follows block by block, in order; analysis is let to fall behind
    for as long as it closes a minute.
    """
    counted = run_ahead((worker.count(block) for block in frames), _AHEAD)
    return run_ahead(_read(counted, worker), _STEPS_AHEAD, _STEPS_AHEAD_BYTES, lambda step: step.nbytes)


def _read(counted: Iterable[FlowOutput], worker: WorkerStages) -> Iterator[Step]:
    for flows in counted:
        yield worker.read(flows)
    yield from worker.finish()


def analyse(
    steps: Iterable[Step], analysis: AnalysisStages, results: Results, after_step: Callable[[int], None]
) -> None:
    """Carry steps to findings until they end; `after_step` is told the event clock, in nanoseconds."""
    for step in steps:
        analysis.take(step, results)
        after_step(analysis.clock_ns)
    analysis.finish(results)
