"""What hosts exchange with mining pools in a minute, as rows for the mining pattern."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from detectors.catalogue.catalogue import Catalogue
from detectors.host_and_peer import HOST_AND_PEER, rows_of_callers
from wire.flows.records import TCP
from wire.names.strings import ABSENT
from wire.record_arrays import picked

#: The kind that catalogue entries of mining pools bear.
POOL_KIND = "mining-pool"

POOL_ROW = np.dtype(
    [
        *HOST_AND_PEER,
        ("bytes", "i8"),  # both ways
        ("server_port", "u2"),
        ("spoke", "u1"),  # 1: its first line is a miner's request
        ("listed", "u1"),  # 1: a pool's name, from a client that is no browser
    ]
)


class Pools:
    """Which services of the catalogue are mining pools."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._pool = np.array([*(service.kind == POOL_KIND for service in catalogue.services), False])

    def rows(
        self, deltas: NDArray[np.void], facts: NDArray[np.void], service: NDArray[np.int32]
    ) -> NDArray[np.void]:
        """A POOL_ROW per TCP delta in which both sides spoke, of a miner's connection or a pool's name.

        Browsers offer ALPN (RFC 7301), miners do not: what offers it is a visit to a pool's pages.
        """
        listed = self._pool[service] & (facts["alpn"] == ABSENT) & (facts["http"] == 0)
        both = (deltas["payload_bytes_c2s"] > 0) & (deltas["payload_bytes_s2c"] > 0)
        at = np.flatnonzero(((facts["mining"] == 1) | listed) & both & (deltas["protocol"] == TCP))
        chosen = picked(deltas, at)
        rows = rows_of_callers(POOL_ROW, chosen)
        rows["bytes"] = chosen["bytes_c2s"] + chosen["bytes_s2c"]
        rows["spoke"], rows["listed"] = facts["mining"][at], listed[at]
        return rows
