"""A device and an app in a minute: the rows that days are made of."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from detectors.networks import Networks
from detectors.rules.settings import ActiveMinutes
from detectors.window_features import MINUTE_NS
from wire.record_arrays import picked

USE = np.dtype(
    [
        ("service", "i4"),  # index into the catalogue's services
        ("inside", "u1"),  # 1: the device lies in the campus networks
        ("device_hi", "u8"),
        ("device_lo", "u8"),
        ("minute", "i8"),  # since 1970
        ("flows", "i8"),  # opened in this minute
        ("bytes", "i8"),  # both directions, whole frames
        ("up", "i8"),  # payload bytes from the device
        ("down", "i8"),
        ("small_up", "i8"),  # the same, without flows that move bulk
        ("small_down", "i8"),
    ]
)
KEYS = ("service", "inside", "device_hi", "device_lo", "minute")
SUMS = tuple(name for name in USE.names or () if name not in KEYS)


def rows_of_use(
    deltas: NDArray[np.void], service: NDArray[np.int32], networks: Networks, active: ActiveMinutes
) -> NDArray[np.void]:
    """A USE for each delta (all of flows to apps); a flow that moves bulk counts in bytes alone."""
    rows = np.zeros(len(deltas), USE)
    rows["service"] = service
    rows["device_hi"], rows["device_lo"] = deltas["client_hi"], deltas["client_lo"]
    rows["inside"] = networks.contain(rows["device_hi"], rows["device_lo"])
    rows["minute"] = deltas["window_start_ns"] // MINUTE_NS
    rows["flows"] = deltas["opened"]
    rows["bytes"] = deltas["bytes_c2s"] + deltas["bytes_s2c"]
    up, down = deltas["payload_bytes_c2s"], deltas["payload_bytes_s2c"]
    rows["up"], rows["down"] = up, down
    small = ~(_is_bulk(up, down, active) | _is_bulk(down, up, active))
    rows["small_up"], rows["small_down"] = up * small, down * small
    return rows


def _is_bulk(
    little: NDArray[np.int64], much: NDArray[np.int64], active: ActiveMinutes
) -> NDArray[np.bool_]:
    return np.asarray((much >= active.bulk_bytes) & (much >= active.bulk_ratio * little))


def merged(rows: NDArray[np.void]) -> NDArray[np.void]:
    """One row for each service, device and minute, in this order, whatever the order of `rows`."""
    if len(rows) == 0:
        return rows
    order = np.lexsort([rows[name] for name in reversed(KEYS)])
    rows = picked(rows, order)
    new = np.ones(len(rows), np.bool_)
    new[1:] = np.any([rows[name][1:] != rows[name][:-1] for name in KEYS], axis=0)
    starts = np.flatnonzero(new)
    result = picked(rows, starts)
    for name in SUMS:
        result[name] = np.add.reduceat(rows[name], starts)
    return result
