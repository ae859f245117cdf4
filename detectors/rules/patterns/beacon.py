"""Beacon: a host calls one place back at regular times.

Formula: in five minutes at least 12 TCP connections opened to one peer's port, over at least 30
seconds; the median gap is a second or more; the median deviation of the gaps from it is at most 25%
of it, and no gap is longer than three times the median. A uniform jitter of up to 50% either way
deviates by 25%; gaps of independent events are exponential and deviate by 69% of their median.
Slow beacons need a baseline and hours, not minutes. A program that polls with a new connection
each time looks the same.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from detectors.columns import Columns
from detectors.grouping import address_ids, combined, count
from detectors.rules.patterns.pattern import Pattern, Span
from detectors.rules.signal import Signal, confidence
from detectors.window_features import MINUTE_NS

LEAST_OPENS = 12
LEAST_SECONDS = 30.0
LEAST_GAP_SECONDS = 1.0
MOST_DEVIATION = 0.25
MOST_GAP = 3.0
_SECOND_NS = 1e9


def _select(rows: Columns) -> NDArray[np.bool_]:
    """Opens of a host to a peer's port that it opened at least twice in that minute."""
    if len(rows) == 0:
        return np.zeros(0, np.bool_)
    start_ns = rows["window_start_ns"]
    host, _ = address_ids(rows["host_hi"], rows["host_lo"])
    peer, _ = address_ids(rows["peer_hi"], rows["peer_lo"])
    minute = (start_ns - start_ns.min()) // MINUTE_NS
    group, first = combined(minute, host, peer, rows["server_port"].astype(np.int64))
    return np.asarray(count(group, len(first))[group] >= 2)


def regular_calls(
    span: Span, least_opens: int, is_rhythm: Callable[[NDArray[np.float64], float], bool]
) -> list[Signal]:
    """A sign for each place that a host opened so often, at gaps that hardly deviate from their median.

    is_rhythm: what else the gaps, (n,) in seconds, and their median must be like.
    """
    groups = span.group(span.peer, span.rows["server_port"].astype(np.int64))
    signals = []
    for at in np.flatnonzero(groups.count(np.ones(len(span.rows), np.bool_)) >= least_opens).tolist():
        rows_at = groups.rows_of(at)
        opens = np.sort(span.rows["open_ns"][rows_at])
        gaps = np.diff(opens) / _SECOND_NS
        middle = float(np.median(gaps))
        deviation = float(np.median(np.abs(gaps - middle))) / max(middle, 1e-9)
        if deviation <= MOST_DEVIATION and is_rhythm(gaps, middle):
            figures = {
                "opens": float(len(opens)),
                "gap_seconds": round(middle, 3),
                "deviation": round(deviation, 3),
            }
            signals.append(span.signal(rows_at, confidence(len(opens), least_opens), figures))
    return signals


def _is_rhythm(gaps: NDArray[np.float64], middle: float) -> bool:
    lasts = middle >= LEAST_GAP_SECONDS and float(gaps.sum()) >= LEAST_SECONDS
    return lasts and float(gaps.max()) <= MOST_GAP * middle


def _judge(span: Span) -> list[Signal]:
    return regular_calls(span, LEAST_OPENS, _is_rhythm)


BEACON = Pattern("beacon", 5, _select, _judge)
