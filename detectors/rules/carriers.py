"""The flows that carried what the forest found, as evidence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from detectors.grouping import address_ids, combined, distinct, total
from detectors.host_rows import AS_CLIENT
from detectors.hour_rows import MOST_HOSTS
from detectors.involvement import touched_by
from detectors.networks import address_text
from detectors.rules.signal import Signal
from detectors.window_features import HOUR_SECONDS, MINUTE_SECONDS
from wire.flows.records import PROTO_NAMES
from wire.record_arrays import picked

_MOST_PLACES = 5


def with_carriers(signals: Sequence[Signal], rows: NDArray[np.void]) -> list[Signal]:
    """The forest's signs with the places (peer, port, protocol) that most failed at, then most was sent to.

    rows: HOST_ROWs, or HOUR_ROWs of hours that are over, that hold those of the signs' windows. `peers` names
    the place of the same number. Touched are those at which what the host opened failed, and hardly anybody
    else opened anything: a resolver or gateway is among the places of most hosts, and has no part in what
    one of them does.
    """
    role = _roles(rows)
    shared = _shared_places(rows, role == AS_CLIENT)
    return [_carried(signal, rows, role, shared) for signal in signals]


def _roles(rows: NDArray[np.void]) -> NDArray[np.uint8]:
    """What the host is in each row; HOUR_ROWs are of clients alone."""
    known = "role" in (rows.dtype.names or ())
    return rows["role"] if known else np.full(len(rows), AS_CLIENT, np.uint8)


def _shared_places(rows: NDArray[np.void], ours: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Rows of a peer's port to which more than MOST_HOSTS hosts opened flows."""
    peer, _ = address_ids(rows["peer_hi"], rows["peer_lo"])
    host, _ = address_ids(rows["host_hi"], rows["host_lo"])
    place, first = combined(peer, rows["server_port"].astype(np.int64), rows["protocol"].astype(np.int64))
    return np.asarray((distinct(place[ours], host[ours], len(first)) > MOST_HOSTS)[place])


def _carried(
    signal: Signal, rows: NDArray[np.void], role: NDArray[np.uint8], shared: NDArray[np.bool_]
) -> Signal:
    start = rows["window_start_ns"]
    own = (rows["host_hi"] == signal.host[0]) & (rows["host_lo"] == signal.host[1])
    chosen = own & (start >= signal.start_ns) & (start <= signal.minute_ns)
    rows, role, shared = picked(rows, chosen), role[chosen], shared[chosen]
    if len(rows) == 0:
        return signal
    peer, _ = address_ids(rows["peer_hi"], rows["peer_lo"])
    port = rows["server_port"].astype(np.int64) << 9 | rows["protocol"].astype(np.int64) << 1
    group, first = combined(peer, port | role)
    number = len(first)
    opened, failed, sent, received = (
        total(group, rows[name], number) for name in ("opened", "failed", "bytes_out", "bytes_in")
    )
    places = np.lexsort((-(sent + received), -failed))[:_MOST_PLACES].tolist()  # of equals the lowest
    flows = tuple(
        {
            "port": int(rows["server_port"][first[at]]),
            "proto": PROTO_NAMES.get(int(rows["protocol"][first[at]]), "other"),
            "inbound": bool(role[first[at]]),
            "opened": int(opened[at]),
            "failed": int(failed[at]),
            "bytes_out": int(sent[at]),
            "bytes_in": int(received[at]),
        }
        for at in places
    )
    peers = [
        address_text(int(rows["peer_hi"][first[at]]), int(rows["peer_lo"][first[at]]))
        for at in places
    ]
    in_vain = (role == AS_CLIENT) & (rows["failed"] > 0)
    touching = np.isin(group, places) & in_vain & ~shared
    took_part = signal.involved
    if touching.any():
        seconds = HOUR_SECONDS if signal.of_hour else MINUTE_SECONDS
        touched = touched_by(rows[touching], peer[touching], seconds, signal.confidence)
        took_part = np.concatenate([took_part, touched])
    return replace(signal, flows=flows, peers=tuple(peers), involved=took_part)
