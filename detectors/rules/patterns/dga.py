"""Generated names: a host tries one made-up domain after the other until one exists.

Formula: in five minutes at least 20 distinct registered domains that do not exist (NXDOMAIN,
RFC 8020), at least a third of which read as no word does; or 60 whatever they read like, for
generators that join words. Names under one domain count once, so that a search suffix, a block list
asked by DNS, or a crawl of one site's hosts stays silent; local names are left out. Chromium asks
for three random names without a dot at start.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from detectors.columns import Columns
from detectors.rules.patterns.pattern import Pattern, Span
from detectors.rules.signal import Signal, confidence

LEAST_DOMAINS = 20
LEAST_GENERATED = 1 / 3
LEAST_DOMAINS_OF_WORDS = 60


def _select(rows: Columns) -> NDArray[np.bool_]:
    return np.ones(len(rows), np.bool_)  # NX_ROWs hold names that do not exist only


def _judge(span: Span) -> list[Signal]:
    groups = span.group()
    base = span.rows["base"].astype(np.int64)
    domains = groups.distinct(base)
    generated = groups.distinct(base, span.rows["generated"] == 1)
    random = (domains >= LEAST_DOMAINS) & (generated >= LEAST_GENERATED * domains)
    least = np.where(random, LEAST_DOMAINS, LEAST_DOMAINS_OF_WORDS).astype(np.float64)
    return [
        span.signal(
            groups.rows_of(at),
            confidence(float(domains[at]), float(least[at])),
            {"domains": domains[at], "generated": generated[at]},
        )
        for at in groups.strongest(domains >= least, domains)
    ]


DGA = Pattern("dga", 5, _select, _judge)
