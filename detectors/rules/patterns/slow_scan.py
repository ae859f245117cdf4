"""Slow scans: too slow for five minutes, plain over six hours.

Formulas, over six hours: at least 60 distinct peers failed on one port (`scan-horizontal`), or at
least 40 ports of one peer (`scan-vertical`), counting the hours in which at least four fifths of
those tried failed. A host that works meets failures, but of a few peers again and again, or on many
ports (peer-to-peer).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from detectors.columns import Columns
from detectors.hour_rows import LEAST_FAILED
from detectors.rules.patterns.pattern import Pattern, Span
from detectors.rules.signal import Signal, confidence
from detectors.window_features import HOUR_NS

LEAST_PEERS = 60
LEAST_PORTS = 40
_HOURS = 6


def _select_horizontal(rows: Columns) -> NDArray[np.bool_]:
    return np.asarray(rows["failed_of_port"] >= LEAST_FAILED)


def _judge_horizontal(span: Span) -> list[Signal]:
    rows = span.rows
    groups = span.group(rows["server_port"].astype(np.int64) * 256 + rows["protocol"])
    failed = groups.distinct(span.peer, rows["failed"] > 0)
    port = groups.value("server_port").astype(np.int64)
    return [
        span.signal(
            groups.rows_of(at),
            confidence(failed[at], LEAST_PEERS),
            {"port": float(port[at]), "peers_failed": failed[at]},
        )
        for at in groups.strongest(failed >= LEAST_PEERS, failed)
    ]


def _select_vertical(rows: Columns) -> NDArray[np.bool_]:
    return np.asarray(rows["failed_of_peer"] >= LEAST_FAILED)


def _judge_vertical(span: Span) -> list[Signal]:
    rows = span.rows
    groups = span.group(span.peer)
    failed = groups.distinct(rows["server_port"].astype(np.int64), rows["failed"] > 0)
    return [
        span.signal(groups.rows_of(at), confidence(failed[at], LEAST_PORTS), {"ports_failed": failed[at]})
        for at in groups.strongest(failed >= LEAST_PORTS, failed)
    ]


SLOW_SCAN_HORIZONTAL = Pattern(
    "scan-horizontal", _HOURS, _select_horizontal, _judge_horizontal, "slow", HOUR_NS
)
SLOW_SCAN_VERTICAL = Pattern("scan-vertical", _HOURS, _select_vertical, _judge_vertical, "slow", HOUR_NS)
