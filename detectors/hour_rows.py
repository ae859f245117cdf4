"""Hours made of closed minutes: what a host did with one peer's port in an hour, for slow patterns.

An open hour grows by the places that hosts go to, not by how often they go there: rows of one host and
place are made one while they wait. Of a closed hour only what a slow pattern may ask for is kept: what
failed, what was sent out in quantity, and logins; and when a host opened connections that few others open.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import tzinfo
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detectors.columns import Columns
from detectors.grouping import address_ids, combined, count, distinct, share, total
from detectors.host_and_peer import HOST_AND_PEER
from detectors.host_rows import AS_CLIENT
from detectors.night import at_night
from detectors.open_rows import OPEN_ROW
from detectors.rules.patterns.brute_force import IS_LOGIN, MOST_BYTES
from detectors.rules.patterns.lateral_movement import IS_ADMINISTRATION
from detectors.window_features import HOUR_NS
from wire.flows.records import TCP, UDP
from wire.record_arrays import picked

LEAST_BYTES_SENT = 1 << 20
#: A beacon's opens in an hour: fewer than three show no rhythm, more are for the five-minute form.
LEAST_OPENS, MOST_OPENS = 3, 180
#: A place that more hosts than this call in an hour is no one's own.
MOST_HOSTS = 2
#: A port, or a peer, whose tries failed to this share was scanned; those that answered belong to it.
LEAST_FAILED = 0.8
_FIN, _RST = 0x01, 0x04
_ByName = Columns | Mapping[str, NDArray[Any]]
_PLACE = ("host_hi", "host_lo", "peer_hi", "peer_lo", "server_port", "protocol", "peer_internal")
_ADDED = ("bytes_out", "bytes_in", "opened", "failed", "entered", "short_sessions")

HOUR_ROW = np.dtype(
    [
        *HOST_AND_PEER,  # of the hour, aligned to the epoch; flow 0
        ("bytes_out", "i8"),
        ("bytes_in", "i8"),
        ("most_bytes_out", "i8"),  # of a flow in a minute
        ("opened", "i4"),
        ("failed", "i4"),
        ("failed_of_port", "f4"),  # share of the peers tried on this port that failed; of closed hours
        ("failed_of_peer", "f4"),  # share of the ports tried on this peer that failed; of closed hours
        ("entered", "i4"),  # established to an administration port of an internal peer
        ("short_sessions", "i4"),  # opened, established and ended within a minute, few bytes
        ("server_port", "u2"),
        ("protocol", "u1"),
        ("peer_internal", "u1"),
        ("category", "u1"),  # of the flow that sent `most_bytes_out`
        ("named", "u1"),
        ("night", "u1"),  # of closed hours, in the campus's time zone
    ]
)


def places_of_minutes(rows: Columns) -> NDArray[np.void]:
    """HOUR_ROWs of closed minutes' HOST_ROWs: of clients, over TCP and UDP, one for each host and place."""
    ours = (rows["role"] == AS_CLIENT) & (rows["group"] == 0)
    at = np.flatnonzero(ours & ((rows["protocol"] == TCP) | (rows["protocol"] == UDP)))
    taken = (*_PLACE, "bytes_out", "bytes_in", "category", "named", "opened", "failed", "window_start_ns")
    made = {name: rows[name][at] for name in taken}
    made["window_start_ns"] -= made["window_start_ns"] % HOUR_NS
    established = rows["established"][at] == 1
    ended = (rows["flags_client"][at] | rows["flags_server"][at]) & (_FIN | _RST) != 0
    small = made["bytes_out"] + made["bytes_in"] <= MOST_BYTES
    inside = (made["protocol"] == TCP) & established & (made["peer_internal"] == 1)
    made["most_bytes_out"] = made["bytes_out"]
    made["short_sessions"] = (made["opened"] == 1) & established & ended & small
    made["entered"] = inside & IS_ADMINISTRATION[made["server_port"]]
    return _merged(made)


def merged_places(rows: NDArray[np.void]) -> NDArray[np.void]:
    """HOUR_ROWs of open hours, those of one hour, host and place made one; in an order of their own."""
    return _merged(Columns(rows))


