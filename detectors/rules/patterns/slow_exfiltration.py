"""Slow exfiltration: a night's worth of data to one place that hardly anyone else knows.

Formula, over twelve hours: at least 30 MiB sent to one external address without a name, or 100 MiB to
one whose name no entry knows; at most a twentieth came back; and of all hosts at most two sent a
mebibyte or more there in an hour. In the hours of one night 30 MiB are enough, named or not: while
people work they hand in and synchronise as much, at night a device that does so is worth a look.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from detectors.columns import Columns
from detectors.grouping import address_ids, distinct
from detectors.hour_rows import LEAST_BYTES_SENT, MOST_HOSTS
from detectors.night import NIGHT_ENDS
from detectors.rules.patterns.exfiltration import goes_outside, much_sent
from detectors.rules.patterns.pattern import Pattern, Span
from detectors.rules.signal import Signal
from detectors.window_features import HOUR_NS

LEAST_BYTES_UNNAMED = 30 << 20
LEAST_BYTES_NAMED = 100 << 20
_HOURS = 12


def _select(rows: Columns) -> NDArray[np.bool_]:
    return np.asarray(goes_outside(rows) & (rows["bytes_out"] >= LEAST_BYTES_SENT))


def _own_places(span: Span) -> NDArray[np.bool_]:
    """Rows of a place that hardly any other host sent to."""
    host, _ = address_ids(span.rows["host_hi"], span.rows["host_lo"])
    hosts = distinct(span.peer, host, int(span.peer.max()) + 1)
    return np.asarray(hosts[span.peer] <= MOST_HOSTS)


def _judge(span: Span) -> list[Signal]:
    return much_sent(span, LEAST_BYTES_UNNAMED, LEAST_BYTES_NAMED, _own_places(span))


def _select_night(rows: Columns) -> NDArray[np.bool_]:
    return np.asarray(_select(rows) & (rows["night"] == 1))


def _judge_night(span: Span) -> list[Signal]:
    return much_sent(span, LEAST_BYTES_UNNAMED, LEAST_BYTES_UNNAMED, _own_places(span))


SLOW_EXFILTRATION = Pattern("exfiltration", _HOURS, _select, _judge, "slow", HOUR_NS)
NIGHT_EXFILTRATION = Pattern("exfiltration", NIGHT_ENDS, _select_night, _judge_night, "night", HOUR_NS)
