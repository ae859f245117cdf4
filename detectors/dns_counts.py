"""From a flow's running DNS counts to what is new in each delta."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_SLOTS = 1 << 16
#: 2^64 divided by the golden ratio, made odd; its upper 16 bits are a slot.
_SCATTER, _SHIFT = np.uint64(0x9E3779B97F4A7C15), np.uint64(48)


@dataclass(frozen=True, slots=True)
class NewDns:
    """`queries` and `nxdomain` per delta; `names` the new string ids, `of_delta` whose they are."""

    queries: NDArray[np.int32]
    nxdomain: NDArray[np.int32]
    of_delta: NDArray[np.int64]
    names: NDArray[np.int32]


class DnsCounts:
    """Remembers what was already counted of each DNS flow, in a table that newer flows overwrite.

    A flow that was overwritten and comes back counts nothing for that delta; `forgotten` tells how
    often that was.
    """

    def __init__(self) -> None:
        self._flow = np.zeros(_SLOTS, np.int64)
        self._seen = {
            what: np.zeros(_SLOTS, np.int64) for what in ("queries", "nxdomain", "names")
        }
        self.forgotten = 0

    def take(
        self,
        deltas: NDArray[np.void],
        facts: NDArray[np.void],
        offsets: NDArray[np.int64],
        names: NDArray[np.int32],
    ) -> NewDns:
        """What is new since the last delta of each flow.

        `offsets` and `names` are the flows' lists of names asked for, as Namer.dns_queries gives
        them for these deltas. Where a block holds several deltas of one flow, the first gets all,
        since the facts are those at the end of the block.
        """
        queries = np.zeros(len(deltas), np.int32)
        nxdomain = np.zeros(len(deltas), np.int32)
        dns = np.flatnonzero((facts["dns_query_count"] > 0) | (facts["dns_nxdomain"] > 0))
        if len(dns) == 0:
            return NewDns(queries, nxdomain, np.zeros(0, np.int64), np.zeros(0, np.int32))
        flows, first = np.unique(deltas["flow"][dns], return_index=True)
        at = dns[first]
        slot = (flows.astype(np.uint64) * _SCATTER >> _SHIFT).astype(np.int64)
        known = self._flow[slot] == flows
        lost = ~known & (deltas["opened"][at] == 0)
        self.forgotten += int(np.count_nonzero(lost))
        listed = np.diff(offsets)[at]
        new = {}
        for what, now in (
            ("queries", facts["dns_query_count"][at].astype(np.int64)),
            ("nxdomain", facts["dns_nxdomain"][at].astype(np.int64)),
            ("names", listed),
        ):
            before = np.where(known, self._seen[what][slot], 0)
            new[what] = np.where(lost, 0, np.maximum(now - before, 0))
            self._seen[what][slot] = now
        self._flow[slot] = flows
        queries[at], nxdomain[at] = new["queries"], new["nxdomain"]
        of_delta = np.repeat(at, new["names"])
        starts = offsets[at] + listed - new["names"]
        within = np.arange(len(of_delta)) - np.repeat(
            np.cumsum(new["names"]) - new["names"], new["names"]
        )
        return NewDns(queries, nxdomain, of_delta, names[np.repeat(starts, new["names"]) + within])
