"""Host-minutes: counted by hand, against a plain twin, and at their bounds."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from detectors.campus_networks import DEFAULT_NETWORKS
from detectors.host_rows import AS_CLIENT, Ends, rows_of_clients, rows_of_hosts
from detectors.minutes import DNS_PORTS, SMALL_FLOW_PACKETS, summarise
from detectors.networks import Networks, address_pair, address_text, is_group
from detectors.window_features import FEATURE_NAMES
from detectors.windows import HostWindows
from tests.detectors.made_deltas import MINUTE, SILENT, START, deltas, pair, verdicts
from wire.flows.records import ARP, ICMP, TCP, UDP

CAMPUS = Networks(DEFAULT_NETWORKS)


def features(window: np.void) -> dict[str, float]:
    return dict(zip(FEATURE_NAMES, window["features"].tolist(), strict=True))


def test_a_host_counted_by_hand() -> None:
    made = deltas(
        {"server": "1.2.3.4"},
        {"server": "1.2.3.4", "packets_c2s": 2, "packets_s2c": 2, "bytes_c2s": 200, "bytes_s2c": 300},
        {"server": "5.6.7.8", "server_port": 80, **SILENT},
        {"server": "9.9.9.9", "server_port": 53, "protocol": UDP, "established": 0, "packets_c2s": 1,
         "packets_s2c": 1, "bytes_c2s": 80, "bytes_s2c": 120},
        {"client": "203.0.113.9", "server": "10.0.0.1", "server_port": 22},
    )  # fmt: skip
    known = verdicts(
        made,
        named=[1, 0, 0, 0, 0],
        category=[2, 7, 7, 7, 7],
        queries=[0, 0, 0, 2, 0],
        nxdomain=[0, 0, 0, 1, 0],
    )
    windows = summarise(rows_of_hosts(made, known, Ends.of(made, CAMPUS))).windows
    assert len(windows) == 1
    assert (windows["host_hi"][0], windows["host_lo"][0]) == pair("10.0.0.1")
    assert windows["window_start_ns"][0] == START
    seen = features(windows[0])
    bytes_out, bytes_in = 500 + 200 + 60 + 80 + 5000, 5000 + 300 + 120 + 500
    assert seen == pytest.approx(
        {
            "flows_opened": 4,
            "packets": 10 + 4 + 1 + 2 + 10,
            "bytes_out": bytes_out,
            "bytes_in": bytes_in,
            "out_share": bytes_out / (bytes_out + bytes_in),
            "servers": 3,
            "server_ports": 3,
            "failed_flows": 1,
            "failed_share": 1 / 4,
            "flows_per_server": 4 / 3,
            "dns_queries": 2,
            "nxdomain_share": 1 / 2,
            "unnamed_share": 2 / 3,
            "third_party_share": 1 / 3,
            "udp_share": 1 / 4,
            "inbound_flows": 1,
            "inbound_peers": 1,
            "small_flow_share": 3 / 4,
            "control_packets": 0,
            "frame_bytes_out": bytes_out / (5 + 2 + 1 + 1 + 5),
            **dict.fromkeys(FEATURE_NAMES[20:], 0),
            "failed_servers": 1,
            "unanswered_flows": 1,
            "nxdomains": 1,
            "unnamed_bytes_out": 200 + 60,
            "protocol_mix": -(25 / 27 * np.log2(25 / 27) + 2 / 27 * np.log2(2 / 27)),
        }
    )


def test_a_silent_server_and_an_empty_delta_make_no_window() -> None:
    made = deltas(
        {"client": "203.0.113.9", "server": "10.0.0.1", **SILENT},
        {"packets_c2s": 0, "packets_s2c": 0, "opened": 0},
    )
    assert len(rows_of_hosts(made, verdicts(made), Ends.of(made, CAMPUS))) == 0


def test_a_refused_flow_failed_and_a_reset_after_the_handshake_did_not() -> None:
    made = deltas(
        {"established": 0, "flags_s2c": 0x14},
        {"established": 1, "flags_s2c": 0x14},
        {"server": "224.0.0.251", "protocol": UDP, **SILENT},
    )
    assert rows_of_hosts(made, verdicts(made), Ends.of(made, CAMPUS))["failed"].tolist() == [1, 0, 0]


@pytest.mark.parametrize(
    ("address", "inside", "group"),
    [
        ("10.1.2.3", True, False),
        ("172.31.0.1", True, False),
        ("172.32.0.1", False, False),
        ("100.64.0.1", True, False),
        ("fd00::1", True, False),
        ("fe80::1", False, False),
        ("2001:db8::1", False, False),
        ("::a00:1", False, False),  # not the mapped form of 10.0.0.1
        ("239.255.255.250", False, True),
        ("255.255.255.255", False, True),
        ("192.168.1.255", True, True),
        ("ff02::fb", False, True),
    ],
)
def test_networks(address: str, inside: bool, group: bool) -> None:
    hi, lo = (np.array([half], np.uint64) for half in pair(address))
    assert CAMPUS.contain(hi, lo)[0] == inside
    assert is_group(hi, lo)[0] == group
    assert address_pair(address) == pair(address)
    assert address_pair(address_text(int(hi[0]), int(lo[0]))) == pair(address)


ADDRESSES = ["10.0.0.1", "10.0.0.2", "fd00::1", "1.2.3.4", "2001:db8::5", "224.0.0.9"]
FLOW = st.fixed_dictionaries(
    {
        "minute": st.integers(0, 2),
        "client": st.sampled_from(ADDRESSES[:5]),
        "server": st.sampled_from(ADDRESSES),
        "server_port": st.sampled_from([53, 80, 443, 22]),
        "protocol": st.sampled_from([TCP, UDP, ICMP, ARP]),
        "opened": st.integers(0, 1),
        "answered": st.integers(0, 1),
        "established": st.integers(0, 1),
        "flags_s2c": st.sampled_from([0, 4]),
        "packets_c2s": st.integers(0, 4),
        "packets_s2c": st.integers(0, 4),
        "bytes_c2s": st.integers(0, 10**12),
        "bytes_s2c": st.integers(0, 10**12),
    }
)
KNOWN = st.tuples(st.integers(0, 7), st.booleans(), st.integers(0, 3), st.integers(0, 3))


def plain_windows(rows: NDArray[np.void]) -> dict[tuple[int, int, int], dict[str, float]]:
    """The twin of summarise: one row after the other, sets and sums."""
    hosts: dict[tuple[int, int, int], dict[str, Any]] = defaultdict(lambda: defaultdict(int))
    sets: dict[tuple[int, int, int], dict[str, set[Any]]] = defaultdict(lambda: defaultdict(set))
    for row in rows:
        key = (int(row["window_start_ns"]), int(row["host_hi"]), int(row["host_lo"]))
        n, seen = hosts[key], sets[key]
        client, opened, protocol = row["role"] == AS_CLIENT, bool(row["opened"]), row["protocol"]
        peer = (int(row["peer_hi"]), int(row["peer_lo"]))
        packets = int(row["packets_out"]) + int(row["packets_in"])
        n["out"] += int(row["packets_out"])
        n["packets"] += packets
        n["bytes_out"] += int(row["bytes_out"])
        n["bytes_in"] += int(row["bytes_in"])
        n[f"packets {protocol if protocol in (TCP, UDP) else 0}"] += packets
        if protocol not in (TCP, UDP):
            n["control"] += packets
        if not client:
            if opened:
                n["inbound"] += 1
                n["inbound_failed"] += int(row["failed"])
                seen["inbound"].add(peer)
            continue
        n["queries"] += int(row["dns_queries"])
        n["nxdomain"] += int(row["dns_nxdomain"])
        if protocol in (TCP, UDP):
            seen["ports"].add(int(row["server_port"]))
            if not row["group"] and row["server_port"] == 22:  # the one port of FLOW that is uncommon
                seen["odd"].add(peer)
        if not row["group"]:
            seen["servers"].add(peer)
            if row["failed"]:
                seen["failed"].add(peer)
            if row["peer_internal"]:
                seen["internal"].add(peer)
            elif protocol in (TCP, UDP) and row["server_port"] not in DNS_PORTS and not row["named"]:
                n["unnamed_bytes"] += int(row["bytes_out"])
        n["failed"] += int(row["failed"])
        n["refused"] += row["failed"] and protocol == TCP and bool(row["flags_server"] & 4) and not row[
            "established"
        ]
        if opened:
            n["flows"] += 1
            n["udp"] += protocol == UDP
            if not row["group"]:
                n["single"] += 1
                n["login"] += protocol == TCP and row["server_port"] == 22
                n["small"] += packets <= SMALL_FLOW_PACKETS
                if protocol in (TCP, UDP) and row["server_port"] not in DNS_PORTS:
                    n["web"] += 1
                    n["unnamed"] += not row["named"]
                    n["third"] += row["category"] in (1, 2)
    return {key: _plain_features(n, sets[key]) for key, n in hosts.items()}


def _plain_features(n: dict[str, Any], seen: dict[str, set[Any]]) -> dict[str, float]:
    def part(a: float, b: float) -> float:
        return a / b if b else 0.0

    return {
        "flows_opened": n["flows"],
        "packets": n["packets"],
        "bytes_out": n["bytes_out"],
        "bytes_in": n["bytes_in"],
        "out_share": part(n["bytes_out"], n["bytes_out"] + n["bytes_in"]),
        "servers": len(seen["servers"]),
        "server_ports": len(seen["ports"]),
        "failed_flows": n["failed"],
        "failed_share": part(n["failed"], n["single"]),
        "flows_per_server": part(n["single"], len(seen["servers"])),
        "dns_queries": n["queries"],
        "nxdomain_share": min(part(n["nxdomain"], n["queries"]), 1.0),
        "unnamed_share": part(n["unnamed"], n["web"]),
        "third_party_share": part(n["third"], n["web"]),
        "udp_share": part(n["udp"], n["flows"]),
        "inbound_flows": n["inbound"],
        "inbound_peers": len(seen["inbound"]),
        "small_flow_share": part(n["small"], n["single"]),
        "control_packets": n["control"],
        "frame_bytes_out": part(n["bytes_out"], n["out"]),
        **dict.fromkeys(FEATURE_NAMES[20:], 0),
        "failed_servers": len(seen["failed"]),
        "reset_flows": n["refused"],
        "unanswered_flows": n["failed"] - n["refused"],
        "nxdomains": n["nxdomain"],
        "internal_servers": len(seen["internal"]),
        "odd_port_servers": len(seen["odd"]),
        "login_flows": n["login"],
        "unnamed_bytes_out": n["unnamed_bytes"],
        "protocol_mix": sum(
            -share * np.log2(share) for p in (TCP, UDP, 0) if (share := part(n[f"packets {p}"], n["packets"]))
        ),
        "inbound_failed": n["inbound_failed"],
    }


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(FLOW, KNOWN), min_size=1, max_size=25), st.randoms(use_true_random=False))
def test_summarise_agrees_with_its_plain_twin(flows: list[Any], shuffle: Any) -> None:
    made = deltas(*(flow for flow, _ in flows))
    category, named, queries, nxdomain = zip(*(known for _, known in flows), strict=True)
    known = verdicts(made, category=category, named=named, queries=queries, nxdomain=nxdomain)
    ends = Ends.of(made, CAMPUS)
    for rows in (rows_of_hosts(made, known, ends), rows_of_clients(made, known, ends)):
        windows = summarise(rows.copy()).windows if len(rows) else []
        plain = plain_windows(rows)
        keys = [(int(w["window_start_ns"]), int(w["host_hi"]), int(w["host_lo"])) for w in windows]
        assert keys == sorted(plain)
        for key, window in zip(keys, windows, strict=True):
            assert features(window) == pytest.approx(plain[key], rel=1e-12, abs=1e-12)
        order = list(range(len(rows)))
        shuffle.shuffle(order)
        if len(rows):
            assert summarise(rows[order].copy()).windows.tobytes() == windows.tobytes()


def rows(*minutes: int) -> NDArray[np.void]:
    made = deltas(*({"minute": minute} for minute in minutes))
    return rows_of_hosts(made, verdicts(made), Ends.of(made, CAMPUS))


def closed_minutes(got: NDArray[np.void] | None) -> list[int]:
    return [] if got is None else sorted((int(each) - START) // MINUTE for each in got["window_start_ns"])


def test_minutes_close_when_they_are_over_and_late_rows_are_counted() -> None:
    windows = HostWindows(max_open_rows=100)
    windows.add(rows(0, 1, 1, 3))
    assert windows.close(START + MINUTE - 1) is None
    assert closed_minutes(windows.close(START + 2 * MINUTE + 5)) == [0, 1, 1]
    windows.add(rows(1, 2))
    assert windows.late == 1
    assert closed_minutes(windows.close(START + 3 * MINUTE)) == [2]
    assert closed_minutes(windows.finish()) == [3]
    assert windows.finish() is None


def test_a_gap_of_years_costs_nothing() -> None:
    windows = HostWindows(max_open_rows=100)
    windows.add(rows(0, 5_000_000))
    assert closed_minutes(windows.close(START + 4_000_000 * MINUTE)) == [0]
    assert closed_minutes(windows.finish()) == [5_000_000]


def test_rows_beyond_the_bound_are_shed_and_counted() -> None:
    windows = HostWindows(max_open_rows=3)
    windows.add(rows(0, 0, 0, 1, 1))
    assert windows.shed == 2
    assert closed_minutes(windows.close(START + MINUTE)) == [0, 0, 0]
    windows.add(rows(1, 1, 1))
    assert windows.shed == 2


def test_an_hour_that_waits_compressed_comes_out_as_it_went_in() -> None:
    hour = 60 * MINUTE
    made = [deltas(*({"server": f"1.2.{minute}.{i}"} for i in range(9))) for minute in range(70)]
    windows = HostWindows(1_000, unit_ns=hour)
    taken = []
    for minute, each in enumerate(made):
        rows = rows_of_hosts(each, verdicts(each), Ends.of(each, CAMPUS))
        rows["window_start_ns"] = START - START % hour + minute * MINUTE
        windows.add(rows)
        taken.append(rows)
    again = HostWindows(1_000, unit_ns=hour)
    again.restore(windows.state())
    for each in (windows, again):
        over = each.close(START - START % hour + hour)
        assert over is not None
        assert (over == np.concatenate(taken[:60])).all()
        left = each.finish()
        assert left is not None
        assert (left == np.concatenate(taken[60:])).all()
    assert sum(part.nbytes for part in again.state().values()) < 100
