"""Mining: a host works for a pool of coin miners.

Formula: in one minute a TCP connection whose first line is a miner's request (wire/names/mining.py)
carries payload both ways; or in 15 minutes there are 10 in which a connection to a known pool's name
(catalogue, kind `mining-pool`), made by a client that is no browser, carries payload both ways and
at most 256 KiB a minute. Pools send new work every minute or so (BIP 310's mining.notify), and the
answers are small. Confidence counts the minutes of the last 15, at the threshold 1 and 10.
A pool that is reached through an unknown relay over TLS is not seen.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from detectors.columns import Columns
from detectors.rules.patterns.pattern import Pattern, Span
from detectors.rules.signal import Signal, confidence

LEAST_MINUTES = 10
MOST_BYTES = 256 << 10
_MINUTES = 15


def _select(rows: Columns) -> NDArray[np.bool_]:
    return np.asarray((rows["spoke"] == 1) | (rows["bytes"] <= MOST_BYTES))


def _judge(span: Span) -> list[Signal]:
    rows = span.rows
    groups = span.group(span.peer)
    minute = rows["window_start_ns"] // 60_000_000_000
    spoke = groups.distinct(minute - minute.min(), rows["spoke"] == 1)
    listed = groups.distinct(minute - minute.min(), rows["listed"] == 1)
    sure = np.maximum(spoke, listed / LEAST_MINUTES)
    carried = groups.total("bytes")
    return [
        span.signal(
            groups.rows_of(at),
            confidence(float(sure[at]), 1.0),
            {
                "minutes": max(spoke[at], listed[at]),
                "requests_of_a_miner": float(spoke[at] > 0),
                "known_pool": float(listed[at] > 0),
                "bytes": carried[at],
            },
        )
        for at in groups.strongest(sure >= 1.0, sure)
    ]


MINING = Pattern("mining", _MINUTES, _select, _judge)
