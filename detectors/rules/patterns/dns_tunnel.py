"""DNS tunnel: data in the names that a host asks for.

Formula: in five minutes at least 20 distinct names under one registered domain, each with at least
52 characters below it. A host's label holds at most 63 (RFC 1035 section 2.3.4) and rarely half of
that; a tunnel fills the name to carry anything, and never asks for the same name twice.
Reverse look-ups are left out. Reputation services of virus scanners ask in the same way.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from detectors.columns import Columns
from detectors.rules.patterns.pattern import Pattern, Span
from detectors.rules.signal import Signal, confidence

LEAST_NAMES = 20


def _select(rows: Columns) -> NDArray[np.bool_]:
    return np.ones(len(rows), np.bool_)  # DNS_ROWs hold long names only


def _judge(span: Span) -> list[Signal]:
    groups = span.group(span.rows["base"].astype(np.int64))
    names = groups.distinct(span.rows["name"].astype(np.int64))
    carried = groups.total("carried") / groups.count(np.ones(len(span.rows), np.bool_))
    return [
        span.signal(
            groups.rows_of(at),
            confidence(names[at], LEAST_NAMES),
            {"names": names[at], "mean_characters": round(float(carried[at]), 1)},
        )
        for at in groups.strongest(names >= LEAST_NAMES, names)
    ]


DNS_TUNNEL = Pattern("dns-tunnel", 5, _select, _judge)
