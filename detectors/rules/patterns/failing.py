"""The rows that the scan patterns share: what a host opened, where many of its opens failed."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from detectors.columns import Columns
from detectors.host_rows import AS_CLIENT

#: A host below this many failures in a minute can't reach 25 in the five minutes of a span.
_LEAST_FAILURES_A_MINUTE = 5


def opened_by_failing_hosts(
    rows: Columns, relevant: NDArray[np.bool_], least: int = _LEAST_FAILURES_A_MINUTE
) -> NDArray[np.bool_]:
    """Relevant rows that their host opened to one address, of hosts that failed `least` times that minute."""
    failing = rows["host_failures"] >= least
    opened = (rows["role"] == AS_CLIENT) & (rows["opened"] == 1) & (rows["group"] == 0)
    return np.asarray(relevant & failing & opened)
