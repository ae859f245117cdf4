"""A flow's minute seen from a host: the rows that windows and patterns are made of."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from detectors.asked_names import ASKED
from detectors.host_and_peer import HOST_AND_PEER
from detectors.networks import Networks, is_group
from wire.flows.records import ICMP, ICMP6, TCP
from wire.record_arrays import picked

AS_CLIENT, AS_SERVER = 0, 1
_RST = 0x04

HOST_ROW = np.dtype(
    [
        *HOST_AND_PEER,
        ("bytes_out", "i8"),  # sent by the host, whole frames
        ("bytes_in", "i8"),
        ("payload_out", "i8"),
        ("payload_in", "i8"),
        ("packets_out", "i4"),
        ("packets_in", "i4"),
        ("dns_queries", "i4"),  # new in this minute
        ("dns_nxdomain", "i4"),
        ("names", "i4"),  # names asked for, and what they look like: asked_names.ASKED
        ("new_names", "i4"),
        ("name_chars", "i4"),
        ("name_bits", "i4"),
        ("countries", "u8"),
        ("host_failures", "i4"),  # all failed opens of this host in this minute, once it is closed
        ("server_port", "u2"),
        ("protocol", "u1"),
        ("role", "u1"),  # AS_CLIENT | AS_SERVER
        ("category", "u1"),
        ("named", "u1"),
        ("peer_internal", "u1"),  # 1: the peer is an address of the campus's networks
        ("group", "u1"),  # 1: the server is a multicast or broadcast address
        ("opened", "u1"),
        ("failed", "u1"),  # 1: opened to one address, and refused or never answered
        ("refused", "u1"),  # 1: failed by a reset
        ("unreachable", "u1"),  # 1: ICMP told the host that a peer cannot be reached
        ("answered", "u1"),
        ("established", "u1"),
        ("over", "u1"),
        ("flags_client", "u1"),  # TCP flags, or-ed
        ("flags_server", "u1"),
    ]
)


@dataclass(frozen=True, slots=True)
class Verdicts:
    """What is known of each delta beside its counters; arrays as long as the deltas."""

    category: NDArray[np.uint8]
    named: NDArray[np.bool_]
    dns_queries: NDArray[np.int32]  # new since the flow's last delta
    dns_nxdomain: NDArray[np.int32]
    asked: NDArray[np.void] | None = None  # ASKED: what the new names look like; None without names


@dataclass(frozen=True, slots=True)
class Ends:
    """Which ends of each delta lie in the networks, and whether it has packets; arrays as long as the deltas.

    A delta without packets only closes a flow; it makes no host-minute.
    """

    client: NDArray[np.bool_]
    server: NDArray[np.bool_]
    moved: NDArray[np.bool_]

    @classmethod
    def of(cls, deltas: NDArray[np.void], networks: Networks) -> Ends:
        """The ends of DELTAs."""
        return cls(
            networks.contain(deltas["client_hi"], deltas["client_lo"]),
            networks.contain(deltas["server_hi"], deltas["server_lo"]),
            np.asarray((deltas["packets_c2s"] > 0) | (deltas["packets_s2c"] > 0)),
        )


def rows_of_hosts(deltas: NDArray[np.void], verdicts: Verdicts, ends: Ends) -> NDArray[np.void]:
    """A HOST_ROW for each end of a delta that lies in the networks and has spoken."""
    answered = ends.moved & (deltas["answered"] == 1)
    clients = np.flatnonzero(ends.client & ends.moved)
    servers = np.flatnonzero(ends.server & (answered | _unreachable(deltas)))
    rows = np.zeros(len(clients) + len(servers), HOST_ROW)
    _fill(rows[: len(clients)], deltas, verdicts, clients, AS_CLIENT, ends.server)
    _fill(rows[len(clients) :], deltas, verdicts, servers, AS_SERVER, ends.client)
    return rows


def rows_of_clients(deltas: NDArray[np.void], verdicts: Verdicts, ends: Ends) -> NDArray[np.void]:
    """A HOST_ROW for every client: for a replay in which no address is the campus's own."""
    clients = np.flatnonzero(ends.moved)
    rows = np.zeros(len(clients), HOST_ROW)
    _fill(rows, deltas, verdicts, clients, AS_CLIENT, np.zeros(len(deltas), np.bool_))
    return rows


def _fill(
    rows: NDArray[np.void],
    deltas: NDArray[np.void],
    verdicts: Verdicts,
    at: NDArray[np.int64],
    role: int,
    peer_internal: NDArray[np.bool_],
) -> None:
    """Fill blank HOST_ROWs for one end of the deltas at these places."""
    if len(at) == 0:
        return
    own = deltas if len(at) == len(deltas) else picked(deltas, at)
    host, peer, out, back = (
        ("client", "server", "c2s", "s2c") if role == AS_CLIENT else ("server", "client", "s2c", "c2s")
    )
    for half in ("hi", "lo"):
        rows[f"host_{half}"] = own[f"{host}_{half}"]
        rows[f"peer_{half}"] = own[f"{peer}_{half}"]
    for what, of in (("bytes", "bytes"), ("payload", "payload_bytes"), ("packets", "packets")):
        rows[f"{what}_out"] = own[f"{of}_{out}"]
        rows[f"{what}_in"] = own[f"{of}_{back}"]
    for name in ("window_start_ns", "flow", "server_port", "protocol", "opened", "answered", "over"):
        rows[name] = own[name]
    rows["established"] = own["established"]
    rows["flags_client"] = own["flags_c2s"]
    rows["flags_server"] = own["flags_s2c"]
    rows["role"] = role
    rows["peer_internal"] = peer_internal[at]
    rows["category"] = verdicts.category[at]
    rows["named"] = verdicts.named[at]
    rows["dns_queries"] = verdicts.dns_queries[at]
    rows["dns_nxdomain"] = verdicts.dns_nxdomain[at]
    rows["group"] = is_group(own["server_hi"], own["server_lo"])
    if verdicts.asked is not None:
        for name in ASKED.names or ():
            rows[name] = verdicts.asked[name][at]
    refused = _refused(own)
    rows["failed"] = (own["opened"] == 1) & ((own["answered"] == 0) | refused) & (rows["group"] == 0)
    rows["refused"] = rows["failed"] & refused
    if role == AS_SERVER:
        rows["unreachable"] = _unreachable(own)


def _refused(deltas: NDArray[np.void]) -> NDArray[np.bool_]:
    """Reset before it was established."""
    return np.asarray(
        (deltas["protocol"] == TCP) & ((deltas["flags_s2c"] & _RST) != 0) & (deltas["established"] == 0)
    )


def _unreachable(deltas: NDArray[np.void]) -> NDArray[np.bool_]:
    """ICMP that tells of a destination that cannot be reached: type 3 (RFC 792), in IPv6 1 (RFC 4443)."""
    kind = deltas["server_port"] >> 8  # type and code stand where others have a port
    four, six = (deltas["protocol"] == ICMP) & (kind == 3), (deltas["protocol"] == ICMP6) & (kind == 1)
    return np.asarray((four | six) & (deltas["opened"] == 1))
