"""The sufficient statistics of the joint fit: sums of products, by bucket of clients and by cell.

The unit is a client's minute in which somebody did something (used an app or browsed). Its
predictors are 0 or 1: for each app whether its session is in its first minute, in its second (each
alone, or with other apps beside it), later, or just over, and whether there is browsing. Its
responses are 0 or 1: did the third party show up.
A cell is a slot of clients in one hour of the week; a bucket is a number of slots. A least-squares fit
within cells with errors clustered by bucket needs only X'X and X'Y of every bucket and the sums of X
and of Y in every cell, all whole numbers: days and workers are added up, in any order.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from detectors.embedding.counts import Counts
from detectors.parts import Parts, under, within

BUCKETS = 256
#: Of a bucket, by further bits of the client's hash. Clients of one slot share their intercepts, and a
#: dormitory's room beside a lone phone would lend its trackers to its apps: slots are many.
SLOTS = 256
HOURS = 168
CELLS = SLOTS * HOURS  # of a bucket
CLIENT_BITS = 1024
#: Predictors that are no app's: the minute itself, and browsing.
MINUTE, BROWSES = 0, 1
#: A session's minutes; its first two apart by whether no other app was active then.
FIRST_ALONE, SECOND_ALONE, FIRST, SECOND, LATER, TAIL = range(6)
PHASES = 6
_SUMS = ("products", "responses", "active", "hits", "clients", "direct")


def column_of(app: NDArray[np.integer], phase: NDArray[np.integer]) -> NDArray[np.int64]:
    """The predictor of an app's phase."""
    return np.asarray(2 + app.astype(np.int64) * PHASES + phase, np.int64)


