"""Flood: far more than any use needs, in one minute, between a host and one peer or port.

Formulas, each for one minute:
  TCP   at least 1,000 connections opened to one peer's port in vain; or, at the target, 1,000
        connections to one of its ports that were never established, from whatever addresses.
  UDP   at least 60,000 datagrams (1,000 a second) to one peer that sends back under 1%.
  ICMP  at least 6,000 packets (100 a second, what `ping -f` sends at least) to one peer.
A browser opens a few dozen connections a minute to one server. Where the tap sees one direction
only, a large upload over UDP looks like a flood: the visibility metrics tell of such a tap.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from detectors.columns import Columns
from detectors.host_rows import AS_CLIENT, AS_SERVER
from detectors.rules.patterns.pattern import Pattern, Span
from detectors.rules.signal import Signal, confidence
from wire.flows.records import ICMP, ICMP6, TCP, UDP

LEAST_OPENS = 1_000
LEAST_DATAGRAMS = 60_000
MOST_ANSWERED = 0.01
LEAST_ICMP_PACKETS = 6_000


def _select(rows: Columns) -> NDArray[np.bool_]:
    protocol, single = rows["protocol"], rows["group"] == 0
    half_open = (protocol == TCP) & (rows["opened"] == 1) & (rows["established"] == 0)
    one_sided = (protocol == UDP) & (rows["packets_in"] <= MOST_ANSWERED * rows["packets_out"])
    icmp = (protocol == ICMP) | (protocol == ICMP6)
    as_client = (rows["role"] == AS_CLIENT) & single
    sent = rows["packets_out"]
    # Too few in all minutes together are too few in each: the usual case ends here.
    chosen = np.zeros(len(rows), np.bool_)
    for kind, amount, least in (
        (half_open & single, 1, LEAST_OPENS),
        (one_sided & as_client, sent, LEAST_DATAGRAMS),
        (icmp & as_client, sent, LEAST_ICMP_PACKETS),
    ):
        if int((kind * amount).sum()) >= least:
            chosen |= kind
    return np.asarray(chosen, np.bool_)


def _judge(span: Span) -> list[Signal]:
    rows = span.rows
    target = np.where(rows["role"] == AS_SERVER, 0, span.peer + 1)
    port = np.where(rows["protocol"] == TCP, rows["server_port"], 0).astype(np.int64)
    groups = span.group(target, port, rows["protocol"].astype(np.int64))
    protocol = groups.value("protocol")
    amount = np.where(
        protocol == TCP, groups.count(np.ones(len(rows), np.bool_)), groups.total("packets_out")
    )
    least = np.select(
        [protocol == TCP, protocol == UDP], [LEAST_OPENS, LEAST_DATAGRAMS], LEAST_ICMP_PACKETS
    )
    return [
        span.signal(
            groups.rows_of(at),
            confidence(float(amount[at]), float(least[at])),
            {"ip_protocol": float(protocol[at]), "amount": float(amount[at])},
        )
        for at in groups.strongest(amount >= least, amount / least)
    ]


FLOOD = Pattern("flood", 1, _select, _judge)
