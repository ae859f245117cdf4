"""Horizontal scan: one host tries one port on many targets.

Formula: in five minutes at least 25 distinct peers were tried in vain on one port and protocol, and
at least half of all peers tried on it. Zeek's scan script counts 25 hosts in five minutes too.
The half keeps busy resolvers and peer-to-peer clients, most of whose contacts answer, out of it.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from detectors.columns import Columns
from detectors.rules.patterns.failing import opened_by_failing_hosts
from detectors.rules.patterns.pattern import Pattern, Span
from detectors.rules.signal import Signal, confidence
from wire.flows.records import TCP, UDP

LEAST_PEERS = 25
LEAST_SHARE = 0.5


def _select(rows: Columns) -> NDArray[np.bool_]:
    return opened_by_failing_hosts(rows, (rows["protocol"] == TCP) | (rows["protocol"] == UDP))


def _judge(span: Span) -> list[Signal]:
    rows = span.rows
    service = rows["server_port"].astype(np.int64) * 256 + rows["protocol"]
    groups = span.group(service)
    failed = groups.distinct(span.peer, rows["failed"] == 1)
    tried = groups.distinct(span.peer)
    port = groups.value("server_port").astype(np.int64)
    return [
        span.signal(
            groups.rows_of(at),
            confidence(failed[at], LEAST_PEERS),
            {"port": float(port[at]), "peers_failed": failed[at], "peers_tried": tried[at]},
        )
        for at in groups.strongest((failed >= LEAST_PEERS) & (failed >= LEAST_SHARE * tried), failed)
    ]


SCAN_HORIZONTAL = Pattern("scan-horizontal", 5, _select, _judge)
