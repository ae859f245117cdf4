"""Slow lateral movement: one host enters many others of the campus, one after another.

Formula, over two hours: connections established to the administration ports of at least 8 distinct
internal peers, as the five-minute form has it. A client's few servers stay few over hours; a
management server looks the same.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from detectors.columns import Columns
from detectors.rules.patterns.lateral_movement import many_peers
from detectors.rules.patterns.pattern import Pattern
from detectors.window_features import HOUR_NS

_HOURS = 2


def _select(rows: Columns) -> NDArray[np.bool_]:
    return np.asarray(rows["entered"] > 0)


SLOW_LATERAL_MOVEMENT = Pattern("lateral-movement", _HOURS, _select, many_peers, "slow", HOUR_NS)
