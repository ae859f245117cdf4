"""Who took part in what was found: whom a sign is about, and whom its traffic touched, by window.

A sign rests on rows of a host and its peers. The host is its subject in the minutes of these rows, and
every peer that is a host itself was touched in the minutes of its own. Slow forms know hours only. A
sign may come hours after the windows that it rests on, so this is a stream of its own (INVOLVED), which
is joined with the windows where both are complete.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from detectors.grouping import address_ids, combined
from detectors.window_features import HOUR_NS, HOUR_SECONDS, MINUTE_NS, SECOND_NS
from wire.record_arrays import picked

#: How a window's host took part; of several ways the last in this order counts.
ROLES = ("none", "touched", "subject")
NONE, TOUCHED, SUBJECT = range(3)

INVOLVED = np.dtype(
    [
        ("window_start_ns", "i8"),
        ("host_hi", "u8"),
        ("host_lo", "u8"),
        ("confidence", "f8"),  # of the sign
        ("seconds", "i4"),  # 60, or 3,600 where the minutes are not known
        ("role", "u1"),  # index into ROLES; never NONE
    ]
)
NOBODY = np.zeros(0, INVOLVED)
#: Which addresses, by their halves, are hosts.
Known = Callable[[NDArray[np.uint64], NDArray[np.uint64]], NDArray[np.bool_]]


def involved(
    subject: tuple[int, int],
    rows: NDArray[np.void],
    peer: NDArray[np.int64],
    seconds: int,
    confidence: float,
) -> NDArray[np.void]:
    """INVOLVED of rows that gave a sign about a host: its own windows, and those of the rows' peers.

    peer: the number of each row's peer. seconds: the windows' length, which the rows' starts are those of.
    """
    own = about(subject, np.unique(rows["window_start_ns"]), seconds, confidence)
    return np.concatenate([own, touched_by(rows, peer, seconds, confidence)])


def touched_by(
    rows: NDArray[np.void], peer: NDArray[np.int64], seconds: int, confidence: float
) -> NDArray[np.void]:
    """INVOLVED of the peers alone, as in `involved`; the rows may be of parts of the windows."""
    window = rows["window_start_ns"] // (seconds * SECOND_NS)
    _, first = combined(window - window.min(), peer)
    made = np.zeros(len(first), INVOLVED)
    made["window_start_ns"] = window[first] * seconds * SECOND_NS
    made["host_hi"], made["host_lo"] = rows["peer_hi"][first], rows["peer_lo"][first]
    made["seconds"], made["role"], made["confidence"] = seconds, TOUCHED, confidence
    return made


def about(
    subject: tuple[int, int], start_ns: NDArray[np.int64], seconds: int, confidence: float
) -> NDArray[np.void]:
    """INVOLVED of a sign's subject alone, in windows that begin at these times."""
    own = np.zeros(len(start_ns), INVOLVED)
    own["window_start_ns"], own["seconds"], own["role"] = start_ns, seconds, SUBJECT
    own["host_hi"], own["host_lo"], own["confidence"] = *subject, confidence
    return own


def hosts_among(rows: NDArray[np.void], known: Known) -> NDArray[np.void]:
    """INVOLVED without peers that are no hosts: they never spoke, or are outside."""
    return np.asarray(rows[(rows["role"] == SUBJECT) | known(rows["host_hi"], rows["host_lo"])])


def first_touch(rows: NDArray[np.void]) -> NDArray[np.void]:
    """Of INVOLVED one row for each host that was touched: enough to count them."""
    touched = rows[rows["role"] == TOUCHED]
    _, first = address_ids(touched["host_hi"], touched["host_lo"])
    return np.asarray(touched[first])


def touched_addresses(rows: NDArray[np.void]) -> list[tuple[int, int]]:
    """The distinct addresses among INVOLVED that were touched, in their order."""
    touched = first_touch(rows)
    return sorted(zip(touched["host_hi"].tolist(), touched["host_lo"].tolist(), strict=True))


def strongest(rows: NDArray[np.void]) -> NDArray[np.void]:
    """Of each host and window the row with the last role, then the highest confidence; in order of time."""
    order = np.lexsort(
        (
            -rows["confidence"],
            -rows["role"].astype(np.int64),
            rows["seconds"],
            rows["host_lo"],
            rows["host_hi"],
            rows["window_start_ns"],
        )
    )
    rows = picked(rows, order)
    new = np.ones(len(rows), np.bool_)
    new[1:] = False
    for name in ("window_start_ns", "host_hi", "host_lo", "seconds"):
        new[1:] |= rows[name][1:] != rows[name][:-1]
    return picked(rows, new)


def of_windows(
    windows: NDArray[np.void], rows: NDArray[np.void]
) -> tuple[NDArray[np.uint8], NDArray[np.float64]]:
    """Role and confidence of each WINDOW, by all INVOLVED; NONE and 0 where nothing was found.

    An hour is as involved as the most involved of its minutes.
    """
    role, confidence = np.zeros(len(windows), np.uint8), np.zeros(len(windows))
    if len(windows) == 0 or len(rows) == 0:
        return role, confidence
    hours = rows.copy()
    hours["window_start_ns"] -= hours["window_start_ns"] % HOUR_NS
    hours["seconds"] = HOUR_SECONDS
    rows = strongest(np.concatenate([rows[rows["seconds"] != HOUR_SECONDS], hours]))
    host, _ = address_ids(
        np.concatenate([rows["host_hi"], windows["host_hi"]]),
        np.concatenate([rows["host_lo"], windows["host_lo"]]),
    )
    start = np.concatenate([rows["window_start_ns"], windows["window_start_ns"]])
    of_hour = np.concatenate([rows["seconds"], windows["seconds"]]) == HOUR_SECONDS
    key, _ = combined((start - start.min()) // MINUTE_NS, host, of_hour.astype(np.int64))
    place = np.full(int(key.max()) + 1, -1)
    place[key[: len(rows)]] = np.arange(len(rows))
    at = place[key[len(rows) :]]
    some = at >= 0
    role[some], confidence[some] = rows["role"][at[some]], rows["confidence"][at[some]]
    return role, confidence
