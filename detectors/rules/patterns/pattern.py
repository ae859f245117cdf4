"""How a pattern is asked: rows of the last minutes in, signs out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from detectors.columns import Columns
from detectors.grouping import address_ids, combined, count, distinct, total
from detectors.involvement import involved
from detectors.networks import address_text
from detectors.parts import Parts
from detectors.rules.signal import Signal
from detectors.window_features import MINUTE_NS, MINUTE_SECONDS, SECOND_NS
from wire.record_arrays import joined, picked

MAX_PEERS = 5


@dataclass(frozen=True, slots=True)
class Pattern:
    """`select` keeps the rows that matter; `judge` sees those of a span, grouped as it likes.

    `judge` gets a Span: every selected row once for each span it lies in. A span is `span` units of
    `unit_ns` long, and the rows' `window_start_ns` is that of their unit. `form` tells forms of one
    pattern apart. `least_rows`: of a host in a span, fewer give no sign, and need not be judged; only for
    a `judge` that looks at each host alone.
    """

    name: str
    span: int
    select: Callable[[Columns], NDArray[np.bool_]]
    judge: Callable[[Span], list[Signal]]
    form: str = ""
    unit_ns: int = MINUTE_NS
    least_rows: int = 1


class Span:
    """Selected rows, each with the last minute of its span, and ways to group and count them."""

    def __init__(
        self, pattern: str, rows: NDArray[np.void], end_ns: NDArray[np.int64], seconds: int = MINUTE_SECONDS
    ) -> None:
        """seconds: how long the rows' units are."""
        self.pattern = pattern
        self._seconds = seconds
        self.rows = rows
        self.end_ns = end_ns
        self.peer, _ = address_ids(rows["peer_hi"], rows["peer_lo"])
        host, _ = address_ids(rows["host_hi"], rows["host_lo"])
        self.owner, _ = combined((end_ns - end_ns.min()) // MINUTE_NS, host)

    def group(self, *keys: NDArray[np.int64]) -> Groups:
        """The rows by span, host and further whole numbers (>= 0)."""
        return Groups(self, *combined(self.owner, *keys))

    def signal(
        self, rows_at: NDArray[np.int64], strength: float, figures: dict[str, float]
    ) -> Signal:
        """The sign that the rows at these places give."""
        rows = picked(self.rows, rows_at)
        host = (int(rows["host_hi"][0]), int(rows["host_lo"][0]))
        return Signal(
            host=host,
            start_ns=int(rows["window_start_ns"].min()),
            minute_ns=int(self.end_ns[rows_at[0]]),
            confidence=strength,
            pattern=self.pattern,
            figures={name: float(value) for name, value in figures.items()},
            peers=_first_peers(rows),
            seconds=self._seconds,
            involved=involved(host, rows, self.peer[rows_at], self._seconds, strength),
        )


def _first_peers(rows: NDArray[np.void]) -> tuple[str, ...]:
    """The lowest few of the peers' addresses."""
    order = np.lexsort((rows["peer_lo"], rows["peer_hi"]))
    pairs = zip(rows["peer_hi"][order].tolist(), rows["peer_lo"][order].tolist(), strict=True)
    return tuple(address_text(*pair) for pair in list(dict.fromkeys(pairs))[:MAX_PEERS])


class Groups:
    """Groups of a span's rows, and figures per group."""

    def __init__(self, span: Span, group: NDArray[np.int64], first: NDArray[np.int64]) -> None:
        self._span = span
        self.of_row = group
        self._first = first
        self._owner = span.owner
        self._order: NDArray[np.int64] | None = None
        self._starts = np.zeros(0, np.int64)

    def __len__(self) -> int:
        return len(self._first)

    def value(self, field: str) -> NDArray[np.generic]:
        """A field that is the same for all rows of a group."""
        return np.asarray(self._span.rows[field][self._first])

    def count(self, chosen: NDArray[np.bool_]) -> NDArray[np.float64]:
        """Chosen rows per group."""
        return count(self.of_row[chosen], len(self))

    def total(self, field: str) -> NDArray[np.float64]:
        """Sum of a field per group."""
        return total(self.of_row, self._span.rows[field], len(self))

    def distinct(
        self, values: NDArray[np.int64], chosen: NDArray[np.bool_] | None = None
    ) -> NDArray[np.float64]:
        """Distinct values per group, of the chosen rows."""
        if chosen is None:
            return distinct(self.of_row, values, len(self))
        return distinct(self.of_row[chosen], values[chosen], len(self))

    def strongest(self, chosen: NDArray[np.bool_], amount: NDArray[np.float64]) -> list[int]:
        """Of each host and span the chosen group with the largest amount: one sign is enough."""
        at = np.flatnonzero(chosen)
        _, owner = np.unique(self._owner[self._first[at]], return_inverse=True)
        order = np.lexsort((at, -amount[at], owner))
        first = np.r_[True, np.diff(owner[order]) > 0] if len(at) else np.zeros(0, np.bool_)
        return sorted(at[order[first]].tolist())

    def rows_of(self, group: int) -> NDArray[np.int64]:
        """Places of a group's rows."""
        if self._order is None:
            self._order = np.argsort(self.of_row, kind="stable")
            self._starts = np.r_[0, np.cumsum(np.bincount(self.of_row, minlength=len(self)))]
        return self._order[self._starts[group] : self._starts[group + 1]]


class Watch:
    """One pattern over time: remembers the selected rows of the last minutes, a bounded number."""

    def __init__(self, pattern: Pattern, max_rows: int) -> None:
        self.name = f"{pattern.name} {pattern.form}".strip()  # no other watch has it
        self._pattern = pattern
        self._max_rows = max_rows
        self._recent: NDArray[np.void] | None = None
        self.shed = 0

    def take(self, rows: NDArray[np.void], columns: Columns | None = None) -> list[Signal]:
        """Signs of the spans that end in a minute of `rows`, the rows of minutes just closed.

        columns: of these rows, where other watches read them, too.
        """
        columns = Columns(rows) if columns is None else columns
        chosen = np.flatnonzero(self._pattern.select(columns))
        if len(chosen) == 0:
            if self._recent is not None and len(rows):
                self._forget(int(columns["window_start_ns"].max()))
            return []
        new = picked(rows, chosen)
        ends = np.unique(new["window_start_ns"])
        recent = new if self._recent is None else joined([self._recent, new])
        recent = _since(recent, int(ends[0]) - self._reach_ns)
        many = self._of_busy_hosts(recent)
        signals = self._pattern.judge(self._span(many, ends)) if len(many) else []
        self._recent = recent
        self._forget(int(ends[-1]))
        return signals

    @property
    def _reach_ns(self) -> int:
        """How far before the last unit of a span its first one lies."""
        return (self._pattern.span - 1) * self._pattern.unit_ns

    def _forget(self, last_ns: int) -> None:
        """Let go what no span reaches that ends after this unit: a flood's rows are many."""
        assert self._recent is not None
        kept = _since(self._recent, last_ns - self._reach_ns + 1)
        self.shed += max(len(kept) - self._max_rows, 0)
        self._recent = kept[-self._max_rows :] if len(kept) else None

    def state(self) -> Parts:
        """The rows it remembers, and what it shed."""
        parts = {"shed": np.array([self.shed], np.int64)}
        return parts if self._recent is None else {**parts, "recent": self._recent}

    def restore(self, parts: Parts) -> None:
        """Take a state back."""
        self.shed = int(parts["shed"][0])
        self._recent = parts.get("recent")

    def _of_busy_hosts(self, rows: NDArray[np.void]) -> NDArray[np.void]:
        """The rows of hosts that have enough of them for a sign."""
        if self._pattern.least_rows == 1:
            return rows
        host, first = address_ids(rows["host_hi"], rows["host_lo"])
        return picked(rows, count(host, len(first))[host] >= self._pattern.least_rows)

    def _span(self, rows: NDArray[np.void], ends: NDArray[np.int64]) -> Span:
        """Every row once for each span that it lies in and that ends in one of `ends`."""
        at, end_ns = [], []
        unit_ns = self._pattern.unit_ns
        for later in range(self._pattern.span):
            end = rows["window_start_ns"] + later * unit_ns
            inside = np.flatnonzero(end == ends[0] if len(ends) == 1 else np.isin(end, ends))
            at.append(inside)
            end_ns.append(end[inside] + unit_ns - MINUTE_NS)
        seconds = unit_ns // SECOND_NS
        return Span(self._pattern.name, picked(rows, np.concatenate(at)), np.concatenate(end_ns), seconds)


def _since(rows: NDArray[np.void], start_ns: int) -> NDArray[np.void]:
    """The rows of no earlier time; the array itself, which nobody changes, when that is all of them."""
    within = rows["window_start_ns"] >= start_ns
    return rows if within.all() else picked(rows, within)
