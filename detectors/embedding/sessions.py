"""App sessions in event time: which apps a client was using in each minute, and since when.

A session of an app is a run of minutes in which a client called the app's own hosts, with gaps of
at most GAP_MINUTES. The app is active from the session's first call to its last, and, as its tail,
in the two minutes after. Whether a call was the last is known GAP_MINUTES later.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

GAP_MINUTES = 5
TAIL_MINUTES = 2

#: A client's app that may go on: the last call, and the session's first minute.
_OPEN = np.dtype([("client", "u8"), ("app", "i4"), ("last", "i8"), ("first", "i8")])


@dataclass(frozen=True, slots=True)
class Active:
    """Apps by client and minute, one entry each, in order of client, minute, app; equal lengths."""

    client: NDArray[np.uint64]
    minute: NDArray[np.int64]
    app: NDArray[np.int32]
    first: NDArray[np.int64]  # minute in which the session began
    tail: NDArray[np.bool_]  # after the session's last call


class Sessions:
    """Follows sessions over the minutes that are closed, a bounded number at a time."""

    def __init__(self, most_open: int) -> None:
        self._most_open = most_open
        self._open = np.zeros(0, _OPEN)
        self.shed = 0

    def take(
        self,
        client: NDArray[np.uint64],
        minute: NDArray[np.int64],
        app: NDArray[np.int32],
        begin: int,
        end: int,
    ) -> tuple[Active, NDArray[np.int32]]:
        """Calls from minute `begin` to GAP_MINUTES beyond `end`; those from `end` on are to be given again.

        Returns what was active from `begin` up to, not including, `end`, and the app of every
        session that began then.
        """
        calls = np.zeros(len(self._open) + len(client), _OPEN)
        calls[: len(self._open)] = self._open
        fresh = calls[len(self._open) :]
        fresh["client"], fresh["app"], fresh["last"] = client, app, minute
        known = np.arange(len(calls)) < len(self._open)
        order = np.lexsort((calls["last"], calls["app"], calls["client"]))
        calls, known = calls[order], known[order]
        begins = _begins(calls)
        # A call belongs to the session whose beginning is the nearest before it.
        at = np.maximum.accumulate(np.where(begins, np.arange(len(calls)), 0))
        calls["first"] = np.where(known[at], calls["first"][at], calls["last"][at])
        over = calls["last"] < end
        self._keep(calls[over], end)
        return _active(calls, begins, begin, end), calls["app"][begins & ~known & over]

    def state(self) -> NDArray[np.void]:
        """The sessions that may go on."""
        return self._open

    def restore(self, open_: NDArray[np.void], apps: NDArray[np.int64]) -> None:
        """Take them back; apps: where each app of then stands now, -1 for one that is gone."""
        open_ = open_[apps[open_["app"]] >= 0].copy()
        open_["app"] = apps[open_["app"]]
        self._open = open_

    def _keep(self, calls: NDArray[np.void], end: int) -> None:
        last = np.ones(len(calls), np.bool_)
        last[:-1] = (calls["client"][1:] != calls["client"][:-1]) | (calls["app"][1:] != calls["app"][:-1])
        kept = calls[last & (calls["last"] >= end - GAP_MINUTES)]
        if len(kept) > self._most_open:
            self.shed += len(kept) - self._most_open
            kept = kept[np.sort(np.argsort(-kept["last"], kind="stable")[: self._most_open])]
        self._open = kept


def _begins(calls: NDArray[np.void]) -> NDArray[np.bool_]:
    begins = np.ones(len(calls), np.bool_)
    begins[1:] = (
        (calls["client"][1:] != calls["client"][:-1])
        | (calls["app"][1:] != calls["app"][:-1])
        | (calls["last"][1:] - calls["last"][:-1] > GAP_MINUTES)
    )
    return begins


def _active(calls: NDArray[np.void], begins: NDArray[np.bool_], begin: int, end: int) -> Active:
    """Every minute from a call to the next of its session, or its tail."""
    final = np.r_[begins[1:], True] if len(calls) else begins
    reach = np.full(len(calls), 1 + TAIL_MINUTES)
    reach[:-1] = np.where(final[:-1], 1 + TAIL_MINUTES, np.maximum(np.diff(calls["last"]), 0))
    at = np.repeat(np.arange(len(calls)), reach)
    after = np.arange(len(at)) - np.repeat(np.cumsum(reach) - reach, reach)
    minute = calls["last"][at] + after
    inside = (minute >= begin) & (minute < end)
    at, minute, after = at[inside], minute[inside], after[inside]
    client, app = calls["client"][at], calls["app"][at]
    order = np.lexsort((app, minute, client))
    at, after = at[order], after[order]
    return Active(client[order], minute[order], app[order], calls["first"][at], final[at] & (after > 0))
