"""Planted windows that any model of a campus must find strange: a new one is tried on them first."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from detectors.window_features import FEATURE_NAMES

#: What each does to a usual minute, in the features' units; the rest stays as it is.
CANARIES: dict[str, dict[str, float]] = {
    "scan": {
        "flows_opened": 300, "packets": 320, "servers": 280, "failed_flows": 290, "failed_share": 0.97,
        "small_flow_share": 1.0, "flows_per_server": 1.05,
    },
    "flood": {
        "flows_opened": 3_000, "packets": 60_000, "failed_flows": 2_900, "failed_share": 0.97,
        "flows_per_server": 1_000, "small_flow_share": 1.0,
    },
    "exfiltration": {"bytes_out": 200e6, "packets": 150_000, "out_share": 0.99, "frame_bytes_out": 1_480},
    "dns-tunnel": {"dns_queries": 1_200, "flows_opened": 1_200, "udp_share": 1.0, "packets": 2_400},
    "generated-names": {"dns_queries": 200, "nxdomain_share": 0.95, "flows_opened": 200, "udp_share": 1.0},
    "worm": {
        "flows_opened": 2_000, "servers": 2_000, "failed_flows": 1_950, "failed_share": 0.98,
        "inbound_flows": 40, "inbound_peers": 30, "small_flow_share": 1.0,
    },
}  # fmt: skip


def plant(usual: NDArray[np.void]) -> NDArray[np.void]:
    """A window per canary, in the order of CANARIES: the median of usual WINDOWs, altered."""
    planted = np.zeros(len(CANARIES), usual.dtype)
    planted["features"] = np.median(usual["features"], axis=0)
    for at, changes in enumerate(CANARIES.values()):
        for name, value in changes.items():
            planted["features"][at, FEATURE_NAMES.index(name)] = value
    return planted
