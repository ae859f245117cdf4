"""Who opened a flow, how it ended, timeouts, eviction, port reuse, faults."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.wire.flows.connections import CLOSED, HANDSHAKE, TICK, C, S, ends, only
from tests.wire.flows.frames import (
    ACK,
    CLIENT,
    ETHERNET,
    FIN,
    RAW,
    RST,
    SECOND,
    SERVER,
    START,
    SYN,
    Frame,
    block_of,
    carry,
    ip,
    key_of,
    tcp,
    timed,
    udp,
)
from wire.flows.records import TCP_END_NAMES
from wire.flows.table import FlowSettings, FlowTable

# Who is the client


def test_the_sender_of_the_syn_is_the_client_even_from_a_service_port() -> None:
    row = only(
        carry(
            timed(
                [(0, tcp(CLIENT, 443, SERVER, 50000, SYN)), (1, tcp(SERVER, 50000, CLIENT, 443, SYN | ACK))]
            )
        )
    )
    assert key_of(row) == ("tcp", CLIENT, 443, SERVER, 50000)
    assert row["midstream"] == 0


def test_the_sender_of_a_syn_ack_is_the_server_and_the_opening_was_missed() -> None:
    row = only(
        carry(
            timed(
                [(0, tcp(SERVER, 50000, CLIENT, 443, SYN | ACK)), (1, tcp(CLIENT, 443, SERVER, 50000, ACK))]
            )
        )
    )
    assert key_of(row) == ("tcp", CLIENT, 443, SERVER, 50000)
    assert row["midstream"] == 1


@pytest.mark.parametrize(
    ("source_port", "target_port", "sender_is_client"),
    [(50000, 443, True), (443, 50000, False), (8080, 50000, False), (60000, 50000, True), (53, 53, True)],
)
@pytest.mark.parametrize("build", [lambda *ends: tcp(*ends, ACK, 1), udp])
def test_without_a_syn_the_ports_tell(
    build: Any, source_port: int, target_port: int, sender_is_client: bool
) -> None:
    row = only(carry(timed([(0, build(CLIENT, source_port, SERVER, target_port))])))
    assert key_of(row)[1] == (CLIENT if sender_is_client else SERVER)
    assert row["midstream"] == (key_of(row)[0] == "tcp")


# How it ended


def test_fin_from_both_sides() -> None:
    packets = [
        *HANDSHAKE,
        (1, tcp(*C, FIN | ACK, 1000)),
        (1.1, tcp(*S, FIN | ACK, 5000)),
        (1.2, tcp(*C, ACK, 1001)),
    ]
    result = carry(timed(packets))
    only(result)
    assert ends(result) == ["fin"]
    assert result.deltas[-1]["ended"] == TCP_END_NAMES.index("fin")


def test_a_reset_after_both_fins_is_still_a_fin() -> None:
    packets = [
        *HANDSHAKE,
        (1, tcp(*C, FIN | ACK, 1000)),
        (1.1, tcp(*S, FIN | ACK, 5000)),
        (1.2, tcp(*C, RST, 1001)),
    ]
    assert ends(carry(timed(packets))) == ["fin"]


def test_reset() -> None:
    packets = [
        *HANDSHAKE,
        (1, tcp(*C, FIN | ACK, 1000)),
        (1.1, tcp(*S, RST, 5000)),
        (1.2, tcp(*S, FIN | ACK, 5000)),
    ]
    assert ends(carry(timed(packets))) == ["rst"]


def test_one_fin_is_no_end() -> None:
    assert ends(carry(timed([*HANDSHAKE, (1, tcp(*C, FIN | ACK, 1000))]))) == ["capture_end"]


@pytest.mark.parametrize(
    ("packets", "last", "idle"),
    [
        (HANDSHAKE[:1], 0.0, 30),  # opening
        (HANDSHAKE, 0.025, 300),  # established
        ([*HANDSHAKE, *CLOSED], 1.0, 10),  # closed
        ([(0, udp(CLIENT, 50000, SERVER, 443))], 0.0, 60),
        ([(0, ip(CLIENT, SERVER, 1, bytes([8, 0]) + bytes(6)))], 0.0, 30),  # other
    ],
)
def test_idle_timeout_of_each_kind(packets: Any, last: float, idle: int) -> None:
    for seconds, is_over in ((last + idle - 0.001, False), (last + idle, True)):
        table = FlowTable()
        outputs = list(table.advance(block_of(timed([*packets, (seconds, TICK)]))))
        rows = np.concatenate([output.rows for output in outputs])
        assert len(rows) == is_over
        # The watcher's own flow stands beside it.
        assert table.active_flows == 1 + (not is_over)
        if is_over and len(packets) < 5:
            assert TCP_END_NAMES[int(rows[0]["tcp_end"])] == (
                "timeout" if rows[0]["protocol"] == 6 else "none"
            )


def test_idle_timeouts_are_configured() -> None:
    settings = FlowSettings(idle_seconds=(1, 1, 1, 2, 1))
    packet = udp(CLIENT, 50000, SERVER, 443)
    assert len(carry(timed([(0, packet), (1.999, packet)]), settings).rows) == 1
    assert len(carry(timed([(0, packet), (2.0, packet)]), settings).rows) == 2


def test_the_longest_idle_of_all_kinds_is_evicted() -> None:
    flows = {
        "tcp": tcp(CLIENT, 1, SERVER, 443, SYN, 5),
        "udp": udp(CLIENT, 2, SERVER, 443),
        "icmp": ip(CLIENT, SERVER, 1, bytes([8, 0]) + bytes(6)),
    }
    for oldest in flows:
        others = [name for name in flows if name != oldest]
        packets = [(0, flows[others[0]]), (1, flows[oldest]), (2, flows[others[1]]), (3, flows[others[0]])]
        result = carry(timed([*packets, (4, udp(CLIENT, 9, SERVER, 9))]), FlowSettings(max_flows=3))
        result.check_accounting()
        assert result.counters["flows_evicted"] == 1
        assert key_of(result.rows[0])[0] == oldest
        assert ends(result)[0] == ("evicted" if oldest == "tcp" else "none")


def test_an_expired_flow_goes_before_one_is_evicted() -> None:
    packets = [
        (0, udp(CLIENT, 1, SERVER, 9)),
        (59.95, tcp(CLIENT, 2, SERVER, 9, SYN)),
        (60.0, tcp(CLIENT, 3, SERVER, 9, SYN)),
    ]
    result = carry(timed(packets), FlowSettings(max_flows=2))
    assert result.counters["flows_evicted"] == 0
    assert key_of(result.rows[0])[0] == "udp"


def test_a_table_of_one_flow_stays_sound() -> None:
    packets = [(k / 10, udp(CLIENT, 1000 + k, SERVER, 9)) for k in range(200)]
    result = carry(timed(packets), FlowSettings(max_flows=1))
    result.check_accounting()
    assert result.counters["flows_evicted"] == 199
    assert result.rows["client_port"].tolist() == list(range(1000, 1200))


def test_many_flows_that_come_and_go_are_found_again() -> None:
    order = np.random.default_rng(1).integers(0, 3000, 20_000)
    frames = [
        Frame(udp(CLIENT, 1000 + int(port), SERVER, 9), START + k * 1000) for k, port in enumerate(order)
    ]
    result = carry(frames, FlowSettings(max_flows=4096))
    result.check_accounting()
    ports, counts = np.unique(order + 1000, return_counts=True)
    assert dict(
        zip(result.rows["client_port"].tolist(), result.rows["packets"][:, 0].tolist(), strict=True)
    ) == dict(zip(ports.tolist(), counts.tolist(), strict=True))
    churned = carry(frames, FlowSettings(max_flows=700))
    churned.check_accounting()
    assert churned.counters["flows_evicted"] == len(churned.rows) - 700


# Long flows


def test_checkpoints_cover_their_row_alone_and_share_the_flow_id() -> None:
    packet = udp(CLIENT, 50000, SERVER, 443, bytes(100))
    reply = udp(SERVER, 443, CLIENT, 50000, bytes(10))
    packets = [
        (0, packet),
        (50, reply),
        (100, packet),
        (150, packet),
        (200, packet),
        (250, packet),
        (299.9, packet),
    ]
    packets += [(300, packet), (350, packet), (409, reply)]
    result = carry(timed(packets))
    result.check_accounting()
    first, second = result.rows
    assert first["checkpoint"] == 1
    assert second["checkpoint"] == 0
    assert first["flow_id"] == second["flow_id"]
    assert first["flow"] == second["flow"]
    assert (first["packets"].tolist(), second["packets"].tolist()) == ([6, 1], [2, 1])
    assert (first["payload_bytes"].tolist(), second["payload_bytes"].tolist()) == ([600, 10], [200, 10])
    assert first["ts_start_ns"] == START
    assert first["ts_end_ns"] == START + int(299.9 * SECOND)
    assert second["ts_start_ns"] == START + 300 * SECOND
    assert second["ts_end_ns"] == START + 409 * SECOND
    assert second["flow_start_ns"] == START
    # The gap between two rows belongs to neither.
    assert second["iat_max_ms"][0] == 50_000
    assert np.isnan(second["iat_mean_ms"][1])
    assert result.deltas["over"].tolist().count(1) == 1


def test_flow_ids_are_keyed_and_differ_by_flow() -> None:
    frames = timed(
        [(0, udp(CLIENT, 1, SERVER, 9)), (0, udp(CLIENT, 2, SERVER, 9)), (61, udp(CLIENT, 1, SERVER, 9))]
    )
    plain = carry(frames, FlowSettings(flow_id_key=1)).rows["flow_id"].tolist()
    assert len(set(plain)) == 3
    assert plain == carry(frames, FlowSettings(flow_id_key=1)).rows["flow_id"].tolist()
    assert not set(plain) & set(carry(frames, FlowSettings(flow_id_key=2)).rows["flow_id"].tolist())


# Port reuse


def test_a_new_syn_after_the_end_is_a_new_flow() -> None:
    result = carry(timed([*HANDSHAKE, *CLOSED, (1.5, tcp(*C, SYN, 77_000)), (1.6, tcp(*S, SYN | ACK, 1))]))
    result.check_accounting()
    assert ends(result) == ["fin", "capture_end"]
    assert result.rows[1]["packets"].tolist() == [1, 1]
    assert result.rows[0]["flow_id"] != result.rows[1]["flow_id"]


def test_a_syn_with_another_number_is_a_new_flow_and_a_repeated_one_is_not() -> None:
    result = carry(timed([*HANDSHAKE[:1], (1, tcp(*C, SYN, 999)), (3, tcp(*C, SYN, 999))]))
    assert only(result)["retransmissions"].tolist() == [2, 0]
    result = carry(timed([*HANDSHAKE, (2, tcp(*C, SYN, 5))]))
    result.check_accounting()
    assert ends(result) == ["timeout", "capture_end"]


def test_late_packets_of_a_closed_connection_stay_with_it() -> None:
    only(carry(timed([*HANDSHAKE, *CLOSED, (2, tcp(*C, ACK, 1001)), (3, tcp(*S, RST, 5001))])))


# VLANs, settings, faults


def test_vlan_in_the_key_is_a_setting() -> None:
    frames = [
        Frame(udp(CLIENT, 1, SERVER, 9), START, vlan=1),
        Frame(udp(SERVER, 9, CLIENT, 1), START, vlan=2),
    ]
    assert len(carry(frames, FlowSettings(vlan="ignore")).rows) == 1
    assert len(carry(frames, FlowSettings(vlan="outer")).rows) == 2
    assert len(carry(frames, FlowSettings(vlan="full")).rows) == 2


@pytest.mark.parametrize("settings", [{"max_flows": 0}, {"vlan": "sometimes"}])
def test_settings_that_mean_nothing_are_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="flow table"):
        FlowTable(FlowSettings(**settings))


def test_an_index_error_costs_its_block_and_leaves_a_sound_table() -> None:
    """A block that breaks its promise makes a guard fire; the next block is read as ever."""
    broken = block_of(timed([(0, udp(CLIENT, 1, SERVER, 9)), (1, udp(CLIENT, 2, SERVER, 9))]))
    broken.timestamp_ns = broken.timestamp_ns[:1]
    table = FlowTable()
    list(table.advance(broken))
    assert table.counters()["kernel_faults"] == 1
    assert table.active_flows == 0
    outputs = [*table.advance(block_of(timed([(2, udp(CLIENT, 3, SERVER, 9))]))), *table.finish()]
    rows = np.concatenate([output.rows for output in outputs])
    assert [key_of(row) for row in rows] == [("udp", CLIENT, 3, SERVER, 9)]
    assert rows[0]["flow"] == 2


@pytest.mark.parametrize("ends", [False, True])
def test_an_index_error_without_frames_is_counted_and_leaves_a_sound_table(ends: bool) -> None:
    """It would end the live worker, whose silences are ticks."""
    table = FlowTable()
    list(table.advance(block_of(timed([(0, udp(CLIENT, 1, SERVER, 9))]))))
    table._table.heads[:] = 1 << 20  # type: ignore[attr-defined]  # as a stray write would leave it
    list(table.finish() if ends else table.tick(START + 3600 * SECOND))
    assert table.counters()["kernel_faults"] == 1
    assert table.active_flows == 0
    outputs = [*table.advance(block_of(timed([(2, udp(CLIENT, 3, SERVER, 9))]))), *table.finish()]
    rows = np.concatenate([output.rows for output in outputs])
    assert [key_of(row) for row in rows] == [("udp", CLIENT, 3, SERVER, 9)]


def test_a_tick_yields_all_that_is_due_and_takes_little_room_when_nothing_is() -> None:
    flows = 3_000
    table = FlowTable()
    list(table.advance(block_of(timed([(0, udp(CLIENT, 1_000 + k, SERVER, 9)) for k in range(flows)]))))
    (quiet,) = table.tick(START + SECOND)
    for records in (quiet.rows, quiet.deltas, quiet.refs):
        assert records.base is None  # nothing larger is held by it
        assert records.nbytes < 1 << 18
    rows = np.concatenate([output.rows for output in table.tick(START + 3600 * SECOND)])
    assert sorted(row["client_port"] for row in rows) == list(range(1_000, 1_000 + flows))
    assert table.active_flows == 0


@pytest.mark.parametrize("link_type", [ETHERNET, RAW])
def test_frames_outside_their_buffer_are_truncated(link_type: int) -> None:
    """Offsets whose sum with a length overflows lie outside, too."""
    packet = udp(CLIENT, 1, SERVER, 9)
    frame = packet if link_type == RAW else bytes(12) + b"\x08\x00" + packet
    block = block_of(timed([(0, frame)] * 5), (link_type,))
    block.offset[:] = [-1, 0, 2**62, 2**63 - 1, -(2**63)]
    table = FlowTable()
    list(table.advance(block))
    assert table.rejects()["truncated_frame"] == 4
    assert table.counters()["kernel_faults"] == 0
    assert table.counters()["decoded"] == 1
