"""The one place that knows every stage.

Packets from a campus tap go in at one end; at the other end come out classified flows, anomaly
scores, metrics and findings. The flow table runs ahead on a thread of its own (its kernels release
the interpreter's lock); names, classes, windows and records follow, block by block, in order.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from detectors.judge import Detectors
from monitor.ahead import run_ahead
from monitor.stages import StageSettings
from sinks.records.flow_columns import FlowRows
from sinks.results import Results
from wire.capture.frames import FrameBlock
from wire.flows.table import FlowOutput, FlowTable
from wire.names.namer import Namer

#: Blocks that the flow table may be ahead; each holds up to 65,536 frames and what they yielded.
_AHEAD = 2


@dataclass(slots=True)
class Stages:
    """The rooms that packets pass, in order."""

    table: FlowTable
    namer: Namer
    detectors: Detectors

    @classmethod
    def build(cls, settings: StageSettings) -> Stages:
        """All rooms, empty. Raises what Detectors raises for a catalogue or model it cannot use."""
        namer = Namer(settings.names)
        return cls(FlowTable(settings.flows), namer, Detectors(settings.detectors, namer.strings))


def carry(
    frames: Iterable[FrameBlock],
    stages: Stages,
    results: Results,
    after_block: Callable[[int], None],
) -> None:
    """Carry packets to findings until the source ends.

    `after_block` is told the event clock, in nanoseconds, after every block.
    """
    for flows in run_ahead(_flows_of(frames, stages.table), _AHEAD):
        _name(flows, stages.namer)
        _keep_ended(flows, stages, results)
        _judge(flows, stages, results)
        stages.namer.forget(flows.rows["flow"][flows.rows["checkpoint"] == 0])
        after_block(flows.clock_ns)
    results.close_history()
    results.take(stages.detectors.finish())


def _flows_of(frames: Iterable[FrameBlock], table: FlowTable) -> Iterator[FlowOutput]:
    """Decoded and counted: what each block yields, and at the end what was still open."""
    for block in frames:
        yield from table.advance(block)
    yield from table.finish()


def _name(flows: FlowOutput, namer: Namer) -> None:
    """Read names out of early payload, while the block's bytes are there."""
    if flows.block is not None:
        namer.read(flows.block.buffer, flows.refs)


def _keep_ended(flows: FlowOutput, stages: Stages, results: Results) -> None:
    """Rows of flows that ended or are due: named, classified, into the history."""
    serials = flows.rows["flow"]
    facts = stages.namer.facts(serials)
    service, category = stages.detectors.classify(facts)
    offsets, ids = stages.namer.dns_queries(serials)
    results.keep_flows(FlowRows(flows.rows, facts, service, category, offsets, ids))


def _judge(flows: FlowOutput, stages: Stages, results: Results) -> None:
    """What flows did in each minute: named, classified, judged in event time."""
    serials = flows.deltas["flow"]
    facts = stages.namer.facts(serials)
    _, category = stages.detectors.classify(facts)
    stages.detectors.take_opens(flows.refs)
    stages.detectors.take(flows.deltas, facts, category, stages.namer.dns_queries(serials))
    results.take(stages.detectors.advance(flows.clock_ns))
