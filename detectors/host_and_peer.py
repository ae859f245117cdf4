"""Whom a host called: the fields that rows of several kinds begin with, and how DELTAs fill them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

#: The host looks at the peer; both are addresses as pairs of uint64.
HOST_AND_PEER = [
    ("window_start_ns", "i8"),
    ("flow", "i8"),
    ("host_hi", "u8"),
    ("host_lo", "u8"),
    ("peer_hi", "u8"),
    ("peer_lo", "u8"),
]


def rows_of_callers(dtype: np.dtype[np.void], deltas: NDArray[np.void]) -> NDArray[np.void]:
    """A row of `dtype` a DELTA: minute and flow, the client as host, the server and its port as peer."""
    rows = np.zeros(len(deltas), dtype)
    for field in ("window_start_ns", "flow", "server_port"):
        rows[field] = deltas[field]
    for half in ("hi", "lo"):
        rows[f"host_{half}"] = deltas[f"client_{half}"]
        rows[f"peer_{half}"] = deltas[f"server_{half}"]
    return rows
