"""Active minutes: which minutes a person used an app on a device (docs/rules.md).

A minute of a device and an app is *interactive* when, without flows that move bulk, at least
`least_bytes_up` payload bytes were sent and `least_bytes_down` received. Interactive minutes with at
most `session_gap_minutes` silent ones between them make a session; it counts when it has at least
`session_least_minutes` interactive minutes and they are at least `session_least_density` of its span.
All minutes from the first to the last of a session that counts are *active*. Heartbeats of a push
connection are too small to be interactive, polls every few minutes too thin to count, and a download
of an update is bulk.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from detectors.rules.settings import ActiveMinutes

DEVICE_USE = np.dtype(
    [
        ("service", "i4"),
        ("device_hi", "u8"),
        ("device_lo", "u8"),
        ("first_minute", "i8"),
        ("last_minute", "i8"),
        ("first_active", "i8"),  # -1 without
        ("last_active", "i8"),
        ("flows", "i8"),
        ("bytes", "i8"),
        ("interactive", "i8"),  # minutes
        ("active", "i8"),  # minutes
        ("curfew", "i8"),  # active minutes within the curfew
        ("first_curfew", "i8"),  # minute, -1 without
        ("last_curfew", "i8"),
    ]
)


def device_uses(
    rows: NDArray[np.void], curfews: Sequence[tuple[int, int]], settings: ActiveMinutes
) -> NDArray[np.void]:
    """A DEVICE_USE for each service and device in merged USE rows of one local day, in their order."""
    starts = _starts(rows, ("service", "device_hi", "device_lo"))
    uses = np.zeros(len(starts), DEVICE_USE)
    if len(rows) == 0:
        return uses
    ends = np.append(starts[1:], len(rows)) - 1
    for name in ("service", "device_hi", "device_lo"):
        uses[name] = rows[name][starts]
    uses["first_minute"], uses["last_minute"] = rows["minute"][starts], rows["minute"][ends]
    for name in ("flows", "bytes"):
        uses[name] = np.add.reduceat(rows[name], starts)
    interactive = (rows["small_up"] >= settings.least_bytes_up) & (
        rows["small_down"] >= settings.least_bytes_down
    )
    uses["interactive"] = np.add.reduceat(interactive.astype(np.int64), starts)
    owner = np.repeat(np.arange(len(starts)), np.diff(np.append(starts, len(rows))))
    _add_sessions(uses, owner[interactive], rows["minute"][interactive], curfews, settings)
    return uses


def _starts(rows: NDArray[np.void], keys: tuple[str, ...]) -> NDArray[np.int64]:
    new = np.ones(len(rows), np.bool_)
    new[1:] = np.any([rows[name][1:] != rows[name][:-1] for name in keys], axis=0)
    return np.flatnonzero(new)


def _add_sessions(
    uses: NDArray[np.void],
    owner: NDArray[np.int64],
    minute: NDArray[np.int64],
    curfews: Sequence[tuple[int, int]],
    settings: ActiveMinutes,
) -> None:
    """Add the active minutes of the sessions that interactive minutes make, ordered by owner, minute."""
    for name in ("first_active", "last_active", "first_curfew", "last_curfew"):
        uses[name] = -1
    if len(owner) == 0:
        return
    begins = np.ones(len(owner), np.bool_)
    silent = np.diff(minute) - 1
    begins[1:] = (np.diff(owner) != 0) | (silent > settings.session_gap_minutes)
    starts = np.flatnonzero(begins)
    lasts = np.append(starts[1:], len(owner)) - 1
    first, last, count = minute[starts], minute[lasts], lasts - starts + 1
    span = last - first + 1
    counts = (count >= settings.session_least_minutes) & (count >= settings.session_least_density * span)
    of, first, last, span = owner[starts][counts], first[counts], last[counts], span[counts]
    np.add.at(uses["active"], of, span)
    _note_bounds(uses, "active", of, first, last)
    for begin, end in curfews:
        from_, to = np.maximum(first, begin), np.minimum(last, end - 1)
        inside = to >= from_
        np.add.at(uses["curfew"], of[inside], (to - from_ + 1)[inside])
        _note_bounds(uses, "curfew", of[inside], from_[inside], to[inside])


def _note_bounds(
    uses: NDArray[np.void],
    what: str,
    of: NDArray[np.int64],
    first: NDArray[np.int64],
    last: NDArray[np.int64],
) -> None:
    earliest = np.full(len(uses), np.iinfo(np.int64).max)
    np.minimum.at(earliest, of, first)
    had = uses[f"first_{what}"] >= 0
    earliest[had] = np.minimum(earliest[had], uses[f"first_{what}"][had])
    told = earliest < np.iinfo(np.int64).max
    uses[f"first_{what}"][told] = earliest[told]
    np.maximum.at(uses[f"last_{what}"], of, last)
