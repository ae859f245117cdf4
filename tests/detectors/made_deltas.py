"""Deltas made by hand: only what differs from an ordinary answered web flow is said."""

from __future__ import annotations

from functools import cache
from ipaddress import ip_address
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detectors.host_rows import Verdicts
from wire.flows.records import DELTA, TCP
from wire.names.facts import FACTS

MINUTE = 60_000_000_000
START = 28_333_334 * MINUTE  # some minute of 2023


@cache
def pair(address: str) -> tuple[int, int]:
    """An address as two halves."""
    parsed = ip_address(address)
    value = int(parsed) if parsed.version == 6 else 0xFFFF_0000_0000 | int(parsed)
    return value >> 64, value & (1 << 64) - 1


def deltas(*flows: dict[str, Any]) -> NDArray[np.void]:
    """DELTA records; `minute` counts from START, `client` and `server` are addresses."""
    made = np.zeros(len(flows), DELTA)
    for at, told in enumerate(flows):
        flow: dict[str, Any] = {
            "flow": at + 1, "minute": 0, "client": "10.0.0.1", "server": "1.2.3.4",
            "client_port": 40_000, "server_port": 443, "protocol": TCP, "opened": 1, "answered": 1,
            "established": 1, "over": 1, "packets_c2s": 5, "packets_s2c": 5, "bytes_c2s": 500,
            "bytes_s2c": 5000, **told,
        }  # fmt: skip
        for end in ("client", "server"):
            made[f"{end}_hi"][at], made[f"{end}_lo"][at] = pair(flow.pop(end))
        made["window_start_ns"][at] = START + flow.pop("minute") * MINUTE
        for field, value in flow.items():
            made[field][at] = value
    return made


#: What an open that nobody answers looks like.
SILENT = {
    "answered": 0, "established": 0, "packets_c2s": 1, "packets_s2c": 0, "bytes_c2s": 60, "bytes_s2c": 0,
}  # fmt: skip


def verdicts(made: NDArray[np.void], **known: Any) -> Verdicts:
    """Verdicts: no name, category unknown, no DNS unless told."""
    n = len(made)
    told = {"category": [7] * n, "named": [False] * n, "queries": [0] * n, "nxdomain": [0] * n, **known}
    return Verdicts(
        np.array(told["category"], np.uint8),
        np.array(told["named"], np.bool_),
        np.array(told["queries"], np.int32),
        np.array(told["nxdomain"], np.int32),
    )


def facts(made: NDArray[np.void]) -> NDArray[np.void]:
    """FACTS that know nothing, one per delta."""
    known = np.zeros(len(made), FACTS)
    known["flow"] = made["flow"]
    known["name"] = known["dns_chain_end"] = known["referer"] = -1
    return known


def no_queries(made: NDArray[np.void]) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
    """The lists of names asked for, all empty."""
    return np.zeros(len(made) + 1, np.int64), np.zeros(0, np.int32)
