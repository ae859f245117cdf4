"""ICMP tunnel: echoes whose answers do not bring back what was sent.

Formula: in five minutes at least 20 packets each way between a host and one peer, whose mean sizes
differ by at least 16 bytes. RFC 792 and RFC 4443 require that an echo reply returns the request's
data, so an honest ping has equal sizes. A tunnel that pads both ways alike is not seen.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from detectors.columns import Columns
from detectors.host_rows import AS_CLIENT
from detectors.rules.patterns.pattern import Pattern, Span
from detectors.rules.signal import Signal, confidence
from wire.flows.records import ICMP, ICMP6

LEAST_PACKETS = 20
LEAST_DIFFERENCE_BYTES = 16.0


def _select(rows: Columns) -> NDArray[np.bool_]:
    icmp = (rows["protocol"] == ICMP) | (rows["protocol"] == ICMP6)
    return np.asarray(icmp & (rows["group"] == 0) & (rows["role"] == AS_CLIENT))


def _judge(span: Span) -> list[Signal]:
    groups = span.group(span.peer)
    sent, received = groups.total("packets_out"), groups.total("packets_in")
    mean_out = groups.total("bytes_out") / np.maximum(sent, 1)
    mean_in = groups.total("bytes_in") / np.maximum(received, 1)
    difference = np.abs(mean_out - mean_in)
    enough = np.minimum(sent, received) >= LEAST_PACKETS
    return [
        span.signal(
            groups.rows_of(at),
            confidence(float(difference[at]), LEAST_DIFFERENCE_BYTES),
            {
                "packets_out": float(sent[at]),
                "packets_in": float(received[at]),
                "mean_bytes_out": round(float(mean_out[at]), 1),
                "mean_bytes_in": round(float(mean_in[at]), 1),
            },
        )
        for at in groups.strongest(enough & (difference >= LEAST_DIFFERENCE_BYTES), difference)
    ]


ICMP_TUNNEL = Pattern("icmp-tunnel", 5, _select, _judge)