def cell_of(client: NDArray[np.uint64], minute: NDArray[np.int64]) -> NDArray[np.int64]:
    """The cell of each client's minute since 1970; cells of a bucket stand together."""
    bucket, slot = client % np.uint64(BUCKETS), client // np.uint64(BUCKETS) % np.uint64(SLOTS)
    number = (bucket * np.uint64(SLOTS) + slot).astype(np.int64)
    return np.asarray(number * HOURS + minute // 60 % HOURS, np.int64)


@dataclass(frozen=True, slots=True)
class Bounds:
    """Most distinct keys of each sum: 16 bytes each."""

    products: int = 4_000_000
    responses: int = 2_000_000
    cells: int = 4_000_000
    clients: int = 2_000_000


class Statistics:
    """Sums over minutes; `apps` and `thirds` are how many services of each kind there are."""

    def __init__(self, apps: int, thirds: int, bounds: Bounds | None = None) -> None:
        bounds = bounds or Bounds()
        self.apps, self.thirds = apps, thirds
        self.columns = 2 + apps * PHASES
        self.products = Counts(bounds.products)  # (bucket, column, column): X'X
        self.responses = Counts(bounds.responses)  # (bucket, column, third): X'Y
        self.active = Counts(bounds.cells)  # (cell, column): sum of X, of MINUTE the minutes
        self.hits = Counts(bounds.cells)  # (cell, third): sum of Y
        self.clients = Counts(bounds.clients)  # (app, third, bit of the client): presence
        self.direct = Counts(bounds.clients)  # the same, where the app's own page or code led there
        #: The first minute and the last, since 1970; none yet while the first is the later one.
        self.first_minute, self.last_minute = np.iinfo(np.int64).max, np.iinfo(np.int64).min
        self.sessions = np.zeros(apps, np.int64)
        self.sessions_with = np.zeros((apps, thirds), np.int64)

    def add_minutes(
        self,
        cell: NDArray[np.int64],
        predictors: tuple[NDArray[np.int64], NDArray[np.int64]],
        responses: tuple[NDArray[np.int64], NDArray[np.int64]],
    ) -> None:
        """Minutes with the cell of each.

        Predictors and responses are (minute, number) pairs, in order of minute, without repeats.
        """
        minute, column = predictors
        hit, third = responses
        bucket = cell // CELLS
        self.active.add(cell * self.columns + MINUTE)
        self.active.add(cell[minute] * self.columns + column)
        self.hits.add(cell[hit] * self.thirds + third)
        left, right = combinations(minute, minute, len(cell))
        upper = column[left] <= column[right]
        left, right = left[upper], right[upper]
        key = (bucket[minute[left]] * self.columns + column[left]) * self.columns + column[right]
        self.products.add(key)
        left, right = combinations(hit, minute, len(cell))
        key = (bucket[hit[left]] * self.columns + column[right]) * self.thirds + third[left]
        self.responses.add(key)

    def merge(self, other: Statistics) -> None:
        """Add another day's or worker's sums."""
        self.products.merge(other.products)
        self.responses.merge(other.responses)
        self.active.merge(other.active)
        self.hits.merge(other.hits)
        self.clients.merge(other.clients)
        self.direct.merge(other.direct)
        self.first_minute = min(self.first_minute, other.first_minute)
        self.last_minute = max(self.last_minute, other.last_minute)
        self.sessions += other.sessions
        self.sessions_with += other.sessions_with

    def state(self) -> Parts:
        """All sums."""
        plain = np.array([self.apps, self.thirds, self.first_minute, self.last_minute], np.int64)
        parts: Parts = {"plain": plain, "sessions": self.sessions, "sessions_with": self.sessions_with}
        for name in _SUMS:
            parts |= under(name, getattr(self, name).state())
        return parts

    def restore(self, parts: Parts, apps: NDArray[np.int64], thirds: NDArray[np.int64]) -> None:
        """Take the sums of a state back; into empty ones. Raises ValueError when its parts do not fit.

        apps, thirds: where each app and third party of the state stands here, -1 for one that is
        gone, whose sums are forgotten.
        """
        had_apps, had_thirds, self.first_minute, self.last_minute = parts["plain"].tolist()
        if had_apps != len(apps) or had_thirds != len(thirds):
            raise ValueError("the sums are of other services")
        columns = _columns_of(apps)
        had, have = len(columns), self.columns

        def keys_of(name: str) -> NDArray[np.int64]:
            counts: Counts = getattr(self, name)
            counts.restore(within(name, parts))
            return counts.items()[0]

        keys = keys_of("products")
        left, right = columns[keys // had % had], columns[keys % had]
        left, right = np.minimum(left, right), np.maximum(left, right)
        self.products.move((keys // had // had * have + left) * have + right, left >= 0)
        keys = keys_of("responses")
        left, right = columns[keys // had_thirds % had], thirds[keys % had_thirds]
        moved = (keys // had_thirds // had * have + left) * self.thirds + right
        self.responses.move(moved, (left >= 0) & (right >= 0))
        keys = keys_of("active")
        left = columns[keys % had]
        self.active.move(keys // had * have + left, left >= 0)
        keys = keys_of("hits")
        right = thirds[keys % had_thirds]
        self.hits.move(keys // had_thirds * self.thirds + right, right >= 0)
        for name, presence in (("clients", self.clients), ("direct", self.direct)):
            keys = keys_of(name)
            pair, bit = keys // CLIENT_BITS, keys % CLIENT_BITS
            left, right = apps[pair // had_thirds], thirds[pair % had_thirds]
            moved = (left * self.thirds + right) * CLIENT_BITS + bit
            presence.move(moved, (left >= 0) & (right >= 0))
        here, there = np.flatnonzero(apps >= 0), np.flatnonzero(thirds >= 0)
        self.sessions[apps[here]] = parts["sessions"][here]
        self.sessions_with[np.ix_(apps[here], thirds[there])] = parts["sessions_with"][np.ix_(here, there)]

    def share_within(self) -> NDArray[np.float64]:
        """Share of each third party's minutes in which each app was active, float64[apps, thirds]."""
        keys, values = self.responses.items()
        column = keys // self.thirds % self.columns
        own = column >= 2
        app = (column[own] - 2) // PHASES
        within = np.zeros((self.apps, self.thirds))
        np.add.at(within, (app, keys[own] % self.thirds), values[own])
        keys, values = self.hits.items()
        total = np.zeros(self.thirds)
        np.add.at(total, keys % self.thirds, values)
        return within / np.maximum(total, 1)

    def clients_of_pairs(self) -> NDArray[np.int64]:
        """Distinct clients in whose sessions a third party showed up, int64[apps, thirds].

        Clients that share one of CLIENT_BITS count as one: never too many.
        """
        return self._distinct(self.clients)

    def clients_led(self) -> NDArray[np.int64]:
        """Distinct clients whose app led to a third party by its own word, int64[apps, thirds]."""
        return self._distinct(self.direct)

    def _distinct(self, presence: Counts) -> NDArray[np.int64]:
        keys, _ = presence.items()
        pairs = np.bincount(keys // CLIENT_BITS, minlength=self.apps * self.thirds)
        return pairs.reshape(self.apps, self.thirds)


def _columns_of(apps: NDArray[np.int64]) -> NDArray[np.int64]:
    """Where the predictors of apps stand now whose places are these; -1 for those of an app that is gone."""
    own = column_of(np.repeat(apps, PHASES), np.tile(np.arange(PHASES), len(apps)))
    own[np.repeat(apps, PHASES) < 0] = -1
    return np.concatenate([np.array([MINUTE, BROWSES]), own])


def combinations(
    left: NDArray[np.int64], right: NDArray[np.int64], groups: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Every combination of a place in `left` and one in `right` of the same group; `right` is sorted."""
    starts = np.searchsorted(right, np.arange(groups + 1))
    sizes = np.diff(starts)[left]
    of_left = np.repeat(np.arange(len(left)), sizes)
    within = np.arange(len(of_left)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    return of_left, starts[left][of_left] + within
