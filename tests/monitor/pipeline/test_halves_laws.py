"""Laws of the join that hold for any packets at all: nothing is lost, doubled or kept for ever."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st
from numpy.typing import NDArray

from monitor.pipeline.halves import HalfJoin
from monitor.pipeline.handover import MAX_WORKERS, Step
from monitor.pipeline.merge import Merge
from tests.wire.flows.frames import block_of
from tests.wire.flows.plain_table import Packet
from tests.wire.flows.test_table_twin import frame_of, packet_lists
from wire.flows.index import VLAN_IGNORE
from wire.flows.records import REF_OPEN
from wire.flows.table import FlowOutput, FlowSettings, FlowTable
from wire.names.events import EVENT, EVENT_OPEN
from wire.names.facts import FACTS

_KEY = ("client_hi", "client_lo", "server_hi", "server_lo", "client_port", "server_port", "protocol")


def opens_of(flows: FlowOutput) -> NDArray[np.void]:
    """The openings of a stretch as EVENTs, as a Namer writes them."""
    opens = flows.refs[flows.refs["kind"] == REF_OPEN]
    events = np.zeros(len(opens), EVENT)
    for name in (*_KEY, "flow", "timestamp_ns", "fresh", "vlan", "vlan_inner"):
        events[name] = opens[name]
    events["kind"] = EVENT_OPEN
    events["order"] = np.minimum(opens["timestamp_ns"], flows.clock_ns)
    return events


def step_of(worker: int, flows: FlowOutput, last: bool = False) -> Step:
    step = Step(worker, flows.clock_ns + 1, clock_ns=flows.clock_ns, last=last)
    step.events, step.deltas, step.rows = opens_of(flows), flows.deltas, flows.rows
    for what in ("delta", "row"):
        n = len(getattr(step, f"{what}s"))
        setattr(step, f"{what}_facts", np.zeros(n, FACTS))
        setattr(step, f"{what}_query_offsets", np.zeros(n + 1, np.int64))
    for records in (step.events, step.deltas, step.rows):
        records["flow"] = records["flow"] * MAX_WORKERS + worker
    return step


def joined(
    packets: list[Packet], settings: FlowSettings, stretch: int, secret: int
) -> tuple[HalfJoin, list[Step], int]:
    """The steps behind the join; each packet goes to the worker of its direction; and what was decoded."""
    tables = [FlowTable(settings), FlowTable(settings)]
    merge, halves, out = Merge(2), HalfJoin(1 << 10, VLAN_IGNORE), list[Step]()

    def take(step: Step) -> None:
        merge.add(step)
        due = merge.due()
        if due is not None:
            out.extend(halves.join(due)[1])

    for at in range(0, len(packets), stretch):
        some = packets[at : at + stretch]
        for worker, table in enumerate(tables):
            mine = [p for p in some if (p.source_port + len(p.source) ^ secret) & 1 == worker]
            if mine:
                for flows in table.advance(block_of([frame_of(packet) for packet in mine])):
                    take(step_of(worker, flows))
    for worker, table in enumerate(tables):
        ended = list(table.finish())
        for i, flows in enumerate(ended):
            take(step_of(worker, flows, last=i == len(ended) - 1))
    out.extend(halves.rest())
    return halves, out, sum(table.counters()["decoded"] for table in tables)


@examples(max_examples=60)
@given(
    packet_lists(),
    st.sampled_from((FlowSettings(), FlowSettings(max_flows=3, active_timeout_seconds=5.0))),
    st.integers(1, 40),
    st.integers(0, 1),
)
def test_every_packet_stands_in_one_row_and_one_delta(
    packets: list[Packet], settings: FlowSettings, stretch: int, secret: int
) -> None:
    halves, steps, decoded = joined(packets, settings, stretch, secret)
    rows = np.concatenate([step.rows for step in steps])
    deltas = np.concatenate([step.deltas for step in steps])
    assert int(rows["packets"].sum()) == decoded
    assert int(deltas["packets_c2s"].sum() + deltas["packets_s2c"].sum()) == decoded
    for what in ("bytes", "payload_bytes"):
        assert rows[what].sum() == deltas[f"{what}_c2s"].sum() + deltas[f"{what}_s2c"].sum(), what
    assert (rows["ts_start_ns"] <= rows["ts_end_ns"]).all()
    assert not halves.meetings.any, "nothing is kept of flows that are over"
    ended = rows["flow"][rows["checkpoint"] == 0]
    assert len(np.unique(ended)) == len(ended), "a flow ends once"
    opened = deltas["flow"][deltas["opened"] == 1]
    assert len(np.unique(opened)) == len(opened), "and opens once"
    for step in steps:
        step.check()


@examples(max_examples=30)
@given(packet_lists())
def test_a_flow_seen_whole_by_one_worker_is_passed_on_untouched(packets: list[Packet]) -> None:
    table, merge, halves = FlowTable(FlowSettings()), Merge(2), HalfJoin(1 << 10, VLAN_IGNORE)
    merge.leave(1)
    given_in, out = [], []
    blocks = [block_of([frame_of(packet) for packet in packets])]
    flows = [each for block in blocks for each in table.advance(block)] + list(table.finish())
    for each in flows:
        step = step_of(0, each)
        given_in.append(step.rows.tobytes() + step.deltas.tobytes())
        merge.add(step)
        due = merge.due()
        if due is not None:
            out += [step.rows.tobytes() + step.deltas.tobytes() for step in halves.join(due)[1]]
    assert b"".join(out) == b"".join(given_in)
    assert halves.meetings.met == 0
