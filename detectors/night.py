"""Which hours are night on the campus: from midnight to six nobody should be at work."""

from __future__ import annotations

from datetime import UTC, datetime, tzinfo

import numpy as np
from numpy.typing import NDArray

from detectors.window_features import SECOND_NS

NIGHT_ENDS = 6


def local_time(start_ns: int, zone: tzinfo) -> datetime:
    """A time in the campus's zone."""
    return datetime.fromtimestamp(start_ns // SECOND_NS, UTC).astimezone(zone)


def at_night(start_ns: NDArray[np.int64], zone: tzinfo) -> NDArray[np.bool_]:
    """Whether these times, of few distinct values, lie in the night; (n,)."""
    distinct, at = np.unique(start_ns, return_inverse=True)
    nightly = [local_time(each, zone).hour < NIGHT_ENDS for each in distinct.tolist()]
    return np.array(nightly, np.bool_)[at]
