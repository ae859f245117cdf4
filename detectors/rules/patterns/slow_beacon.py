"""Slow beacon: a host calls a place that hardly anyone else calls, at regular times, for hours.

Formula, over six hours: at least 16 TCP connections opened to one peer's port that at most two hosts
open, over at least two hours; median gap 20 seconds or more; median deviation of the gaps at most 25%
of it, as in the five-minute form, and nine tenths of the gaps within a third to three times the median.
Programs poll regularly, too: what many hosts call is left out. Only hours with 3 to 180 opens count
(hour_rows.rare_opens): periods over twenty minutes are not seen.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from detectors.columns import Columns
from detectors.rules.patterns.beacon import regular_calls
from detectors.rules.patterns.pattern import Pattern, Span
from detectors.rules.signal import Signal
from detectors.window_features import HOUR_NS

LEAST_OPENS = 16
LEAST_SECONDS = 7_200.0
LEAST_GAP_SECONDS = 20.0  # the five-minute form sees periods up to 25 s
_WITHIN = 3.0
_LEAST_WITHIN = 0.9
_HOURS = 6


def _select(rows: Columns) -> NDArray[np.bool_]:
    return np.ones(len(rows), np.bool_)  # hour_rows.rare_opens has chosen


def _is_rhythm(gaps: NDArray[np.float64], middle: float) -> bool:
    lasts = middle >= LEAST_GAP_SECONDS and float(gaps.sum()) >= LEAST_SECONDS
    within = (gaps >= middle / _WITHIN) & (gaps <= middle * _WITHIN)
    return lasts and float(np.mean(within)) >= _LEAST_WITHIN


def _judge(span: Span) -> list[Signal]:
    return regular_calls(span, LEAST_OPENS, _is_rhythm)


SLOW_BEACON = Pattern("beacon", _HOURS, _select, _judge, "slow", HOUR_NS)
