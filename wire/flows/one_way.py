"""One-way visibility: TCP connections of which only one direction passed by the tap.

Who acknowledges has received something. A connection in which one side acknowledges what the other
was never seen to send was seen one way: a mirror of one direction, a missing half of a pair of
taps, or routing that takes another way back. An unanswered SYN tells nothing (a scan looks so), nor
do a few resets alone, which may answer packets with a forged source.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from wire.flows.records import TCP

#: What was seen of a TCP connection.
TCP_SEEN = ("both_ways", "one_way", "unanswered")
_BOTH, _ONE, _UNANSWERED = range(len(TCP_SEEN))
_RST, _ACK = 4, 16
#: A peer that is gone is answered by as many resets at most, with the ACK bit (RFC 9293 section 3.5.2).
_RESETS = 3
#: With fewer connections that tell something, nothing is concluded.
LEAST_CONNECTIONS = 50
#: Above this share the tap sees one way. Of both ways, lost packets leave a few per cent.
ONE_WAY_SHARE = 0.5


def tcp_seen(rows: NDArray[np.void]) -> NDArray[np.int64]:
    """How many of the TCP connections among FLOW_ROWs were seen how, by TCP_SEEN, (3,).

    A connection of several rows counts by its first.
    """
    whole = np.flatnonzero((rows["protocol"] == TCP) & (rows["ts_start_ns"] == rows["flow_start_ns"]))
    packets = rows["packets"][whole]
    flags = np.bitwise_or.reduce(rows["tcp_flags"][whole], axis=1)
    both = packets.min(axis=1) > 0
    acknowledges = (flags & _ACK != 0) & ((flags & _RST == 0) | (packets.sum(axis=1) > _RESETS))
    seen = np.where(both, _BOTH, np.where(acknowledges, _ONE, _UNANSWERED))
    return np.bincount(seen, minlength=len(TCP_SEEN))


def one_way_share(both_ways: float, one_way: float) -> float:
    """Share of connections seen one way among those that tell; 0 without any."""
    return one_way / (both_ways + one_way) if both_ways + one_way else 0.0


def is_one_way(both_ways: float, one_way: float) -> bool:
    """Whether these counts mean that the tap sees one direction only."""
    return both_ways + one_way >= LEAST_CONNECTIONS and one_way_share(both_ways, one_way) > ONE_WAY_SHARE