def _merged(rows: _ByName) -> NDArray[np.void]:
    """The same, of rows by their columns."""
    start_ns, category, named = rows["window_start_ns"], rows["category"], rows["named"]
    if len(start_ns) == 0:
        return np.zeros(0, HOUR_ROW)
    port = rows["server_port"].astype(np.int64) * 256 + rows["protocol"]
    group, first = _groups(rows, start_ns // HOUR_NS, port)
    made = np.zeros(len(first), HOUR_ROW)
    for name in ("window_start_ns", *_PLACE):
        made[name] = rows[name][first]
    for name in _ADDED:
        made[name] = total(group, rows[name], len(first))
    # Most places have one row; only the others are sorted for the flow that sent most.
    several = np.flatnonzero(np.bincount(group)[group] > 1)
    keys = (named, category, rows["most_bytes_out"], group)
    order = several[np.lexsort([key[several] for key in keys])]
    last = order[np.diff(group[order], append=-1) != 0]
    most = first.copy()
    most[group[last]] = last
    for name in ("most_bytes_out", "category", "named"):
        made[name] = rows[name][most]
    return made


def rows_of_hours(rows: NDArray[np.void], zone: tzinfo) -> NDArray[np.void]:
    """Of HOUR_ROWs of closed hours, each host and place once, those that a slow pattern may ask for."""
    made = picked(rows, _of_telling_hosts(rows))
    if len(made) == 0:
        return made
    made["night"] = at_night(made["window_start_ns"], zone)
    service = made["server_port"].astype(np.int64) * 256 + made["protocol"]
    made["failed_of_port"] = _failed_share(made, service)
    made["failed_of_peer"] = _failed_share(made, address_ids(made["peer_hi"], made["peer_lo"])[0])
    login = IS_LOGIN[made["server_port"]] & (made["short_sessions"] > 0)
    in_vain = (made["failed_of_port"] >= LEAST_FAILED) | (made["failed_of_peer"] >= LEAST_FAILED)
    told = (made["failed"] > 0) | in_vain | login | (made["entered"] > 0)
    kept = told | (made["bytes_out"] >= LEAST_BYTES_SENT)
    return picked(made, kept)


def rare_opens(opens: NDArray[np.void]) -> NDArray[np.void]:
    """Of an hour's OPEN_ROWs those that may be a slow beacon's, stamped with their hour.

    A place (address and port) that at most two hosts opened, 3 to 180 times a host.
    """
    if len(opens) == 0:
        return np.zeros(0, OPEN_ROW)
    stamped = opens.copy()
    stamped["window_start_ns"] -= stamped["window_start_ns"] % HOUR_NS
    port = stamped["server_port"].astype(np.int64)
    hour = stamped["window_start_ns"] // HOUR_NS
    group, first = _groups(stamped, hour, port)
    often = count(group, len(first))
    peer, _ = address_ids(stamped["peer_hi"], stamped["peer_lo"])
    host, _ = address_ids(stamped["host_hi"], stamped["host_lo"])
    place, places = combined(hour - hour.min(), peer, port)
    hosts = distinct(place, host, len(places))
    rare = (hosts[place] <= MOST_HOSTS) & (often[group] >= LEAST_OPENS) & (often[group] <= MOST_OPENS)
    return picked(stamped, rare)


def _of_telling_hosts(rows: NDArray[np.void]) -> NDArray[np.bool_]:
    """Rows of hosts of which some row may be kept: most hosts of a campus give none."""
    host, first = address_ids(rows["host_hi"], rows["host_lo"])
    login = IS_LOGIN[rows["server_port"]]
    telling = count(host[(rows["failed"] > 0) | login | (rows["entered"] > 0)], len(first)) > 0
    telling |= total(host, rows["bytes_out"], len(first)) >= LEAST_BYTES_SENT
    return telling[host]


def _failed_share(made: NDArray[np.void], key: NDArray[np.int64]) -> NDArray[np.float64]:
    """Of the tried rows of one hour and host with the same key, the share that failed."""
    hour = made["window_start_ns"] // HOUR_NS
    host, _ = address_ids(made["host_hi"], made["host_lo"])
    group, first = combined(hour - hour.min(), host, key)
    groups = len(first)
    tried, failed = made["opened"] > 0, made["failed"] > 0
    return share(count(group[failed], groups), count(group[tried | failed], groups))[group]


def _groups(
    rows: NDArray[np.void] | _ByName, hour: NDArray[np.int64], port: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Number the distinct (hour, host, peer, port); each row's number, and a row of each number."""
    host, _ = address_ids(rows["host_hi"], rows["host_lo"])
    peer, _ = address_ids(rows["peer_hi"], rows["peer_lo"])
    return combined(hour - hour.min(), host, peer, port)
