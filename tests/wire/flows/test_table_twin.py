"""The flow table against its plain twin, and laws that hold for any packets at all."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import wire.flows.table
from tests.wire.flows.frames import (
    ACK,
    FIN,
    PSH,
    RST,
    SECOND,
    START,
    SYN,
    Frame,
    Result,
    block_of,
    carry,
    key_of,
    tcp,
    udp,
)
from tests.wire.flows.plain_table import MINUTE, Packet, PlainTable
from wire.flows.records import FIRST_PACKETS, TCP_END_NAMES, UDP
from wire.flows.table import FlowSettings, FlowTable

ENDS = (
    (("10.0.0.1", 50000), ("192.0.2.1", 443)),
    (("10.0.0.1", 50001), ("192.0.2.1", 443)),
    (("10.0.0.2", 50000), ("192.0.2.1", 8080)),
    (("10.0.0.2", 53), ("192.0.2.1", 53)),
    (("2001:db8::1", 50000), ("2001:db8::2", 60000)),
)
MS = 1_000_000
YEAR = 365 * 86_400 * SECOND
GAPS = (0, 1, 1000, MS, 50 * MS, 120 * MS, 700 * MS, 1500 * MS, 3 * SECOND, 10 * SECOND, 61 * SECOND)
FLAGS = (SYN, SYN | ACK, ACK, ACK, ACK, PSH | ACK, PSH | ACK, FIN | ACK, FIN | ACK, RST, RST | ACK)


@st.composite
def packet_lists(draw: st.DrawFn, late: bool = False) -> list[Packet]:
    time = START + draw(st.sampled_from((0, 59_900 * MS, -START + 1)))
    steps = st.tuples(
        st.sampled_from(GAPS) | st.sampled_from((*GAPS, 7200 * SECOND, 3 * YEAR)),
        st.sampled_from(ENDS),
        st.booleans(),
        st.sampled_from(FLAGS),
        st.sampled_from((100, 100, 101, 102, 110, 120, 999, 1000, 5000)),
        st.sampled_from((0, 0, 1, 10, 100, 1400)),
        st.sampled_from((0, 1, 8192)),
        st.integers(1, 255),
        st.integers(0, 3).map(lambda n: n == 0),
        st.sampled_from((0, 0, 0, 30 * MS, 20 * SECOND, 90 * SECOND)) if late else st.just(0),
    )
    packets = []
    for gap, ends, reverse, flags, sequence, payload, window, ttl, is_udp, behind in draw(
        st.lists(steps, min_size=1, max_size=40)
    ):
        time += gap
        (a, a_port), (b, b_port) = reversed(ends) if reverse else ends
        at = max(time - behind, 1)
        tcp_only = (0, 0, 8192) if is_udp else (flags, sequence, window)
        packets.append(
            Packet(at, a, a_port, b, b_port, tcp_only[0], tcp_only[1], payload, tcp_only[2], ttl, is_udp)
        )
    return packets


def frame_of(packet: Packet) -> Frame:
    ends = (packet.source, packet.source_port, packet.target, packet.target_port)
    payload = bytes(packet.payload)
    if packet.udp:
        data = udp(*ends, payload, packet.ttl)
    else:
        data = tcp(*ends, packet.flags, packet.sequence, payload, packet.window, packet.ttl)
    return Frame(data, packet.timestamp_ns, packet.wire_bytes)


settings_drawn = st.builds(
    FlowSettings,
    max_flows=st.sampled_from((1, 2, 3, 100)),
    active_timeout_seconds=st.sampled_from((5.0, 300.0)),
    elephant_bytes=st.sampled_from((0, 0, 200, 2000)),
    idle_seconds=st.sampled_from(((1.0, 4.0, 0.5, 2.0, 1.0), (30.0, 300.0, 10.0, 60.0, 30.0))),
)


def row_facts(row: Any) -> dict[str, Any]:
    _, client, client_port, server, server_port = key_of(row)
    count = int(row["first_count"])
    assert not row["first_sizes"][count:].any()
    names = ("packets", "bytes", "payload_bytes", "size_mean", "size_std", "size_min", "size_max")
    names += ("iat_mean_ms", "iat_std_ms", "iat_min_ms", "iat_max_ms", "tcp_flags")
    names += ("retransmissions", "zero_windows", "ttl_min", "ttl_max")
    return {
        "flow": int(row["flow"]),
        "client": (client, client_port),
        "server": (server, server_port),
        "udp": int(row["protocol"]) == UDP,
        "ts_start_ns": int(row["ts_start_ns"]),
        "ts_end_ns": int(row["ts_end_ns"]),
        "flow_start_ns": int(row["flow_start_ns"]),
        "checkpoint": bool(row["checkpoint"]),
        "tcp_end": TCP_END_NAMES[int(row["tcp_end"])],
        "midstream": bool(row["midstream"]),
        "rtt_ms": float(row["rtt_ms"]),
        "first": [
            (int(size), int(gap))
            for size, gap in zip(row["first_sizes"][:count], row["first_gaps_us"][:count], strict=True)
        ],
        "directions": tuple({name: row[name][way].item() for name in names} for way in range(2)),
    }  # fmt: skip


def assert_same(ours: Any, theirs: Any, where: str, scale: float = 1.0) -> None:
    """Equal; floats within what single precision and cancellation in running sums cost."""
    if isinstance(theirs, dict):
        assert ours.keys() == theirs.keys()
        for key in theirs:
            # A standard deviation is a difference of sums, so its error goes with the largest value.
            largest = {"size_std": theirs.get("size_max"), "iat_std_ms": theirs.get("iat_max_ms")}.get(key)
            assert_same(ours[key], theirs[key], f"{where}.{key}", largest or 1.0)
    elif isinstance(theirs, tuple | list):
        assert len(ours) == len(theirs), where
        for at, (left, right) in enumerate(zip(ours, theirs, strict=True)):
            assert_same(left, right, f"{where}[{at}]")
    elif isinstance(theirs, float) or isinstance(ours, float):
        if math.isnan(theirs):
            assert math.isnan(ours), where
        else:
            assert ours == pytest.approx(theirs, rel=1e-6, abs=1e-6 * scale), where
    else:
        assert ours == theirs, where


def deltas_by_flow(result: Result) -> dict[int, list[dict[str, Any]]]:
    by_flow = defaultdict(list)
    for delta in result.deltas:
        facts = {
            "flow": int(delta["flow"]),
            "minute": int(delta["window_start_ns"]) // MINUTE,
            "over": bool(delta["over"]),
            "ended": TCP_END_NAMES[int(delta["ended"])],
            "opened": bool(delta["opened"]),
        }
        for name in ("packets", "bytes", "payload_bytes"):
            for way in ("c2s", "s2c"):
                facts[f"{name}_{way}"] = int(delta[f"{name}_{way}"])
        by_flow[facts["flow"]].append(facts)
    return by_flow


@given(packet_lists(), settings_drawn)
def test_rows_and_deltas_are_those_of_the_plain_table(packets: list[Packet], settings: FlowSettings) -> None:
    plain = PlainTable(settings)
    for packet in packets:
        plain.carry(packet)
    clock = plain.clock
    plain.finish()
    result = carry([frame_of(packet) for packet in packets], settings)
    result.check_accounting()
    assert result.clocks[-1] == clock
    assert result.counters["flows_evicted"] == plain.evicted
    ours = sorted((row_facts(row) for row in result.rows), key=lambda row: (row["flow"], row["ts_start_ns"]))
    theirs = sorted(plain.rows, key=lambda row: (row["flow"], row["ts_start_ns"]))  # type: ignore[arg-type,return-value]
    assert_same(ours, theirs, "rows")
    expected = defaultdict(list)
    for delta in plain.deltas:
        expected[delta["flow"]].append(delta)
    assert deltas_by_flow(result) == expected


@given(packet_lists(late=True), settings_drawn, st.integers(1, 7))
def test_conservation_and_bounds_for_packets_out_of_order(
    packets: list[Packet], settings: FlowSettings, block_frames: int
) -> None:
    result = carry([frame_of(packet) for packet in packets], settings, block_frames=block_frames)
    result.check_accounting()
    sums: dict[int, Counter[str]] = defaultdict(Counter)
    for delta in result.deltas:
        for name in ("packets", "bytes", "payload_bytes"):
            for way in ("c2s", "s2c"):
                sums[int(delta["flow"])][f"{name}_{way}"] += int(delta[f"{name}_{way}"])
    for row in result.rows:
        for name in ("packets", "bytes", "payload_bytes"):
            for way, column in enumerate(("c2s", "s2c")):
                sums[int(row["flow"])][f"{name}_{column}"] -= int(row[name][way])
        assert row["ts_start_ns"] <= row["ts_end_ns"]
        assert row["first_count"] <= FIRST_PACKETS
    assert not any(count for counts in sums.values() for count in counts.values())
    minutes = Counter(packet.timestamp_ns // MINUTE for packet in packets)
    told: Counter[int] = Counter()
    for delta in result.deltas:
        told[int(delta["window_start_ns"]) // MINUTE] += int(delta["packets_c2s"] + delta["packets_s2c"])
    assert told == minutes
    over = Counter(result.deltas["flow"][result.deltas["over"] == 1].tolist())
    assert set(over.values()) <= {1}


@given(packet_lists(late=True), settings_drawn, st.integers(1, 7))
def test_tiny_outputs_and_blocks_give_the_same_records(
    packets: list[Packet], settings: FlowSettings, block_frames: int
) -> None:
    frames = [frame_of(packet) for packet in packets]
    whole = carry(frames, settings)
    with pytest.MonkeyPatch.context() as patch:
        for name in ("_OUT_REFS", "_OUT_DELTAS", "_OUT_ROWS"):
            patch.setattr(wire.flows.table, name, 0)
        split = carry(frames, settings, block_frames=block_frames)
        # With room for one packet's output only, a block comes out in several pieces.
        pieces = list(FlowTable(settings).advance(block_of(frames)))
    assert len(pieces) >= min(2, len({(p.source, p.source_port, p.udp) for p in packets}))
    assert np.array_equal(whole.rows, split.rows) or whole.rows.tobytes() == split.rows.tobytes()
    assert np.array_equal(whole.deltas, split.deltas)
    assert whole.payloads == split.payloads
    assert whole.counters == split.counters
