"""Exfiltration: a host sends much to one place outside, and little comes back.

Formula: in five minutes at least 50 MiB went to one external address of which nobody knows a name,
or 200 MiB to one with a name that no catalogue entry knows, and at most a twentieth of it came
back. Uploads to platforms, education apps and the like are left out: people hand in videos. A
backup to an unknown store looks the same; fifty megabytes over a night need a baseline.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from detectors.catalogue.categories import GENERAL, UNKNOWN
from detectors.columns import Columns
from detectors.host_rows import AS_CLIENT
from detectors.rules.patterns.pattern import Pattern, Span
from detectors.rules.signal import Signal, confidence

LEAST_BYTES_UNNAMED = 50 << 20
LEAST_BYTES_NAMED = 200 << 20
MOST_BACK = 0.05
#: A host that sends less than this in a minute can't reach the least in five of them.
_LEAST_A_MINUTE = LEAST_BYTES_UNNAMED // 5 // 64


def goes_outside(rows: Columns) -> NDArray[np.bool_]:
    """Rows with a peer outside that no catalogue entry knows."""
    unlisted = (rows["category"] == GENERAL) | (rows["category"] == UNKNOWN)
    return np.asarray((rows["peer_internal"] == 0) & unlisted)


def much_sent(
    span: Span, least_unnamed: int, least_named: int, own: NDArray[np.bool_] | None = None
) -> list[Signal]:
    """A sign for each place to which so many bytes went, and hardly any came back.

    own: rows whose place counts; all without it.
    """
    rows = span.rows
    groups = span.group(span.peer)
    out, back = groups.total("bytes_out"), groups.total("bytes_in")
    named = groups.count(rows["named"] == 1) > 0
    least = np.where(named, least_named, least_unnamed).astype(np.float64)
    found = (out >= least) & (back <= MOST_BACK * out)
    if own is not None:
        found &= groups.count(own) > 0
    return [
        span.signal(
            groups.rows_of(at),
            confidence(float(out[at]), float(least[at])),
            {"bytes_out": out[at], "bytes_in": back[at], "named": float(named[at])},
        )
        for at in groups.strongest(found, out)
    ]


def _select(rows: Columns) -> NDArray[np.bool_]:
    opened = (rows["role"] == AS_CLIENT) & (rows["group"] == 0)
    return np.asarray(goes_outside(rows) & opened & (rows["bytes_out"] >= _LEAST_A_MINUTE))


def _judge(span: Span) -> list[Signal]:
    return much_sent(span, LEAST_BYTES_UNNAMED, LEAST_BYTES_NAMED)


EXFILTRATION = Pattern("exfiltration", 5, _select, _judge)
