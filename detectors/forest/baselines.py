"""What is usual: for a host, at an hour of its week, and for its group; robust and fading.

A baseline is a centre and a spread of each feature on the forest's scale. A value moves the centre by a
rate; one beyond three spreads moves it no further than one at three spreads (Huber's winsorising), so
that a strange day moves a baseline hardly, and a new habit within days. The spread follows the mean
absolute deviation times 1.25, which is the standard deviation of a normal variable.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from detectors.forest.features import LEAST_SPREAD, WIDTH
from detectors.host_memory import HostMemory
from detectors.parts import Parts

#: A host's own figures weigh as much as its group's after so many windows.
OWN_WEIGHT = {60: 60.0, 3_600: 8.0}
#: And those of an hour of the week as much as all its hours' after so many weeks.
_SLOT_WEIGHT = 2.0
#: Windows after which half of a baseline is new: five days of six active hours.
_HALF_LIFE = {60: 1_800.0, 3_600: 30.0}
_GROUP_LEAST, _GROUP_HALF_LIFE_HOURS = 20.0, 72.0
_WINSOR = 3.0
_NORMAL = 1.25
_MOST_DEVIATION = 100.0
#: Sums are kept in whole millionths, so that the order of addition changes none.
_UNITS = 1e6
SLOTS = 168
#: Features that have a habit of the hour of the week: how much, with whom, which way.
SLOT_FEATURES = (
    "flows_opened", "packets", "bytes_out", "bytes_in", "out_share", "servers", "failed_flows",
    "dns_queries", "inbound_flows", "control_packets", "new_servers", "unnamed_bytes_out",
)  # fmt: skip


class Baselines:
    """Baselines of one length of window, over the rows of a HostMemory (columns: `columns`)."""

    def __init__(self, memory: HostMemory, seconds: int, groups: int, slot_at: NDArray[np.int64]) -> None:
        """slot_at: places of the features that have a baseline for each hour of the week; may be empty."""
        self._memory, self._seconds, self._slot_at = memory, seconds, slot_at
        self._decay = 1.0 - 0.5 ** (1.0 / _HALF_LIFE[seconds])
        self._centre, self._spread = (np.zeros((groups, WIDTH), np.float64) for _ in range(2))
        self._hours = np.zeros(groups)  # windows that a group's baseline rests on

    @staticmethod
    def columns(seconds: int, slot_features: int) -> dict[str, tuple[str, tuple[int, ...]]]:
        """Columns of the HostMemory that this needs."""
        own: dict[str, tuple[str, tuple[int, ...]]] = {
            f"centre{seconds}": ("f4", (WIDTH,)),
            f"spread{seconds}": ("f4", (WIDTH,)),
            f"count{seconds}": ("f4", ()),
            f"sum{seconds}": ("i8", (WIDTH,)),
            f"apart{seconds}": ("i8", (WIDTH,)),
            f"waits{seconds}": ("i4", ()),
        }
        if slot_features:
            own[f"slots{seconds}"] = ("f2", (SLOTS, slot_features))
            own[f"slot_count{seconds}"] = ("u1", (SLOTS,))
        return own

    def usual(
        self, rows: NDArray[np.int64], group: NDArray[np.uint8], slot: int
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Centre and spread for hosts (rows of the memory) of groups at an hour of the week; NaN for none.

        The host's at this hour of the week, leaning on its own at all hours, leaning on its group's.
        """
        own = self._column("count")[rows].astype(np.float64)
        known = self._hours[group] >= _GROUP_LEAST
        lean = np.where(known, OWN_WEIGHT[self._seconds], 0.0)
        with np.errstate(invalid="ignore"):
            weight = (own / (own + lean))[:, None]  # NaN without either
        centre = weight * self._column("centre")[rows] + (1 - weight) * self._centre[group]
        spread = weight * self._column("spread")[rows] + (1 - weight) * self._spread[group]
        if len(self._slot_at):
            weeks = self._column("slot_count")[rows, slot].astype(np.float64)
            weight = (weeks / (weeks + _SLOT_WEIGHT))[:, None]
            at = self._column("slots")[rows, slot].astype(np.float64)
            centre[:, self._slot_at] = weight * at + (1 - weight) * centre[:, self._slot_at]
        return centre, np.maximum(spread, LEAST_SPREAD)

    def add(self, rows: NDArray[np.int64], group: NDArray[np.uint8], values: NDArray[np.float64]) -> None:
        """Values (n, features) of hosts; they count once `settle` is called."""
        centre, spread = self.usual(rows, group, 0)
        reach = _WINSOR * spread
        first = np.isnan(centre)
        tame = np.where(first, values, np.clip(values, centre - reach, centre + reach))
        apart = np.where(first, 0.0, np.abs(tame - centre))
        order = np.argsort(rows, kind="stable")
        starts = np.flatnonzero(np.r_[True, np.diff(rows[order]) > 0][: len(order)])
        if len(starts) == 0:
            return
        at = rows[order[starts]]
        for name, added in (("sum", tame), ("apart", apart)):
            whole = np.round(added[order] * _UNITS).astype(np.int64)
            self._memory[f"{name}{self._seconds}"][at] += np.add.reduceat(whole, starts, axis=0)
        self._memory[f"waits{self._seconds}"][at] += np.diff(np.r_[starts, len(order)]).astype(np.int32)

    def settle(self, rows: NDArray[np.int64], group: NDArray[np.uint8], slot: int) -> None:
        """Move the baselines of hosts (each row once) by what was added in an hour, and their groups'."""
        waits = self._column("waits")[rows].astype(np.float64)
        some = waits > 0
        rows, group, waits = rows[some], group[some], waits[some]
        mean = self._column("sum")[rows] / _UNITS / waits[:, None]
        apart = self._column("apart")[rows] / _UNITS / waits[:, None] * _NORMAL
        own = self._column("count")[rows].astype(np.float64)
        rate = np.maximum(waits / (own + waits), 1.0 - (1.0 - self._decay) ** waits)[:, None]
        for name, now in (("centre", mean), ("spread", apart)):
            column = self._column(name)
            column[rows] += rate * (now - column[rows])
        self._column("count")[rows] = np.minimum(own + waits, 4 * _HALF_LIFE[self._seconds])
        if len(self._slot_at):
            self._settle_slot(rows, mean, slot)
        for each in np.unique(group).tolist():
            self._settle_group(each, mean[group == each], apart[group == each])
        for name in ("sum", "apart", "waits"):
            self._column(name)[rows] = 0

    def state(self) -> Parts:
        """The groups'; those of hosts lie in the memory."""
        return {"centre": self._centre, "spread": self._spread, "hours": self._hours}

    def restore(self, parts: Parts) -> None:
        """Take a state back; one of other features is left."""
        if parts["centre"].shape == self._centre.shape:
            self._centre, self._spread = parts["centre"].copy(), parts["spread"].copy()
            self._hours = parts["hours"].copy()

    def _column(self, name: str) -> NDArray[np.float32]:
        return self._memory[f"{name}{self._seconds}"]

    def _settle_slot(self, rows: NDArray[np.int64], mean: NDArray[np.float64], slot: int) -> None:
        weeks = self._column("slot_count")[rows, slot].astype(np.float64)
        rate = 1.0 / np.minimum(weeks + 1.0, 8.0)[:, None]
        at = self._column("slots")[rows, slot].astype(np.float64)
        self._column("slots")[rows, slot] = at + rate * (mean[:, self._slot_at] - at)
        self._column("slot_count")[rows, slot] = np.minimum(weeks + 1, 200)

    def _settle_group(self, group: int, mean: NDArray[np.float64], apart: NDArray[np.float64]) -> None:
        """A group's centre is its hosts' median; its spread takes in how far they lie apart."""
        middle = np.median(mean, axis=0)
        wide = 1.4826 * np.median(np.abs(mean - middle), axis=0) + np.median(apart, axis=0)
        hours = self._hours[group]
        rate = max(len(mean) / (hours + len(mean)), 1.0 - 0.5 ** (1.0 / _GROUP_HALF_LIFE_HOURS))
        self._centre[group] += rate * (middle - self._centre[group])
        self._spread[group] += rate * (wide - self._spread[group])
        self._hours[group] = min(hours + len(mean), 1e6)


def deviations(
    values: NDArray[np.float64], centre: NDArray[np.float64], spread: NDArray[np.float64]
) -> NDArray[np.float64]:
    """How many spreads from usual, -100 to 100; 0 without a baseline."""
    with np.errstate(invalid="ignore"):
        return np.nan_to_num(np.clip((values - centre) / spread, -_MOST_DEVIATION, _MOST_DEVIATION))
