"""A host's minute as a vector: the features, and how rows become windows."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from detectors.catalogue.categories import ADVERTISING, TRACKING
from detectors.columns import Columns
from detectors.grouping import address_ids, count, distinct, share, total
from detectors.host_rows import AS_CLIENT
from wire.flows.records import TCP, UDP

MINUTE_NS = 60_000_000_000
DNS_PORTS = (53, 853, 5353, 5355)
SMALL_FLOW_PACKETS = 4

#: Name, unit, whether the forest sees its logarithm. docs/anomaly.md gives the reason of each.
FEATURES: tuple[tuple[str, str, bool], ...] = (
    ("flows_opened", "flows", True),
    ("packets", "packets", True),
    ("bytes_out", "bytes", True),
    ("bytes_in", "bytes", True),
    ("out_share", "ratio", False),
    ("servers", "addresses", True),
    ("server_ports", "ports", True),
    ("failed_flows", "flows", True),
    ("failed_share", "ratio", False),
    ("flows_per_server", "flows", True),
    ("dns_queries", "queries", True),
    ("nxdomain_share", "ratio", False),
    ("unnamed_share", "ratio", False),
    ("third_party_share", "ratio", False),
    ("udp_share", "ratio", False),
    ("inbound_flows", "flows", True),
    ("inbound_peers", "addresses", True),
    ("small_flow_share", "ratio", False),
    ("control_packets", "packets", True),
    ("frame_bytes_out", "bytes", True),
)
FEATURE_NAMES = tuple(name for name, _, _ in FEATURES)

#: What became of a window (CONTRACTS: Windows and scores).
PHASES = ("collect", "train", "calibrate", "score", "cold", "degraded")
COLLECT, TRAIN, CALIBRATE, SCORE, COLD, DEGRADED = range(6)

WINDOW = np.dtype(
    [
        ("window_start_ns", "i8"),
        ("host_hi", "u8"),
        ("host_lo", "u8"),
        ("features", "f8", (len(FEATURES),)),  # in their units, not scaled
        ("score", "f8"),  # higher is stranger; NaN without a score
        ("p_value", "f8"),  # NaN without a score
        ("phase", "u1"),  # index into PHASES
    ]
)


def summarise(rows: NDArray[np.void], columns: Columns | None = None) -> NDArray[np.void]:
    """One WINDOW for each host and minute in the HOST_ROWs, ordered by minute, then host.

    The order of the rows has no influence. Score and p-value are NaN, the phase is COLLECT.
    Fills `host_failures` of the rows. columns: of these rows, where others read them, too.
    """
    columns = Columns(rows) if columns is None else columns
    minutes, minute = np.unique(columns["window_start_ns"], return_inverse=True)
    host, host_at = address_ids(columns["host_hi"], columns["host_lo"])
    keys, group = np.unique(minute * np.int64(len(host_at)) + host, return_inverse=True)
    windows = np.zeros(len(keys), WINDOW)
    windows["window_start_ns"] = minutes[keys // max(len(host_at), 1)]
    of_host = host_at[keys % max(len(host_at), 1)]
    windows["host_hi"] = rows["host_hi"][of_host]
    windows["host_lo"] = rows["host_lo"][of_host]
    features = np.stack(_features(columns, group.astype(np.int64), len(keys)), axis=1)
    windows["features"] = features
    rows["host_failures"] = features[group, FEATURE_NAMES.index("failed_flows")]
    windows["score"] = windows["p_value"] = np.nan
    return windows[np.lexsort((windows["host_lo"], windows["host_hi"], windows["window_start_ns"]))]


def _features(
    rows: Columns, group: NDArray[np.int64], groups: int
) -> list[NDArray[np.float64]]:
    """The columns of FEATURES, each with a value per group."""

    def summed(name: str) -> NDArray[np.float64]:
        return total(group, rows[name], groups)

    def counted(chosen: NDArray[np.bool_]) -> NDArray[np.float64]:
        return count(group[chosen], groups)

    client = rows["role"] == AS_CLIENT
    opened = client & (rows["opened"] == 1)
    single = opened & (rows["group"] == 0)
    transport = (rows["protocol"] == TCP) | (rows["protocol"] == UDP)
    web = single & transport & ~np.isin(rows["server_port"], DNS_PORTS)
    third_party = web & np.isin(rows["category"], (ADVERTISING, TRACKING))
    small = (rows["packets_out"] + rows["packets_in"]) <= SMALL_FLOW_PACKETS
    inbound = ~client & (rows["opened"] == 1)
    packets_out, packets_in = summed("packets_out"), summed("packets_in")
    bytes_out, bytes_in = summed("bytes_out"), summed("bytes_in")
    flows, failed = counted(opened), counted(client & (rows["failed"] == 1))
    to_one = counted(single)
    servers = _distinct_peers(rows, group, groups, client & (rows["group"] == 0))
    ports = client & transport
    queries = summed("dns_queries")
    return [
        flows,
        packets_out + packets_in,
        bytes_out,
        bytes_in,
        share(bytes_out, bytes_out + bytes_in),
        servers,
        distinct(group[ports], rows["server_port"][ports].astype(np.int64), groups),
        failed,
        share(failed, to_one),
        share(to_one, servers),
        queries,
        np.minimum(share(summed("dns_nxdomain"), queries), 1.0),
        share(counted(web & (rows["named"] == 0)), counted(web)),
        share(counted(third_party), counted(web)),
        share(counted(opened & (rows["protocol"] == UDP)), flows),
        counted(inbound),
        _distinct_peers(rows, group, groups, inbound),
        share(counted(single & small), to_one),
        total(group, (rows["packets_out"] + rows["packets_in"]) * ~transport, groups),
        share(bytes_out, packets_out),
    ]


def _distinct_peers(
    rows: Columns, group: NDArray[np.int64], groups: int, chosen: NDArray[np.bool_]
) -> NDArray[np.float64]:
    peer, _ = address_ids(rows["peer_hi"][chosen], rows["peer_lo"][chosen])
    return distinct(group[chosen], peer, groups)
