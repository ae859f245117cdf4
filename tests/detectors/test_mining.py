"""Mining: a miner's own words are enough; a pool's name only for long, from no browser, little at a time."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from detectors.catalogue.catalogue import Catalogue
from detectors.pool_rows import Pools
from detectors.rules.patterns.mining import MINING
from detectors.rules.patterns.pattern import Watch
from tests.detectors.conftest import CATALOGUE
from tests.detectors.made_deltas import deltas, facts

KNOWN = Catalogue.load([CATALOGUE])
POOL = KNOWN.ids.index("supportxmr")
TALK = {"payload_bytes_c2s": 200, "payload_bytes_s2c": 300, "opened": 0, "over": 0}


def fires(minutes: range, service: int = -1, spoke: int = 0, alpn: int = -1, **more: Any) -> bool:
    """Whether one connection that lasts these minutes is told."""
    pools, watch = Pools(KNOWN), Watch(MINING, 10_000)
    told = []
    for minute in minutes:
        made = deltas({"minute": minute, "flow": 7, "server_port": 3333, **TALK, **more})
        known = facts(made)
        known["mining"], known["alpn"] = spoke, alpn
        rows = pools.rows(made, known, np.array([service], np.int32))
        told += watch.take(rows) if len(rows) else []
    return bool(told)


CASES = {
    "its own words": (True, {"minutes": range(1), "spoke": 1}),
    "its own words, unanswered": (False, {"minutes": range(1), "spoke": 1, "payload_bytes_s2c": 0}),
    "a pool's name for ten minutes": (True, {"minutes": range(10), "service": POOL}),
    "a pool's name, a word every third minute": (False, {"minutes": range(0, 60, 3), "service": POOL}),
    "a pool's name for nine minutes": (False, {"minutes": range(9), "service": POOL}),
    "a pool's page in a browser": (False, {"minutes": range(30), "service": POOL, "alpn": 3}),
    "a download from a pool": (False, {"minutes": range(30), "service": POOL, "bytes_s2c": 1 << 20}),
    "any other name": (False, {"minutes": range(30), "service": KNOWN.ids.index("f2pool") + 1}),
    "no name": (False, {"minutes": range(30)}),
}
assert KNOWN.services[KNOWN.ids.index("f2pool") + 1].kind != "mining-pool"


@pytest.mark.parametrize(("fire", "case"), CASES.values(), ids=CASES.keys())
def test_what_is_mining(fire: bool, case: dict[str, Any]) -> None:
    assert fires(**case) is fire
