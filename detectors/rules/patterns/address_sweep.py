"""Address sweep: one host asks for many addresses by ARP, or pings them.

Formula: in five minutes at least 25 distinct addresses gave no answer to one host's ARP requests
(or to its ICMP echoes), and at least half of all that it asked for. 25 is the scan threshold of
Zeek. A tap that sees only the broadcast half of ARP counts every request as unanswered: a router
that asks for 25 neighbours in five minutes then looks like a sweep.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from detectors.columns import Columns
from detectors.rules.patterns.failing import opened_by_failing_hosts
from detectors.rules.patterns.pattern import Pattern, Span
from detectors.rules.signal import Signal, confidence
from wire.flows.records import ARP, ICMP, ICMP6

LEAST_ADDRESSES = 25
LEAST_SHARE = 0.5


def _select(rows: Columns) -> NDArray[np.bool_]:
    protocol = rows["protocol"]
    return opened_by_failing_hosts(rows, (protocol == ARP) | (protocol == ICMP) | (protocol == ICMP6))


def _judge(span: Span) -> list[Signal]:
    groups = span.group(span.rows["protocol"].astype(np.int64))
    silent = groups.distinct(span.peer, span.rows["failed"] == 1)
    asked = groups.distinct(span.peer)
    arp = groups.value("protocol") == ARP
    return [
        span.signal(
            groups.rows_of(at),
            confidence(silent[at], LEAST_ADDRESSES),
            {"addresses_silent": silent[at], "addresses_asked": asked[at], "arp": float(arp[at])},
        )
        for at in groups.strongest((silent >= LEAST_ADDRESSES) & (silent >= LEAST_SHARE * asked), silent)
    ]


ADDRESS_SWEEP = Pattern("address-sweep", 5, _select, _judge)
