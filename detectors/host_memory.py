"""What is remembered of each host over days: a bounded table of named columns, a row a host."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from detectors.minutes import host_keys
from detectors.parts import Parts

_FIRST_ROWS = 256


class HostMemory:
    """Rows by host. Where there is no more room, the quarter that was unseen for longest leaves, counted."""

    def __init__(self, columns: dict[str, tuple[str, tuple[int, ...]]], max_hosts: int) -> None:
        """columns: name -> (dtype, shape of a row); all zeros at first."""
        self._max_hosts = max_hosts
        self._shapes = columns
        self._keys, self._row = np.zeros(0, np.uint64), np.zeros(0, np.int64)
        self._count = 0
        self._free = np.zeros(0, np.int64)
        self._last_ns = np.zeros(0, np.int64)
        self._columns: dict[str, NDArray[Any]] = {
            name: _empty(0, dtype, shape) for name, (dtype, shape) in columns.items()
        }
        self.evicted = 0

    def __getitem__(self, name: str) -> NDArray[Any]:
        return self._columns[name]

    def __len__(self) -> int:
        return len(self._keys)

    @property
    def bytes(self) -> int:
        """Bytes that the columns take."""
        return sum(column.nbytes for column in self._columns.values())

    def knows(self, hi: NDArray[np.uint64], lo: NDArray[np.uint64]) -> NDArray[np.bool_]:
        """Which of these hosts have a row; none is made."""
        return np.asarray(self._find(host_keys(hi, lo)) >= 0)

    def rows_of(self, hi: NDArray[np.uint64], lo: NDArray[np.uint64], now_ns: int) -> NDArray[np.int64]:
        """The row of each host, made where there is none. One call names at most `max_hosts` hosts.

        Rows that were given before may be another host's after this.
        """
        key = host_keys(hi, lo)
        new = np.unique(key[self._find(key) < 0])
        if len(new):
            room = self._max_hosts - len(self._keys)
            if len(new) > room:
                self._evict(max(len(new) - room, self._max_hosts // 4), key)
            self._insert(new[: self._max_hosts - len(self._keys)])
        rows = self._find(key)
        self._last_ns[rows[rows >= 0]] = now_ns
        return rows

    def state(self) -> Parts:
        """Every host's row."""
        parts = {name: column[self._row] for name, column in self._columns.items()}
        return {"keys": self._keys, "last": self._last_ns[self._row], **parts}

    def restore(self, parts: Parts) -> None:
        """Take a state back; into an empty one. One of other columns is left: every host is new again."""
        same = all(
            name in parts and parts[name].dtype == np.dtype(dtype) and parts[name].shape[1:] == shape
            for name, (dtype, shape) in self._shapes.items()
        )
        if not same:
            return
        latest = np.sort(np.argsort(parts["last"], kind="stable")[-self._max_hosts :])
        self._insert(parts["keys"][latest])
        self._last_ns[self._row] = parts["last"][latest]
        for name in self._shapes:
            self._columns[name][self._row] = parts[name][latest]

    def _find(self, key: NDArray[np.uint64]) -> NDArray[np.int64]:
        if len(self._keys) == 0:
            return np.full(len(key), -1)
        at = np.minimum(np.searchsorted(self._keys, key), len(self._keys) - 1)
        return np.where(self._keys[at] == key, self._row[at], -1)

    def _insert(self, new: NDArray[np.uint64]) -> None:
        short = self._count + len(new) - len(self._free) - len(self._last_ns)
        if short > 0:
            self._grow(max(short, len(self._last_ns), _FIRST_ROWS))
        again, self._free = self._free[: len(new)], self._free[len(new) :]
        fresh = np.arange(self._count, self._count + len(new) - len(again))
        self._count += len(fresh)
        self._take_memory(fresh)
        rows = np.concatenate([again, fresh])
        at = np.searchsorted(self._keys, new)
        self._keys, self._row = np.insert(self._keys, at, new), np.insert(self._row, at, rows)

    def _take_memory(self, rows: NDArray[np.int64]) -> None:
        """Write to rows when their hosts come, else all take their memory when the first hour ends."""
        for name, (_, shape) in self._shapes.items():
            if len(shape) <= 1:
                self._columns[name][rows] = 0

    def _grow(self, more: int) -> None:
        self._last_ns = np.concatenate([self._last_ns, np.zeros(more, np.int64)])
        for name, (dtype, shape) in self._shapes.items():
            known = self._columns[name]
            grown = _empty(len(known) + more, dtype, shape)
            if len(shape) > 1:
                for at in np.flatnonzero(known.any(axis=(0, *range(2, known.ndim)))).tolist():
                    grown[: self._count, at] = known[: self._count, at]
            else:
                grown[: self._count] = known[: self._count]
            self._columns[name] = grown

    def _evict(self, number: int, keep: NDArray[np.uint64]) -> None:
        last = self._last_ns[self._row].copy()
        last[np.isin(self._keys, keep)] = np.iinfo(np.int64).max
        gone = np.argsort(last, kind="stable")[:number]
        rows = self._row[gone]
        for column in self._columns.values():
            column[rows] = 0
        self._free = np.concatenate([self._free, rows])
        self._keys, self._row = np.delete(self._keys, gone), np.delete(self._row, gone)
        self.evicted += len(gone)


def _empty(rows: int, dtype: str, shape: tuple[int, ...]) -> NDArray[Any]:
    """Zeros, (rows, *shape). A page that nobody has written to takes no memory.

    Of a table a row (the hours of a week, 4 KB a host) the same hour of all rows lies together, so that
    an hour takes memory when it comes, and not every page of the table at the first.
    """
    if len(shape) > 1:
        return np.zeros((shape[0], rows, *shape[1:]), dtype).swapaxes(0, 1)
    return np.zeros((rows, *shape), dtype)
