"""When hosts open connections, as rows for the beacon pattern."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from detectors.window_features import MINUTE_NS
from wire.flows.records import TCP
from wire.names.events import EVENT_OPEN
from wire.record_arrays import picked

OPEN_ROW = np.dtype(
    [
        ("window_start_ns", "i8"),
        ("flow", "i8"),
        ("open_ns", "i8"),
        ("host_hi", "u8"),
        ("host_lo", "u8"),
        ("peer_hi", "u8"),
        ("peer_lo", "u8"),
        ("server_port", "u2"),
    ]
)


def rows_of_opens(events: NDArray[np.void]) -> NDArray[np.void]:
    """An OPEN_ROW for each TCP flow that EVENTs announce."""
    opens = picked(events, (events["kind"] == EVENT_OPEN) & (events["protocol"] == TCP))
    rows = np.zeros(len(opens), OPEN_ROW)
    rows["open_ns"] = opens["timestamp_ns"]
    rows["window_start_ns"] = opens["timestamp_ns"] - opens["timestamp_ns"] % MINUTE_NS
    for field in ("flow", "server_port"):
        rows[field] = opens[field]
    for half in ("hi", "lo"):
        rows[f"host_{half}"] = opens[f"client_{half}"]
        rows[f"peer_{half}"] = opens[f"server_{half}"]
    return rows
