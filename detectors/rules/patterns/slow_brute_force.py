"""Slow password guessing: a few tries a minute, for hours.

Formula, over six hours: at least 60 short sessions of one host with one peer's login port, each
opened, established and ended within a minute with at most 32 KiB. Scheduled copies over SSH look
the same when they come every few minutes.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from detectors.columns import Columns
from detectors.rules.patterns.brute_force import IS_LOGIN, many_sessions
from detectors.rules.patterns.pattern import Pattern, Span
from detectors.rules.signal import Signal
from detectors.window_features import HOUR_NS

LEAST_SESSIONS = 60
_HOURS = 6


def _select(rows: Columns) -> NDArray[np.bool_]:
    return np.asarray(IS_LOGIN[rows["server_port"]] & (rows["short_sessions"] > 0))


def _judge(span: Span) -> list[Signal]:
    groups = span.group(span.peer, span.rows["server_port"].astype(np.int64))
    return many_sessions(span, groups, groups.total("short_sessions"), LEAST_SESSIONS)


SLOW_BRUTE_FORCE = Pattern("brute-force", _HOURS, _select, _judge, "slow", HOUR_NS)
