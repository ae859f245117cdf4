"""Counters and statistics, flow by flow, against nfstream over the shared captures.

nfstream_facts.json.gz is its word (made by nfstream_facts.py with the same timeouts as here). The
order of flows of one key is that of their first packets.
"""

from __future__ import annotations

import gzip
import ipaddress
import json
import math
from collections import defaultdict
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from tests.wire.flows.frames import carry_blocks, key_of
from tests.wire.flows.nfstream_facts import ACTIVE_SECONDS, IDLE_SECONDS
from wire.capture.files import open_captures
from wire.flows.records import ARP, ICMP, ICMP6
from wire.flows.table import FlowSettings

FACTS = Path(__file__).with_name("nfstream_facts.json.gz")
SETTINGS = FlowSettings(idle_seconds=(IDLE_SECONDS,) * 5, active_timeout_seconds=ACTIVE_SECONDS)
#: nfstream makes flows of every IP protocol; these occur and yield none here (IGMP, RSVP, EIGRP, L2TPv3).
NO_FLOW_HERE = {2, 46, 88, 115}

Key = tuple[int, frozenset[tuple[str, int]]]

#: capture: (keys only we have, keys only nfstream has, keys with another number of flows,
#: flows whose counters differ), and why. ARP and NO_FLOW_HERE are left out everywhere.
EXPLAINED = {
    "arkime__gre-sample.pcap": (6, 1, 0, 0, "nfstream does not look into GRE"),
    "ndpi__vxlan.pcap": (4, 9, 0, 0, "nfstream does not look into VXLAN"),
    "zeek__tunnels__geneve-47101.pcap": (1, 1, 0, 0, "nfstream does not look into GENEVE"),
    "arkime__ipv6-gtp6.pcap": (1, 1, 0, 0, "nfstream does not look into GTP-U over IPv6"),
    "zeek__tunnels__Teredo.pcap": (3, 1, 0, 1, "nfstream does not look into Teredo"),
    "zeek__radiotap.pcap": (1, 0, 0, 0, "nfstream misses an mDNS message over IPv6 in 802.11"),
    "arkime__gtp-iphone.pcap": (0, 0, 1, 0, "a SYN after the FINs opens a flow: four on one 5-tuple"),
    "zeek__ipv6-fragmented-dns.pcap": (0, 0, 0, 1, "nfstream does not count later fragments (RFC 8200 4.5)"),
    "ndpi__fuzz-2006-09-29-28586.pcap": (
        0, 3, 0, 3,
        "nfstream reads ports from later fragments (RFC 791 3.2) and TCP headers that are cut or wrong",
    ),
}  # fmt: skip


@cache
def facts() -> dict[str, Any]:
    return json.loads(gzip.decompress(FACTS.read_bytes()))  # type: ignore[no-any-return]


def ours_of(capture: Path) -> dict[Key, list[Any]]:
    found = defaultdict(list)
    blocks = list(open_captures([capture]))
    if not blocks:
        return {}
    result = carry_blocks(blocks, SETTINGS)
    result.check_accounting()
    for row in sorted(result.rows, key=lambda row: (int(row["ts_start_ns"]), int(row["flow"]))):
        protocol = int(row["protocol"])
        _, client, client_port, server, server_port = key_of(row)
        if protocol in (ICMP, ICMP6):  # nfstream has no ports for these
            client_port = server_port = 0
        if protocol != ARP:
            found[(protocol, frozenset({(client, client_port), (server, server_port)}))].append(row)
    return found


def theirs_of(name: str) -> dict[Key, list[dict[str, Any]]]:
    found = defaultdict(list)
    for values in facts()["captures"][name]:
        flow = dict(zip(facts()["columns"], values, strict=True))
        ports = (flow["src_port"], flow["dst_port"])
        if flow["protocol"] in (ICMP, ICMP6):
            ports = (0, 0)
        ends = [
            (str(ipaddress.ip_address(flow[f"{side}_ip"])), port)
            for side, port in zip(("src", "dst"), ports, strict=True)
        ]
        flow["src"] = ends[0]
        if flow["protocol"] not in NO_FLOW_HERE:
            found[(flow["protocol"], frozenset(ends))].append(flow)
    for flows in found.values():
        flows.sort(key=lambda flow: flow["bidirectional_first_seen_ms"])
    return found


def counters_of(row: Any, theirs: dict[str, Any]) -> tuple[list[int], list[int]]:
    """(packets, bytes) of both directions, in nfstream's order: ours and theirs."""
    _, client, port, *_ = key_of(row)
    if row["protocol"] in (ICMP, ICMP6):
        port = 0
    ways = (0, 1) if (client, port) == theirs["src"] else (1, 0)
    ours = [int(row[name][way]) for way in ways for name in ("packets", "bytes")]
    names = ("src2dst_packets", "src2dst_bytes", "dst2src_packets", "dst2src_bytes")
    return ours, [theirs[name] for name in names]


def assert_statistics(row: Any, theirs: dict[str, Any]) -> None:
    _, client, port, *_ = key_of(row)
    if row["protocol"] in (ICMP, ICMP6):
        port = 0
    ways = (0, 1) if (client, port) == theirs["src"] else (1, 0)
    for way, name in zip(ways, ("src2dst", "dst2src"), strict=True):
        packets = int(row["packets"][way])
        if packets == 0:
            continue
        assert int(row["size_min"][way]) == theirs[f"{name}_min_ps"]
        assert int(row["size_max"][way]) == theirs[f"{name}_max_ps"]
        assert float(row["size_mean"][way]) == pytest.approx(theirs[f"{name}_mean_ps"], rel=1e-6, abs=1e-3)
        if packets > 1:
            # Ours comes from sums of squares, theirs from running updates.
            assert float(row["size_std"][way]) == pytest.approx(
                theirs[f"{name}_stddev_ps"], rel=1e-5, abs=2e-3
            )
            # nfstream cuts times to milliseconds.
            mean = float(row["iat_mean_ms"][way])
            assert math.isclose(mean, theirs[f"{name}_mean_piat_ms"], rel_tol=1e-6, abs_tol=1.0 + 1e-3)


@pytest.mark.parametrize("name", sorted(facts()["captures"]))
def test_counters_are_those_of_nfstream(real_captures: Path, name: str) -> None:
    ours, theirs = ours_of(real_captures / name), theirs_of(name)
    both = ours.keys() & theirs.keys()
    paired = [key for key in both if len(ours[key]) == len(theirs[key])]
    differing = 0
    for key in paired:
        for row, flow in zip(ours[key], theirs[key], strict=True):
            mine, other = counters_of(row, flow)
            if mine == other:
                assert_statistics(row, flow)
            else:
                differing += 1
    found = (len(ours.keys() - both), len(theirs.keys() - both), len(both) - len(paired), differing)
    assert found == EXPLAINED.get(name, (0, 0, 0, 0))[:4]


def test_most_flows_are_compared() -> None:
    """The exceptions are few beside what is held equal."""
    flows = sum(len(found) for found in facts()["captures"].values())
    assert flows > 3000
    assert sum(sum(counts[:4]) for counts in EXPLAINED.values()) < 0.02 * flows
    assert set(EXPLAINED) <= set(facts()["captures"])
