"""Vertical scan: one host tries many ports of one target.

Formula: in five minutes at least 15 distinct server ports of one peer were tried in vain, and at
least half of all ports tried there. Zeek's scan script counts 15 ports in five minutes too.
Traceroute walks through UDP 33434 to 33534 and is left out.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from detectors.columns import Columns
from detectors.rules.patterns.failing import opened_by_failing_hosts
from detectors.rules.patterns.pattern import Pattern, Span
from detectors.rules.signal import Signal, confidence
from wire.flows.records import TCP, UDP

LEAST_PORTS = 15
LEAST_SHARE = 0.5
_TRACEROUTE_FIRST, _TRACEROUTE_LAST = 33434, 33534


def _select(rows: Columns) -> NDArray[np.bool_]:
    port = rows["server_port"]
    traceroute = (port >= _TRACEROUTE_FIRST) & (port <= _TRACEROUTE_LAST)
    udp = (rows["protocol"] == UDP) & ~traceroute
    return opened_by_failing_hosts(rows, (rows["protocol"] == TCP) | udp)


def _judge(span: Span) -> list[Signal]:
    groups = span.group(span.peer)
    ports = span.rows["server_port"].astype(np.int64)
    failed = groups.distinct(ports, span.rows["failed"] == 1)
    tried = groups.distinct(ports)
    return [
        span.signal(
            groups.rows_of(at),
            confidence(failed[at], LEAST_PORTS),
            {"ports_failed": failed[at], "ports_tried": tried[at]},
        )
        for at in groups.strongest((failed >= LEAST_PORTS) & (failed >= LEAST_SHARE * tried), failed)
    ]


SCAN_VERTICAL = Pattern("scan-vertical", 5, _select, _judge)
