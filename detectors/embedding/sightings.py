"""Who was seen calling what in which minute: the rows that sessions are made of."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from detectors.catalogue.categories import GENERAL

#: A flow that was open before counts again in a minute in which this much payload came.
_BUSY_BYTES = 2_000

#: `service` of named flows that the catalogue does not know: somebody browses.
BROWSING = -1

SIGHTING = np.dtype(
    [
        ("window_start_ns", "i8"),  # the minute
        ("client", "u8"),  # a fixed hash of the client's address; never leaves the process
        ("service", "i4"),  # index into the catalogue's services, or BROWSING
    ]
)


def sightings_of(
    deltas: NDArray[np.void],
    service: NDArray[np.int32],
    category: NDArray[np.uint8],
    inside: NDArray[np.bool_],
) -> NDArray[np.void]:
    """A SIGHTING for each DELTA of a client of the campus (`inside`) that called something known.

    service, category: of each delta. Flows that only keep a connection alive are no call.
    """
    received = deltas["payload_bytes_s2c"] + deltas["payload_bytes_c2s"]
    called = (deltas["opened"] == 1) | (received >= _BUSY_BYTES)
    at = np.flatnonzero(inside & called & ((service >= 0) | (category == GENERAL)))
    rows = np.empty(len(at), SIGHTING)
    rows["window_start_ns"] = deltas["window_start_ns"][at]
    rows["client"] = client_hash(deltas["client_hi"][at], deltas["client_lo"][at])
    rows["service"] = service[at]
    return rows


def client_hash(high: NDArray[np.uint64], low: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """A fixed 64-bit hash of an address (the finaliser of SplitMix64), the same in every process."""
    value = low ^ (high * np.uint64(0x9E3779B97F4A7C15))
    value = (value ^ (value >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    value = (value ^ (value >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.asarray(value ^ (value >> np.uint64(31)), np.uint64)
