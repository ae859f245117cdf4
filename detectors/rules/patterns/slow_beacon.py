"""Slow beacon: a host calls a place that hardly anyone else calls, at regular times, for hours.

Formula, over six hours: at least 16 TCP connections opened to one peer's port that at most two hosts
open, over at least two hours; median gap 20 seconds or more; median deviation of the gaps at most 25%
of it, and nine tenths of the gaps within a third to three times the median. Uniform jitter of 50%
either way deviates by 25%. Programs poll regularly, too: what many hosts call is left out.
Only hours with 3 to 180 opens count (hour_rows.rare_opens): periods over twenty minutes are not seen.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from detectors.columns import Columns
from detectors.hour_rows import HOUR_NS
from detectors.rules.patterns.pattern import Pattern, Span
from detectors.rules.signal import Signal, confidence

LEAST_OPENS = 16
LEAST_SECONDS = 7_200.0
LEAST_GAP_SECONDS = 20.0  # the five-minute form sees periods up to 25 s
MOST_DEVIATION = 0.25
_WITHIN = 3.0
_LEAST_WITHIN = 0.9
_HOURS = 6


def _select(rows: Columns) -> NDArray[np.bool_]:
    return np.ones(len(rows), np.bool_)  # hour_rows.rare_opens has chosen


def _judge(span: Span) -> list[Signal]:
    groups = span.group(span.peer, span.rows["server_port"].astype(np.int64))
    signals = []
    for at in np.flatnonzero(groups.count(np.ones(len(span.rows), np.bool_)) >= LEAST_OPENS).tolist():
        rows_at = groups.rows_of(at)
        opens = np.sort(span.rows["open_ns"][rows_at])
        gaps = np.diff(opens) / 1e9
        middle = float(np.median(gaps))
        if middle < LEAST_GAP_SECONDS or gaps.sum() < LEAST_SECONDS:
            continue
        deviation = float(np.median(np.abs(gaps - middle))) / middle
        within = float(np.mean((gaps >= middle / _WITHIN) & (gaps <= middle * _WITHIN)))
        if deviation <= MOST_DEVIATION and within >= _LEAST_WITHIN:
            figures = {
                "opens": float(len(opens)),
                "gap_seconds": round(middle, 3),
                "deviation": round(deviation, 3),
            }
            signals.append(span.signal(rows_at, confidence(len(opens), LEAST_OPENS), figures))
    return signals


SLOW_BEACON = Pattern("beacon", _HOURS, _select, _judge, "slow", HOUR_NS)
