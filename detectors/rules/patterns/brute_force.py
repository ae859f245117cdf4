"""Brute force: many short connections of one host to one login service.

Formula: in five minutes at least 10 connections to one peer's login port were opened, established
and ended again within those minutes, each with at most 32 KiB. fail2ban's default bans after 5
failed logins in ten minutes; a failed login can't be told from a short successful one here, so twice
as many in half the time are asked for. Web and mail logins look like ordinary use of those ports and
are not covered.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from detectors.columns import Columns
from detectors.host_rows import AS_CLIENT
from detectors.port_sets import ports_among
from detectors.rules.patterns.pattern import Groups, Pattern, Span
from detectors.rules.signal import Signal, confidence
from wire.flows.records import TCP

LEAST_CONNECTIONS = 10
MOST_BYTES = 32 << 10
#: FTP, SSH, Telnet, RDP, VNC, WinRM.
IS_LOGIN = ports_among((21, 22, 23, 3389, 5900, 5985))
_FIN, _RST = 0x01, 0x04


def _select(rows: Columns) -> NDArray[np.bool_]:
    session = (rows["protocol"] == TCP) & (rows["established"] == 1)
    login = IS_LOGIN[rows["server_port"]]
    return np.asarray(session & login & (rows["role"] == AS_CLIENT))


def _judge(span: Span) -> list[Signal]:
    rows = span.rows
    flows = span.group(rows["flow"])
    begun = flows.count(rows["opened"] == 1) > 0
    ended = flows.count((rows["flags_client"] | rows["flags_server"]) & (_FIN | _RST) != 0) > 0
    small = flows.total("bytes_out") + flows.total("bytes_in") <= MOST_BYTES
    short = (begun & ended & small)[flows.of_row]
    groups = span.group(span.peer, rows["server_port"].astype(np.int64))
    tries = groups.distinct(rows["flow"], short)
    return many_sessions(span, groups, tries, LEAST_CONNECTIONS)


def many_sessions(span: Span, groups: Groups, sessions: NDArray[np.float64], least: int) -> list[Signal]:
    """A sign for each group, of a peer's port, with at least so many short sessions."""
    port = groups.value("server_port").astype(np.int64)
    return [
        span.signal(
            groups.rows_of(at),
            confidence(float(sessions[at]), least),
            {"port": float(port[at]), "connections": sessions[at]},
        )
        for at in groups.strongest(sessions >= least, sessions)
    ]


BRUTE_FORCE = Pattern("brute-force", 5, _select, _judge)
