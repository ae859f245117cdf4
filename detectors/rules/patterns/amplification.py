"""Flood by amplification: small questions with a false sender, large answers to the victim (RFC 5358).

Formulas, each for one minute and one port whose service answers with far more than it is asked:
  victim     at least 6,000 datagrams came from at least 10 peers' port, with ten times the bytes
             that were sent there, if any were;
  reflector  at least 6,000 datagrams went out from the host's own port, with ten times the bytes
             that came in.
A busy resolver asks about as much as it is answered. QUIC's port is not among them.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from detectors.columns import Columns
from detectors.host_rows import AS_CLIENT, AS_SERVER
from detectors.port_sets import ports_among
from detectors.rules.patterns.pattern import Pattern, Span
from detectors.rules.signal import Signal, confidence
from wire.flows.records import UDP

LEAST_DATAGRAMS = 6_000
LEAST_PEERS = 10
LEAST_FACTOR = 10
#: Chargen, DNS, NTP, NetBIOS, SNMP, CLDAP, SSDP, WS-Discovery, CoAP, memcached (US-CERT TA14-017A).
_AMPLIFIES = ports_among((19, 53, 123, 137, 161, 389, 1900, 3702, 5683, 11211))


def _select(rows: Columns) -> NDArray[np.bool_]:
    amplified = (rows["protocol"] == UDP) & _AMPLIFIES[rows["server_port"]]
    datagrams = int(((rows["packets_in"].astype(np.int64) + rows["packets_out"]) * amplified).sum())
    return np.asarray(amplified if datagrams >= LEAST_DATAGRAMS else amplified & False)


def _judge(span: Span) -> list[Signal]:
    rows = span.rows
    groups = span.group(rows["server_port"].astype(np.int64), rows["role"].astype(np.int64))
    role = groups.value("role")
    came, went = groups.total("packets_in"), groups.total("packets_out")
    bytes_in, bytes_out = groups.total("bytes_in"), groups.total("bytes_out")
    victim = (role == AS_CLIENT) & (came >= LEAST_DATAGRAMS) & (bytes_in >= LEAST_FACTOR * bytes_out)
    victim &= groups.distinct(span.peer) >= LEAST_PEERS
    reflector = (role == AS_SERVER) & (went >= LEAST_DATAGRAMS) & (bytes_out >= LEAST_FACTOR * bytes_in)
    amount = np.where(role == AS_CLIENT, came, went)
    port = groups.value("server_port").astype(np.int64)
    return [
        span.signal(
            groups.rows_of(at),
            confidence(amount[at], LEAST_DATAGRAMS),
            {"port": float(port[at]), "ip_protocol": float(UDP), "amount": amount[at]},
        )
        for at in groups.strongest(victim | reflector, amount)
    ]


AMPLIFICATION = Pattern("flood", 1, _select, _judge, "amplified")
