"""Worm: a scan that spreads, or that aims everywhere as code that spreads by itself does.

Two formulas, each over five minutes and one port of TCP or of UDP:
  spreads   at least 15 peers tried in vain by each of two internal hosts, one of which had reached
            the other on that port;
  anywhere  at least 100 peers tried in vain, half of all tried or more, in at least 20 different
            networks (/16 of IPv4, /32 of IPv6): a scan by a person walks through neighbours,
            Slammer's and Mirai's targets are drawn at random (Moore et al. 2003, Antonakakis et
            al. 2017).
A research scanner on campus looks like the second.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from detectors.columns import Columns
from detectors.grouping import address_ids
from detectors.rules.patterns.failing import opened_by_failing_hosts
from detectors.rules.patterns.pattern import Pattern, Span
from detectors.rules.signal import Signal, confidence
from wire.flows.records import TCP, UDP

LEAST_PEERS_SPREADING = 15
LEAST_PEERS_ANYWHERE = 100
LEAST_SHARE = 0.5
LEAST_NETWORKS = 20
#: A host below this many failures in a minute can't reach 15 in the five minutes of a span.
_LEAST_FAILURES_A_MINUTE = 3


def _select(rows: Columns) -> NDArray[np.bool_]:
    """What hosts that fail much opened, in vain or not: a peer that was reached may scan as well."""
    transport = (rows["protocol"] == TCP) | (rows["protocol"] == UDP)
    return opened_by_failing_hosts(rows, transport, _LEAST_FAILURES_A_MINUTE)


def _judge(span: Span) -> list[Signal]:
    rows = span.rows
    service = rows["server_port"].astype(np.int64) * 256 + rows["protocol"]
    groups = span.group(service)
    vain = rows["failed"] == 1
    failed, tried = groups.distinct(span.peer, vain), groups.distinct(span.peer)
    networks = groups.distinct(_network_ids(rows), vain)
    mostly_vain = failed >= LEAST_SHARE * tried
    anywhere = (failed >= LEAST_PEERS_ANYWHERE) & (networks >= LEAST_NETWORKS) & mostly_vain
    scanning = (failed >= LEAST_PEERS_SPREADING) & mostly_vain
    spreading = _touch_one_another(span, groups.of_row, service, scanning)
    least = np.where(spreading, LEAST_PEERS_SPREADING, LEAST_PEERS_ANYWHERE).astype(np.float64)
    port = groups.value("server_port").astype(np.int64)
    return [
        span.signal(
            groups.rows_of(at),
            confidence(float(failed[at]), float(least[at])),
            {"port": float(port[at]), "peers_failed": failed[at], "networks": networks[at]},
        )
        for at in groups.strongest(anywhere | spreading, failed)
    ]


def _network_ids(rows: NDArray[np.void]) -> NDArray[np.int64]:
    """Numbers of the /16 (IPv4) or /32 (IPv6) that the peers lie in."""
    v4 = rows["peer_hi"] == 0
    network = np.where(v4, rows["peer_lo"] >> np.uint64(16), rows["peer_hi"] >> np.uint64(32))
    _, ids = np.unique(network, return_inverse=True)
    return ids.astype(np.int64)


def _touch_one_another(
    span: Span, group: NDArray[np.int64], service: NDArray[np.int64], scanning: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    """Of groups that scan: whether the host reached, or was reached by, another that scans the same.

    group, service (port and protocol): of each row; scanning: of each group.
    """
    rows = span.rows
    found = np.zeros(len(scanning), np.bool_)
    reached = np.flatnonzero((rows["failed"] == 0) & scanning[group])
    if len(reached) == 0:
        return found
    ends, _ = address_ids(
        np.concatenate([rows["host_hi"], rows["peer_hi"]]), np.concatenate([rows["host_lo"], rows["peer_lo"]])
    )
    host, peer = ends[: len(rows)], ends[len(rows) :]
    at = np.flatnonzero(scanning)
    first = np.zeros(len(scanning), np.int64)
    first[group[::-1]] = np.arange(len(rows))[::-1]
    end = span.end_ns
    of_host = {
        (int(host[row]), int(service[row]), int(end[row])): one
        for one, row in zip(at.tolist(), first[at].tolist(), strict=True)
    }
    for row in reached.tolist():
        other = of_host.get((int(peer[row]), int(service[row]), int(end[row])))
        if other is not None and other != group[row]:
            found[other] = found[group[row]] = True
    return found


WORM = Pattern("worm", 5, _select, _judge)
