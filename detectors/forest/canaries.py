"""Planted windows that any model of a campus must find strange: a new one is tried on them first."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from detectors.forest.baselines import deviations
from detectors.forest.features import LEAST_SPREAD, scaled
from detectors.window_features import FEATURE_NAMES, HOUR_SECONDS

#: What each does to a usual minute, in the features' units; the rest stays as it is.
CANARIES: dict[str, dict[str, float]] = {
    "scan": {
        "flows_opened": 300, "packets": 320, "servers": 280, "failed_flows": 290, "failed_share": 0.97,
        "small_flow_share": 1.0, "flows_per_server": 1.05, "failed_servers": 280, "unanswered_flows": 290,
    },
    "flood": {
        "flows_opened": 3_000, "packets": 60_000, "failed_flows": 2_900, "failed_share": 0.97,
        "flows_per_server": 1_000, "small_flow_share": 1.0, "unanswered_flows": 2_900,
    },
    "exfiltration": {"bytes_out": 200e6, "packets": 150_000, "out_share": 0.99, "frame_bytes_out": 1_480},
    "dns-tunnel": {
        "dns_queries": 1_200, "flows_opened": 1_200, "udp_share": 1.0, "packets": 2_400, "name_length": 90,
    },
    "generated-names": {
        "dns_queries": 200, "nxdomain_share": 0.95, "flows_opened": 200, "udp_share": 1.0, "nxdomains": 190,
        "new_names": 195,
    },
    "worm": {
        "flows_opened": 2_000, "servers": 2_000, "failed_flows": 1_950, "failed_share": 0.98,
        "inbound_flows": 40, "inbound_peers": 30, "small_flow_share": 1.0, "failed_servers": 1_950,
        "unanswered_flows": 1_950,
    },
}  # fmt: skip


def plant(usual: NDArray[np.void]) -> NDArray[np.void]:
    """A minute per canary, in the order of CANARIES: the median of usual minutes (WINDOW), altered.

    It deviates from a baseline of that median, as narrow as a baseline may be.
    """
    minutes = usual[usual["seconds"] != HOUR_SECONDS]
    planted = np.zeros(len(CANARIES), usual.dtype)
    planted["features"] = np.median(minutes["features"], axis=0)
    centre = scaled(planted)
    for at, changes in enumerate(CANARIES.values()):
        for name, value in changes.items():
            planted["features"][at, FEATURE_NAMES.index(name)] = value
    planted["usual"] = centre
    planted["deviation"] = deviations(scaled(planted), centre, LEAST_SPREAD)
    return planted
