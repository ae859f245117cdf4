"""Lateral movement: one host enters many others of the campus by the ways that administrators use.

Formula: in five minutes connections were established to the login or administration ports of at
least 8 distinct internal peers (MITRE ATT&CK TA0008: SSH, RPC, SMB, RDP, VNC, WinRM). A file server
serves many clients, but a client has few of them; a management server looks the same and is best
told to the configuration.
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

LEAST_PEERS = 8
#: SSH, Telnet, RPC endpoint mapper, NetBIOS session, SMB, RDP, VNC, WinRM.
IS_ADMINISTRATION = ports_among((22, 23, 135, 139, 445, 3389, 5900, 5985, 5986))


def _select(rows: Columns) -> NDArray[np.bool_]:
    entered = (rows["role"] == AS_CLIENT) & (rows["protocol"] == TCP) & (rows["established"] == 1)
    inside = entered & (rows["peer_internal"] == 1)
    return np.asarray(inside & IS_ADMINISTRATION[rows["server_port"]])


def many_peers(span: Span) -> list[Signal]:
    """A sign for each host whose rows of a span name at least LEAST_PEERS peers."""
    groups = span.group()
    peers = groups.distinct(span.peer)
    ports = groups.distinct(span.rows["server_port"].astype(np.int64))
    return [
        span.signal(
            groups.rows_of(at), confidence(peers[at], LEAST_PEERS), {"peers": peers[at], "ports": ports[at]}
        )
        for at in groups.strongest(peers >= LEAST_PEERS, peers)
    ]


LATERAL_MOVEMENT = Pattern("lateral-movement", 5, _select, many_peers)
