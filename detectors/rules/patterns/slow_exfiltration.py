"""Slow exfiltration: a night's worth of data to one place that hardly anyone else knows.

Formula, over twelve hours: at least 30 MiB sent to one external address without a name, or 100 MiB to
one whose name no entry knows; at most a twentieth came back; and of all hosts at most two sent a
mebibyte or more there in an hour.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from detectors.catalogue.categories import GENERAL, UNKNOWN
from detectors.columns import Columns
from detectors.grouping import address_ids, distinct
from detectors.hour_rows import HOUR_NS, LEAST_BYTES_SENT, MOST_HOSTS
from detectors.rules.patterns.exfiltration import MOST_BACK
from detectors.rules.patterns.pattern import Pattern, Span
from detectors.rules.signal import Signal, confidence

LEAST_BYTES_UNNAMED = 30 << 20
LEAST_BYTES_NAMED = 100 << 20
_HOURS = 12


def _select(rows: Columns) -> NDArray[np.bool_]:
    unlisted = (rows["category"] == GENERAL) | (rows["category"] == UNKNOWN)
    outside = (rows["peer_internal"] == 0) & unlisted
    return np.asarray(outside & (rows["bytes_out"] >= LEAST_BYTES_SENT))


def _judge(span: Span) -> list[Signal]:
    rows = span.rows
    host, _ = address_ids(rows["host_hi"], rows["host_lo"])
    hosts = distinct(span.peer, host, int(span.peer.max()) + 1)
    groups = span.group(span.peer)
    out, back = groups.total("bytes_out"), groups.total("bytes_in")
    few = groups.count(hosts[span.peer] <= MOST_HOSTS) > 0
    named = groups.count(rows["named"] == 1) > 0
    least = np.where(named, LEAST_BYTES_NAMED, LEAST_BYTES_UNNAMED).astype(np.float64)
    return [
        span.signal(
            groups.rows_of(at),
            confidence(float(out[at]), float(least[at])),
            {"bytes_out": out[at], "bytes_in": back[at], "named": float(named[at])},
        )
        for at in groups.strongest(few & (out >= least) & (back <= MOST_BACK * out), out)
    ]


SLOW_EXFILTRATION = Pattern("exfiltration", _HOURS, _select, _judge, "slow", HOUR_NS)
