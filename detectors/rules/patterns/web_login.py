"""Brute force on a web login: many short connections of one host to one web port, all alike.

Formula: in five minutes at least 60 connections to one peer's web port were opened, established and
ended, and of what they carried each way the median deviation is at most 2% of the median: the same
form is posted with another password, and the same refusal comes back. Pages, pictures and their
sizes differ. A guesser that keeps one connection open is not seen; a program that polls every few
seconds with a new connection each time looks the same.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from detectors.columns import Columns
from detectors.host_rows import AS_CLIENT
from detectors.port_sets import ports_among
from detectors.rules.patterns.pattern import Pattern, Span
from detectors.rules.signal import Signal, confidence
from wire.flows.records import TCP

LEAST_CONNECTIONS = 60
MOST_DEVIATION = 0.02
_IS_WEB = ports_among((80, 443, 8000, 8080, 8443))
_FIN, _RST = 0x01, 0x04


def _select(rows: Columns) -> NDArray[np.bool_]:
    """Whole connections within one minute: what took longer is no refused login."""
    session = (rows["protocol"] == TCP) & (rows["established"] == 1) & (rows["opened"] == 1)
    ended = (rows["flags_client"] | rows["flags_server"]) & (_FIN | _RST) != 0
    web = _IS_WEB[rows["server_port"]] & (rows["role"] == AS_CLIENT)
    carried = (rows["payload_out"] > 0) & (rows["payload_in"] > 0)
    return np.asarray(session & ended & web & carried)


def _judge(span: Span) -> list[Signal]:
    rows = span.rows
    groups = span.group(span.peer, rows["server_port"].astype(np.int64))
    tries = groups.distinct(rows["flow"])
    alike = np.zeros(len(groups), np.bool_)
    for at in np.flatnonzero(tries >= LEAST_CONNECTIONS).tolist():
        of_group = rows[groups.rows_of(at)]
        alike[at] = all(_deviation(of_group[way]) <= MOST_DEVIATION for way in ("payload_out", "payload_in"))
    port = groups.value("server_port").astype(np.int64)
    return [
        span.signal(
            groups.rows_of(at),
            confidence(tries[at], LEAST_CONNECTIONS),
            {"port": float(port[at]), "connections": tries[at]},
        )
        for at in groups.strongest(alike, tries)
    ]


def _deviation(values: NDArray[np.int64]) -> float:
    middle = float(np.median(values))
    return float(np.median(np.abs(values - middle))) / middle


WEB_LOGIN = Pattern("brute-force", 5, _select, _judge, "web", least_rows=LEAST_CONNECTIONS)
