"""Made-up flow rows for the tests of the sinks: every field has a value that it can have."""

from __future__ import annotations

import numpy as np

from sinks.records.flow_columns import FlowRows
from wire.flows.records import FIRST_PACKETS, FLOW_ROW, TCP, TCP_END_NAMES, TUNNEL_NAMES, UDP
from wire.names.facts import ECH_NAMES, FACTS, NAME_SOURCES
from wire.names.strings import StringTable

STRING_FIELDS = (
    "name", "http_host", "user_agent", "alpn", "alpn_chosen", "parameters", "outer_name", "cert_name",
    "server_name", "dns_name", "proxy_target", "referer", "more_hosts",
)  # fmt: skip
START_NS = 1_700_000_000_000_000_000


def strings() -> StringTable:
    """Host names, ids 0 to 99."""
    table = StringTable(1024, 1 << 16)
    for i in range(100):
        table.add(f"host{i}.example{i % 7}.com".encode())
    return table


def flow_rows(count: int, seed: int = 1, first_flow: int = 1) -> FlowRows:
    """`count` rows of flows `first_flow` and on, in no order."""
    chance = np.random.default_rng(seed)
    rows = np.zeros(count, FLOW_ROW)
    for name in ("packets", "bytes", "payload_bytes", "size_min", "size_max"):
        rows[name] = chance.integers(0, 100_000, (count, 2))
    for name in ("size_mean", "size_std", "iat_mean_ms", "iat_std_ms"):
        rows[name] = chance.random((count, 2))
    rows["flow"] = np.arange(first_flow, first_flow + count)
    rows["flow_id"] = chance.integers(0, 1 << 63, count)
    rows["ts_start_ns"] = START_NS + chance.integers(0, max(1, count // 4), count) * 1_000
    rows["flow_start_ns"] = rows["ts_start_ns"]
    rows["ts_end_ns"] = rows["ts_start_ns"] + 1_000_000
    rows["client_lo"] = 0xFFFF_0A00_0000 + chance.integers(0, 50, count)
    rows["server_hi"] = np.where(chance.random(count) < 0.3, 0x2001_0DB8 << 32, 0)
    rows["server_lo"] = 0xFFFF_0101_0100 + chance.integers(0, 50, count)
    rows["client_port"] = chance.integers(1024, 65535, count)
    rows["server_port"] = chance.choice([53, 443, 5353], count)
    rows["protocol"] = chance.choice([TCP, UDP], count)
    rows["tunnel"] = chance.integers(0, len(TUNNEL_NAMES), count)
    rows["tcp_end"] = chance.integers(0, len(TCP_END_NAMES), count)
    rows["checkpoint"] = chance.random(count) < 0.2
    rows["vlan"] = chance.integers(-1, 4095, count)
    rows["vlan_inner"] = -1
    rows["rtt_ms"] = np.where(chance.random(count) < 0.5, np.nan, 3.5)
    rows["first_count"] = chance.integers(0, FIRST_PACKETS + 1, count)
    rows["first_sizes"] = chance.integers(-1500, 1500, (count, FIRST_PACKETS))
    facts = np.zeros(count, FACTS)
    for name in STRING_FIELDS:
        facts[name] = -1
    facts["name"] = chance.integers(-1, 100, count)
    facts["name_source"] = np.where(facts["name"] < 0, 0, chance.integers(1, len(NAME_SOURCES), count))
    facts["ech"] = chance.integers(0, len(ECH_NAMES), count)
    facts["tls_version"] = chance.choice([0, 0x0303, 0x0304, 0x7F1C], count)
    facts["ja3"] = chance.integers(0, 256, (count, 16)) * (facts["tls_version"] > 0)[:, None]
    asked = chance.integers(0, 3, count)
    offsets = np.append(0, np.cumsum(asked))
    return FlowRows(
        rows,
        facts,
        chance.integers(-1, 3, count).astype(np.int32),
        chance.integers(0, 8, count).astype(np.uint8),
        offsets,
        chance.integers(0, 100, offsets[-1]).astype(np.int32),
        chance.integers(-1, 3, count).astype(np.int32),
        chance.integers(1, 3, count).astype(np.uint8),
    )
