"""Two workers that see a direction each of every flow tell the same as one that sees both."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import monitor.pipeline.halves
from detectors.track import Judged
from monitor.config.config import Campus, Config
from monitor.pipeline.halves import HalfJoin
from monitor.pipeline.pipeline import AnalysisStages, Place, WorkerStages
from monitor.pipeline.stages import StageSettings, settings_from
from sinks.records.flow_columns import FlowColumns, FlowRows, joined
from sinks.records.flow_order import order_of
from tests.monitor.pipeline.in_vxlan import OUTER, in_vxlan, tunnelled
from tests.wire.flows.frames import (
    ACK,
    ETHERNET,
    FIN,
    PSH,
    RST,
    SECOND,
    START,
    SYN,
    Frame,
    block_of,
    tcp,
    udp,
)
from wire.flows.index import VLAN_IGNORE
from wire.names.events import EVENT
from wire.names.meetings import Meetings

SLICE_NS = SECOND // 4


class Taken:
    """What analysis told."""

    def __init__(self) -> None:
        self.flows: list[FlowRows] = []
        self.judged: list[Judged] = []
        self.embeddings: object = ()

    def keep_flows(self, flows: FlowRows) -> None:
        self.flows.append(flows.owned())

    def take(self, judged: Judged) -> None:
        self.judged.append(judged)

    def close_history(self) -> None:
        pass


def slices(frames: list[Frame]) -> Iterator[tuple[int, list[Frame]]]:
    """The frames of each stretch of time with its end."""
    first = 0
    while first < len(frames):
        end_ns = (frames[first].timestamp_ns // SLICE_NS + 1) * SLICE_NS
        last = first
        while last < len(frames) and frames[last].timestamp_ns < end_ns:
            last += 1
        yield end_ns, frames[first:last]
        first = last


def worker_of(frame: Frame) -> int:
    """As a kernel shares out by the outer addresses and ports."""
    return frame.data[35] & 1


def run(frames: list[Frame], settings: StageSettings, workers: int) -> tuple[Taken, AnalysisStages]:
    stages = [WorkerStages(settings.flows, settings.names, Place(i, by_time=True)) for i in range(workers)]
    analysis = AnalysisStages(settings, workers, halves_may_part=True)
    taken = Taken()
    for end_ns, some in slices(frames):
        for i, stage in enumerate(stages):
            mine = [frame for frame in some if workers == 1 or worker_of(frame) == i]
            if mine:
                analysis.take(stage.advance(block_of(mine, (ETHERNET,))), taken)
            analysis.take(stage.tick(end_ns - 1), taken)
    for stage in stages:
        for step in stage.finish():
            analysis.take(step, taken)
    analysis.finish(taken)  # type: ignore[arg-type]
    return taken, analysis


def table(taken: Taken, analysis: AnalysisStages) -> list[str]:
    """Every column of every row, in order; as text, in which NaN equals NaN."""
    flows = joined(taken.flows)
    flows = flows.take(order_of(flows.rows))
    services = [each.id for each in analysis.detectors.catalogue.services]
    columns = FlowColumns(analysis.strings, services, [str(i) for i in range(64)], None)
    return [repr(row) for row in columns.table(flows).to_pylist()]


def judged(taken: Taken) -> tuple[list[bytes], list[str]]:
    """Windows and findings."""
    windows = np.concatenate([each.windows for each in taken.judged])
    told = [repr(finding) for each in taken.judged for finding in each.findings]
    return [window.tobytes() for window in windows], told


def connection(port: int, at: float, *, reset: bool = False, idle: float = 1.0) -> list[Frame]:
    """A connection inside the tunnel: opened, silent for `idle` seconds, used again, ended."""
    client, server = ("10.0.0.1", port, "192.0.2.1", 443), ("192.0.2.1", 443, "10.0.0.1", port)
    a, b = round(1_000 * at) + 100, round(3_000 * at) + 500  # initial sequence numbers
    said = [
        (0.0, tcp(*client, SYN, a)),
        (0.01, tcp(*server, SYN | ACK, b)),
        (0.02, tcp(*client, ACK, a + 1)),
        (0.03, tcp(*client, PSH | ACK, a + 1, b"x" * 50)),
        (0.04, tcp(*server, ACK, b + 1, b"y" * 500)),
        (idle, tcp(*client, PSH | ACK, a + 51, b"x" * 50)),
        (idle + 0.02, tcp(*server, ACK, b + 501, b"y" * 700)),
        (idle + 0.05, tcp(*server, FIN | ACK, b + 1201)),
        (idle + 0.06, tcp(*client, RST, a + 101) if reset else tcp(*client, FIN | ACK, a + 101)),
    ]
    return [tunnelled_at(at + after, packet) for after, packet in said]


def tunnelled_at(seconds: float, packet: bytes) -> Frame:
    return Frame(in_vxlan(OUTER + packet), START + round(seconds * SECOND))


def both(frames: list[Frame]) -> tuple[tuple[Taken, AnalysisStages], tuple[Taken, AnalysisStages]]:
    """The same frames through one worker and through two."""
    settings = settings_from(Config(campus=Campus(networks=("10.0.0.0/8",))), pseudonymise=False)
    frames = sorted(frames, key=lambda frame: frame.timestamp_ns)
    return run(frames, settings, 1), run(frames, settings, 2)


def halves_of(analysis: AnalysisStages) -> HalfJoin:
    assert analysis.halves is not None
    return analysis.halves


def assert_same(frames: list[Frame]) -> AnalysisStages:
    (whole, one), (parts, two) = both(frames)
    expected = table(whole, one)
    assert table(parts, two) == expected
    assert judged(parts) == judged(whole)
    assert halves_of(two).meetings.met > 0
    assert not halves_of(two).meetings.any, "what is over is forgotten"
    return two


def test_a_campus_in_a_tunnel(root: Path) -> None:
    assert_same(tunnelled(root / "pcaps" / "campus-day.pcap.zst")[:4_000])


@pytest.mark.slow
def test_a_whole_campus_day_in_a_tunnel(root: Path) -> None:
    assert_same(tunnelled(root / "pcaps" / "campus-day.pcap.zst"))


def test_names_of_every_kind_in_a_tunnel(root: Path) -> None:
    """DNS, TLS with its certificate, HTTP, QUIC, ICMP and ARP: each half knows something."""
    names = ("names-by-dns-answer", "curl-tls12", "curl-http", "dig", "chromium-quic", "arp-and-icmp")
    frames: list[Frame] = []
    for i, name in enumerate(names):  # one after the other
        own = tunnelled(root / "pcaps" / f"{name}.pcap")
        by = START + 20 * i * SECOND - min(frame.timestamp_ns for frame in own)
        frames += [replace(frame, timestamp_ns=frame.timestamp_ns + by) for frame in own]
    assert_same(frames)


def test_connections_that_idle_are_reset_or_come_again() -> None:
    frames = connection(40_000, 0)
    frames += connection(40_001, 1, idle=200)  # longer than an opening may take
    frames += connection(40_002, 2, reset=True)
    frames += connection(40_003, 3) + [
        frame for at in (20.0, 90.0) for frame in connection(40_003, at)
    ]  # the same ports once more
    assert_same(frames)


def test_a_server_that_is_silent_longer_than_a_datagram_flow_lives() -> None:
    """The other half ends and opens again while the first goes on: one flow, its counters whole."""
    client, server = ("10.0.0.1", 5_000, "192.0.2.1", 6_000), ("192.0.2.1", 6_000, "10.0.0.1", 5_000)
    frames = [tunnelled_at(20.0 * i, udp(*client, b"ping")) for i in range(12)]
    frames += [tunnelled_at(at, udp(*server, b"pong")) for at in (1.0, 2.0, 150.0)]
    (whole, _), (parts, _) = both(frames)
    rows, expected = joined(parts.flows).rows, joined(whole.flows).rows
    assert len(rows) == len(expected) == 1
    for name in ("packets", "bytes", "payload_bytes", "ts_start_ns", "ts_end_ns", "flow_id", "size_mean"):
        assert rows[name].tolist() == expected[name].tolist(), name
    assert judged(parts) == judged(whole)


def test_a_long_flow_yields_rows_whose_sums_are_the_same() -> None:
    client, server = ("10.0.0.1", 40_000, "192.0.2.1", 443), ("192.0.2.1", 443, "10.0.0.1", 40_000)
    frames = connection(40_000, 0, idle=1_000)[:5]
    frames += [tunnelled_at(1 + 7.0 * i, tcp(*client, ACK, 151 + i, b"a")) for i in range(140)]
    frames += [tunnelled_at(1.5 + 7.0 * i, tcp(*server, ACK, 1001 + 9 * i, b"b" * 9)) for i in range(140)]
    (whole, _), (parts, _) = both(frames)
    rows, expected = joined(parts.flows).rows, joined(whole.flows).rows
    assert len(rows) == len(expected) == 4
    assert set(rows["flow_id"].tolist()) == set(expected["flow_id"].tolist())
    for name in ("packets", "bytes", "payload_bytes"):
        assert rows[name].sum(axis=0).tolist() == expected[name].sum(axis=0).tolist()
    assert judged(parts) == judged(whole)


def test_what_nobody_answers_stays_as_it_is() -> None:
    frames = [tunnelled_at(i / 10, tcp("10.0.0.1", 40_000 + i, "192.0.2.1", 23, SYN)) for i in range(50)]
    (whole, one), (parts, two) = both(frames)
    assert table(parts, two) == table(whole, one)
    assert judged(parts) == judged(whole)
    assert halves_of(two).meetings.met == 0


def test_rows_wait_within_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(monitor.pipeline.halves, "MAX_WAITING_ROWS", 3)
    frames = [frame for i in range(20) for frame in connection(40_000 + i, i)]
    (whole, _), (parts, two) = both(frames)
    rows, expected = joined(parts.flows).rows, joined(whole.flows).rows
    assert rows["packets"].sum(axis=0).tolist() == expected["packets"].sum(axis=0).tolist()
    assert halves_of(two).given_up["rows"] > 0


def test_flows_without_room_stay_alone() -> None:
    meetings = Meetings(max_flows=4, workers=256, vlan=VLAN_IGNORE, secret=7)
    events = np.zeros(20, EVENT)
    events["client_lo"], events["server_lo"], events["protocol"] = 1, 2, 6
    events["client_port"] = np.arange(20) // 2  # each key at two workers
    events["flow"] = 256 * (1 + np.arange(20)) + np.arange(20) % 2
    own = meetings.meet(events)
    assert np.count_nonzero(~own) == meetings.met == 1
    assert meetings.refused > 0


def test_a_worker_that_dies_holds_nothing_back() -> None:
    settings = settings_from(Config(), pseudonymise=False)
    stages = [WorkerStages(settings.flows, settings.names, Place(i, by_time=True)) for i in range(2)]
    analysis, taken = AnalysisStages(settings, 2, halves_may_part=True), Taken()
    frames = connection(40_000, 0)
    for i, stage in enumerate(stages):
        mine = [frame for frame in frames if worker_of(frame) == i]
        analysis.take(stage.advance(block_of(mine, (ETHERNET,))), taken)
    analysis.leave(1, taken)
    analysis.enter(1)
    for step in stages[0].finish():
        analysis.take(step, taken)
    analysis.leave(0, taken)
    rows = joined(taken.flows).rows
    assert len(rows) == 1
    assert np.count_nonzero(rows["packets"][0]) == 1, "the half that is left"
    assert not halves_of(analysis).meetings.any
