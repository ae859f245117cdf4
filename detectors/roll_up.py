"""An hour of a campus, rolled up from closed minutes in event time: a window for each host that spoke.

Sums add; distinct counts are merged (detectors/distinct_counts.py). Within the hour, slices of five
minutes tell how long a host went on failing, and whether it opened its connections all at once.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from detectors.columns import Columns
from detectors.distinct_counts import DistinctCounts
from detectors.grouping import share
from detectors.minutes import Minutes, host_keys
from detectors.parts import Parts, under, within
from detectors.regularity import opens_regularity
from detectors.seen_before import mixed
from detectors.window_features import (
    FEATURE_AT,
    HOUR_NS,
    HOUR_SECONDS,
    KINDS,
    SUMS,
    WINDOW,
    derive,
)
from wire.record_arrays import picked

SLICE_NS = 300_000_000_000
SLICES = HOUR_NS // SLICE_NS
#: A connection that went on in so many slices lasted over five minutes.
_LASTING_SLICES = 3

_HOST = np.dtype(
    [
        ("hi", "u8"),
        ("lo", "u8"),
        ("sums", "f8", (len(SUMS),)),
        ("countries", "u8"),
        ("opened", "u4", (SLICES,)),
        ("failing", "u2"),  # a bit a slice in which something failed
        ("minutes", "u1"),
    ]
)


class RollUp:
    """One open hour. No more than `max_hosts` hosts and `max_flows` lasting flows; the rest is counted."""

    def __init__(self, max_hosts: int, max_flows: int = 1 << 21) -> None:
        self._max_hosts, self._max_flows = max_hosts, max_flows
        self.hosts_shed = self.flows_shed = 0
        self._inbound_infra = np.zeros(0)
        self._clear()

    def take(self, minutes: Minutes, columns: Columns) -> None:
        """Minutes of the open hour, and the HOST_ROWs that they were made of."""
        if len(minutes.windows) == 0:
            return
        windows = minutes.windows
        slot = self._slots(windows["host_hi"], windows["host_lo"])
        self.hosts_shed += int(np.count_nonzero(slot < 0))
        order = np.argsort(slot, kind="stable")
        order = order[slot[order] >= 0]
        if len(order):
            self._add(slot[order], windows["window_start_ns"][order], order, minutes)
        for kind, (window, item) in minutes.pairs.items():
            owner = slot[window]
            fits = owner >= 0
            self._distinct.add(owner[fits] * len(KINDS) + KINDS.index(kind), item[fits])
        self._take_lasting(columns)

    def _add(
        self, slot: NDArray[np.int64], start_ns: NDArray[np.int64], order: NDArray[np.int64], minutes: Minutes
    ) -> None:
        """Add up windows (in this order, sorted by place) to their hosts'."""
        starts = np.flatnonzero(np.r_[True, np.diff(slot) > 0])
        at, hosts, sums = slot[starts], self._hosts, minutes.sums[order]
        part = (start_ns % HOUR_NS // SLICE_NS).astype(np.int64)
        failing = np.where(sums[:, SUMS.index("failed")] > 0, 1 << part, 0).astype(np.uint16)
        hosts["sums"][at] += np.add.reduceat(sums, starts, axis=0)
        hosts["countries"][at] |= np.bitwise_or.reduceat(minutes.countries[order], starts)
        hosts["failing"][at] |= np.bitwise_or.reduceat(failing, starts)
        hosts["minutes"][at] += np.diff(np.r_[starts, len(slot)]).astype(np.uint8)
        np.add.at(hosts["opened"], (slot, part), sums[:, SUMS.index("flows")].astype(np.uint32))

    def close(self, opens: NDArray[np.void], rare: NDArray[np.void]) -> NDArray[np.void]:
        """WINDOWs of the hour, by host, and a new hour begins.

        opens: the hour's OPEN_ROWs; rare: those of the last hours that may be a beacon's
        (hour_rows.rare_opens), this one's included.
        """
        hosts, count = self._hosts[: self._count], self._count
        distinct = self._distinct.counts(count * len(KINDS)).reshape(count, len(KINDS))
        windows = np.zeros(count, WINDOW)
        windows["host_hi"], windows["host_lo"] = hosts["hi"], hosts["lo"]
        windows["seconds"] = HOUR_SECONDS
        for name in ("score", "p_value", "alarm_p", "peak", "usual"):
            windows[name] = np.nan
        features = derive(hosts["sums"], distinct, hosts["countries"])
        opened = hosts["opened"].astype(np.float64)
        whole = opened.sum(axis=1)
        regularity, beacon = opens_regularity(opens, rare, self._slots_of_rows)
        for name, values in (
            ("lasting_flows", self._lasting(count)),
            ("open_regularity", _spread_over(regularity, count)),
            ("beacon_score", _spread_over(beacon, count)),
            ("active_minutes", hosts["minutes"]),
            ("failing_slices", np.bitwise_count(hosts["failing"])),
            (
                "busiest_share",
                share(opened.max(axis=1, initial=0.0), whole),
            ),
        ):
            features[:, FEATURE_AT[name]] = values
        windows["features"] = features
        order = np.lexsort((windows["host_lo"], windows["host_hi"]))
        self._inbound_infra = hosts["sums"][order, SUMS.index("inbound_infra")].copy()
        self._clear()
        return picked(windows, order)

    @property
    def inbound_infra(self) -> NDArray[np.float64]:
        """Of the windows that `close` gave last: flows opened to ports of infrastructure."""
        return self._inbound_infra

    def state(self) -> Parts:
        """The open hour."""
        lasting = np.concatenate([*self._lasting_parts, np.zeros((0, 2), np.uint64)])
        return {
            "hosts": self._hosts[: self._count],
            "lasting": lasting,
            "numbers": np.array([self.hosts_shed, self.flows_shed], np.int64),
            **under("distinct", self._distinct.state()),
        }

    def restore(self, parts: Parts) -> None:
        """Take an open hour back; one with other sums is left, and the hour starts anew."""
        if parts["hosts"].dtype != _HOST:
            return
        self._hosts, self._count = parts["hosts"].copy(), len(parts["hosts"])
        keys = host_keys(self._hosts["hi"], self._hosts["lo"])
        self._order = np.argsort(keys)
        self._keys = keys[self._order]
        self._lasting_parts[:] = [parts["lasting"]]
        self._lasting_count = len(parts["lasting"])
        self.hosts_shed, self.flows_shed = parts["numbers"].tolist()
        self._distinct.restore(within("distinct", parts))

    def _clear(self) -> None:
        self._hosts, self._count = np.zeros(0, _HOST), 0
        self._keys, self._order = np.zeros(0, np.uint64), np.zeros(0, np.int64)
        self._distinct = DistinctCounts()
        self._lasting_parts: list[NDArray[np.uint64]] = []
        self._lasting_count = 0

    def _slots(self, hi: NDArray[np.uint64], lo: NDArray[np.uint64]) -> NDArray[np.int64]:
        """The place of each host, made where it has none; -1 where there is no room."""
        key = host_keys(hi, lo)
        new, first = np.unique(key[self._known(key) < 0], return_index=True)
        new, first = new[: self._max_hosts - self._count], first[: self._max_hosts - self._count]
        if len(new):
            first = np.flatnonzero(self._known(key) < 0)[first]
            if self._count + len(new) > len(self._hosts):
                more = np.zeros(max(len(self._hosts), len(new), 256), _HOST)
                self._hosts = np.concatenate([self._hosts, more])
            places = np.arange(self._count, self._count + len(new))
            self._hosts["hi"][places], self._hosts["lo"][places] = hi[first], lo[first]
            self._count += len(new)
            at = np.searchsorted(self._keys, new)
            self._keys, self._order = np.insert(self._keys, at, new), np.insert(self._order, at, places)
        return self._known(key)

    def _known(self, key: NDArray[np.uint64]) -> NDArray[np.int64]:
        if len(self._keys) == 0:
            return np.full(len(key), -1)
        at = np.minimum(np.searchsorted(self._keys, key), len(self._keys) - 1)
        return np.where(self._keys[at] == key, self._order[at], -1)

    def _slots_of_rows(self, rows: NDArray[np.void]) -> NDArray[np.int64]:
        """The place of the host of each row; -1 for one that had no window."""
        return self._known(host_keys(rows["host_hi"], rows["host_lo"]))

    def _take_lasting(self, columns: Columns) -> None:
        """Remember who went on with which flow in which slice."""
        on = np.flatnonzero(columns["opened"] == 0)
        slot = self._known(host_keys(columns["host_hi"][on], columns["host_lo"][on]))
        part = (columns["window_start_ns"][on] % HOUR_NS // SLICE_NS).astype(np.uint64)
        flow = mixed(columns["flow"][on].astype(np.uint64))
        key = (mixed(slot.astype(np.uint64)) ^ flow) & ~np.uint64(15) | part
        key, first = np.unique(key[slot >= 0], return_index=True)
        room = max(self._max_flows - self._lasting_count, 0)
        self.flows_shed += max(len(key) - room, 0)
        slot = slot[slot >= 0][first]
        self._lasting_parts.append(np.stack([key, slot.astype(np.uint64)], axis=1)[:room])
        self._lasting_count += len(self._lasting_parts[-1])

    def _lasting(self, count: int) -> NDArray[np.float64]:
        """Flows of each host that went on in at least three slices."""
        pairs = np.concatenate([*self._lasting_parts, np.zeros((0, 2), np.uint64)])
        _, first = np.unique(pairs[:, 0], return_index=True)
        _, at, slices = np.unique(pairs[first, 0] >> np.uint64(4), return_index=True, return_counts=True)
        owner = pairs[first[at], 1].astype(np.int64)
        return np.bincount(owner[slices >= _LASTING_SLICES], minlength=count).astype(np.float64)


def _spread_over(pairs: tuple[NDArray[np.int64], NDArray[np.float64]], count: int) -> NDArray[np.float64]:
    """Values by place, the largest where a place has several, over all places."""
    values = np.zeros(count)
    np.maximum.at(values, pairs[0], pairs[1])
    return values
