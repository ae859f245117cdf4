"""The flows that carried what the forest found, as evidence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from detectors.grouping import address_ids, combined, count, total
from detectors.networks import address_text
from detectors.rules.signal import Signal
from wire.flows.records import PROTO_NAMES

_MOST_PLACES = 5


def with_carriers(signals: Sequence[Signal], rows: NDArray[np.void]) -> list[Signal]:
    """The forest's signs with the places (peer, port, protocol) that most failed at, then most was sent to.

    rows: HOST_ROWs that hold those of the signs' windows. `peers` names the place of the same number.
    """
    return [_carried(signal, rows) for signal in signals]


def _carried(signal: Signal, rows: NDArray[np.void]) -> Signal:
    start = rows["window_start_ns"]
    own = (rows["host_hi"] == signal.host[0]) & (rows["host_lo"] == signal.host[1])
    rows = rows[own & (start >= signal.start_ns) & (start <= signal.minute_ns)]
    if len(rows) == 0:
        return signal
    peer, _ = address_ids(rows["peer_hi"], rows["peer_lo"])
    port = rows["server_port"].astype(np.int64) << 9 | rows["protocol"].astype(np.int64) << 1
    group, first = combined(peer, port | rows["role"])
    number = len(first)
    opened, failed = (count(group[rows[name] == 1], number) for name in ("opened", "failed"))
    sent, received = (total(group, rows[name], number) for name in ("bytes_out", "bytes_in"))
    chosen = np.lexsort((first, -(sent + received), -failed))[:_MOST_PLACES]
    flows = tuple(
        {
            "port": int(rows["server_port"][first[at]]),
            "proto": PROTO_NAMES.get(int(rows["protocol"][first[at]]), "other"),
            "inbound": bool(rows["role"][first[at]]),
            "opened": int(opened[at]),
            "failed": int(failed[at]),
            "bytes_out": int(sent[at]),
            "bytes_in": int(received[at]),
        }
        for at in chosen.tolist()
    )
    peers = [
        address_text(int(rows["peer_hi"][first[at]]), int(rows["peer_lo"][first[at]]))
        for at in chosen.tolist()
    ]
    return replace(signal, flows=flows, peers=tuple(peers))
