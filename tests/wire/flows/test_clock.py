"""The event clock and the minutes that it closes."""

from __future__ import annotations

import pytest

from tests.wire.flows.connections import HOUR, TICK, YEAR, C
from tests.wire.flows.frames import (
    CLIENT,
    SECOND,
    SERVER,
    START,
    SYN,
    Frame,
    Result,
    block_of,
    carry,
    tcp,
    timed,
    udp,
)
from wire.flows.table import FlowTable


def ticks(*seconds: float) -> Result:
    packets = [(at, udp(CLIENT, 1000 + k, SERVER, 9)) for k, at in enumerate(seconds)]
    result = carry(timed(packets), block_frames=1)
    result.check_accounting()
    return result


def test_the_clock_is_the_highest_time_seen() -> None:
    result = ticks(0, 10, 5, 20)
    assert [(clock - START) // SECOND for clock in result.clocks] == [0, 10, 10, 20, 20]
    assert result.counters["late_packets"] == 1


def test_a_lone_packet_far_ahead_does_not_move_the_clock() -> None:
    result = ticks(0, 1, YEAR, 2, 3)
    assert [(clock - START) // SECOND for clock in result.clocks] == [0, 1, 1, 2, 3, 3]
    assert result.counters["clock_jumps_held"] == 1
    result = ticks(0, HOUR, 2 * HOUR + 0.001)
    assert result.counters["clock_jumps_held"] == 1
    assert (result.clocks[-1] - START) // SECOND == HOUR


def test_two_in_a_row_move_it() -> None:
    result = ticks(0, YEAR, YEAR + 1, YEAR + 2)
    assert [(clock - START) // SECOND for clock in result.clocks] == [0, 0, YEAR + 1, YEAR + 2, YEAR + 2]
    assert result.counters["late_packets"] == 0


def test_the_flow_of_a_lone_packet_far_ahead_does_not_keep_others_open() -> None:
    """It would stand at the head of its list with a time that the clock never reaches."""
    far = (YEAR, udp(CLIENT, 1, SERVER, 9))
    packets = [(0, TICK), far, *[(k, udp(CLIENT, 1000 + k, SERVER, 9)) for k in range(1, 5)]]
    table = FlowTable()
    list(table.advance(block_of(timed([*packets, (100, tcp(*C, SYN))]))))
    assert table.active_flows == 1


def test_gaps_of_centuries_are_not_iterated() -> None:
    # A minute-by-minute walk over these would take hours.
    result = ticks(*[k * 30 * YEAR for k in range(8)], 7 * 30 * YEAR + 1)
    assert len(result.rows) == 9


def test_times_at_both_ends_of_the_scale() -> None:
    packet = udp(CLIENT, 1, SERVER, 9)
    times = (-(2**63), -1, 0, 1, 2**63 - 1, 2**63 - 1, -(2**63), 0)
    carry([Frame(packet, at) for at in times]).check_accounting()


@pytest.mark.parametrize("start", [START, 0])
def test_a_minutes_delta_is_out_when_the_minute_ends_while_the_flow_is_open(start: int) -> None:
    packet = udp(CLIENT, 50000, SERVER, 443, bytes(10))
    reply = udp(SERVER, 443, CLIENT, 50000)
    table = FlowTable()
    frames = timed([(10, packet), (30, packet), (59.9, reply)], start)
    assert sum(len(output.deltas) for output in table.advance(block_of(frames))) == 0
    (output,) = table.advance(block_of(timed([(60, TICK)], start)))
    assert output.clock_ns == start + 60 * SECOND
    assert len(output.rows) == 0
    (delta,) = output.deltas
    assert delta["window_start_ns"] == start
    assert (delta["packets_c2s"], delta["packets_s2c"]) == (2, 1)
    assert (delta["payload_bytes_c2s"], delta["payload_bytes_s2c"]) == (20, 0)
    assert (delta["bytes_c2s"], delta["bytes_s2c"]) == (76, 28)
    assert (delta["opened"], delta["over"], delta["answered"]) == (1, 0, 1)
    (output,) = table.advance(block_of(timed([(70, packet), (120, TICK)], start)))
    # Both flows had packets in the second minute.
    ours = output.deltas[output.deltas["protocol"] == 17]
    assert ours["opened"].tolist() == [0]
    assert ours["window_start_ns"].tolist() == [start + 60 * SECOND]


def test_a_late_packet_lands_in_its_own_minute() -> None:
    packet = udp(CLIENT, 50000, SERVER, 443)
    result = carry(timed([(10, packet), (70, packet), (50, packet), (71, packet)]))
    result.check_accounting()
    told = [
        ((int(d["window_start_ns"]) - START) // (60 * SECOND), int(d["packets_c2s"])) for d in result.deltas
    ]
    assert sorted(told) == [(0, 1), (0, 1), (1, 1), (1, 1)]
