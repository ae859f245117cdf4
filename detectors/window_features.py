"""A host's window as a vector: the features, their units, and how they follow from sums and distinct counts.

A window is a minute, or an hour that is rolled up from minutes (detectors/roll_up.py): sums add, distinct
counts are merged, and both make their features with `derive`.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from detectors.asked_names import BITS_UNIT
from detectors.grouping import share

SECOND_NS = 1_000_000_000
MINUTE_NS = 60 * SECOND_NS
HOUR_NS = 60 * MINUTE_NS
MINUTE_SECONDS, HOUR_SECONDS = 60, 3_600

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
    ("failed_servers", "addresses", True),
    ("reset_flows", "flows", True),
    ("unanswered_flows", "flows", True),
    ("nxdomains", "answers", True),
    ("unreachables", "messages", True),
    ("internal_servers", "addresses", True),
    ("odd_port_servers", "addresses", True),
    ("login_flows", "flows", True),
    ("unnamed_bytes_out", "bytes", True),
    ("new_servers", "addresses", True),
    ("new_names", "names", True),
    ("name_length", "characters", True),
    ("name_entropy", "bits", False),
    ("countries", "domains", True),
    ("encrypted_dns_share", "ratio", False),
    ("protocol_mix", "bits", False),
    ("inbound_failed", "flows", True),
    # Of hours only; 0 in minutes.
    ("lasting_flows", "flows", True),
    ("open_regularity", "ratio", False),
    ("beacon_score", "ratio", False),
    ("night_share", "ratio", False),
    ("active_minutes", "minutes", True),
    ("failing_slices", "slices", True),
    ("busiest_share", "ratio", False),
)
FEATURE_NAMES = tuple(name for name, _, _ in FEATURES)
#: Those that minutes have; the rest is of hours alone.
MINUTE_FEATURES = FEATURE_NAMES[: FEATURE_NAMES.index("lasting_flows")]
FEATURE_AT = {name: at for at, name in enumerate(FEATURE_NAMES)}

#: What adds up over minutes; whole numbers.
SUMS = (
    "flows", "single", "failed", "refused", "unreachable", "packets", "packets_out", "tcp_packets",
    "udp_packets", "control", "bytes_out", "bytes_in", "queries", "nxdomain", "names", "new_names",
    "name_chars", "name_bits", "web", "unnamed", "third_party", "udp", "encrypted_dns", "inbound",
    "inbound_infra", "inbound_failed", "small", "login", "unnamed_bytes_out", "new_servers",
)  # fmt: skip
#: What is counted without doubles.
KINDS = ("servers", "failed_servers", "internal_servers", "odd_port_servers", "inbound_peers", "server_ports")

#: What became of a window (CONTRACTS: Windows and scores).
PHASES = ("collect", "train", "calibrate", "score", "cold", "degraded")
COLLECT, TRAIN, CALIBRATE, SCORE, COLD, DEGRADED = range(6)

WINDOW = np.dtype(
    [
        ("window_start_ns", "i8"),
        ("host_hi", "u8"),
        ("host_lo", "u8"),
        ("features", "f8", (len(FEATURES),)),  # in their units, not scaled
        ("usual", "f2", (len(FEATURES),)),  # the host's baseline, on the forest's scale; NaN without one
        ("deviation", "f2", (len(FEATURES),)),  # from the baseline, in its spreads; 0 without one
        ("score", "f8"),  # higher is stranger; NaN without a score
        ("p_value", "f8"),  # NaN without a score
        ("alarm_p", "f8"),  # p-value of the test that finds (forest/episode_test.py); NaN without
        ("peak", "f8"),  # of an hour: its minutes' strongest evidence (forest/episode_test.py); NaN without
        ("seconds", "i4"),  # 60 or 3,600
        ("phase", "u1"),  # index into PHASES
        ("group", "u1"),  # index into host_groups.GROUPS
    ]
)


def derive(
    sums: NDArray[np.float64], distinct: NDArray[np.float64], countries: NDArray[np.uint64]
) -> NDArray[np.float64]:
    """Features, (n, features), of SUMS (n, sums), counts of KINDS (n, kinds) and country bits (n,).

    Those of hours only are 0.
    """
    of = {name: sums[:, at] for at, name in enumerate(SUMS)}
    counts = {name: distinct[:, at] for at, name in enumerate(KINDS)}
    made = {
        "flows_opened": of["flows"],
        "packets": of["packets"],
        "bytes_out": of["bytes_out"],
        "bytes_in": of["bytes_in"],
        "out_share": share(of["bytes_out"], of["bytes_out"] + of["bytes_in"]),
        "failed_flows": of["failed"],
        "failed_share": share(of["failed"], of["single"]),
        "flows_per_server": share(of["single"], counts["servers"]),
        "dns_queries": of["queries"],
        "nxdomain_share": np.minimum(share(of["nxdomain"], of["queries"]), 1.0),
        "unnamed_share": share(of["unnamed"], of["web"]),
        "third_party_share": share(of["third_party"], of["web"]),
        "udp_share": share(of["udp"], of["flows"]),
        "inbound_flows": of["inbound"],
        "inbound_failed": of["inbound_failed"],
        "small_flow_share": share(of["small"], of["single"]),
        "control_packets": of["control"],
        "frame_bytes_out": share(of["bytes_out"], of["packets_out"]),
        "reset_flows": of["refused"],
        "unanswered_flows": of["failed"] - of["refused"],
        "nxdomains": of["nxdomain"],
        "unreachables": of["unreachable"],
        "login_flows": of["login"],
        "unnamed_bytes_out": of["unnamed_bytes_out"],
        "new_servers": of["new_servers"],
        "new_names": of["new_names"],
        "name_length": share(of["name_chars"], of["names"]),
        "name_entropy": share(of["name_bits"], of["names"]) / BITS_UNIT,
        "countries": np.bitwise_count(countries).astype(np.float64),
        "encrypted_dns_share": share(of["encrypted_dns"], of["flows"]),
        "protocol_mix": _mix(of["tcp_packets"], of["udp_packets"], of["control"]),
        **counts,
    }
    features = np.zeros((len(sums), len(FEATURES)))
    for name, values in made.items():
        features[:, FEATURE_AT[name]] = values
    return features


def _mix(*parts: NDArray[np.float64]) -> NDArray[np.float64]:
    """Entropy of the packets' protocols (TCP, UDP, all else), in bits."""
    whole = np.sum(parts, axis=0)
    entropy = np.zeros(len(whole))
    for part in parts:
        of_all = share(part, whole)
        entropy -= of_all * np.log2(np.where(of_all > 0, of_all, 1.0))
    return np.asarray(entropy)
