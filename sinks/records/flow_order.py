"""Rows in the order of (ts_start, key), whatever order they come in, in bounded memory.

Rows wait in memory; past a limit they are sorted and set down as a run on disk. At the end the
runs are merged. This holds for any capture: a flow's row can start hours before the row that
came before it.
"""

from __future__ import annotations

import shutil
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sinks.records.flow_columns import FlowRows, joined

#: About 400 bytes a row.
MAX_WAITING_ROWS = 1 << 17
BATCH_ROWS = 1 << 16
_KEY = (
    "ts_start_ns", "client_hi", "client_lo", "server_hi", "server_lo", "client_port", "server_port",
    "protocol", "flow_id", "flow",
)  # fmt: skip
_ARRAYS = (
    "rows", "facts", "service", "category", "query_offsets", "query_ids", "cloaked_service",
    "cloaked_category",
)  # fmt: skip
_Key = tuple[int, ...]


def order_of(rows: NDArray[np.void]) -> NDArray[np.int64]:
    """Indices that sort FLOW_ROW records by time and key; the key is looked at for ties alone."""
    start = np.ascontiguousarray(rows["ts_start_ns"])
    order = np.argsort(start, kind="stable")
    start = start[order]
    same = start[1:] == start[:-1]
    tied = np.append(same, False) | np.append(False, same)
    among = order[tied]
    ties = rows[list(_KEY)][among]
    order[tied] = among[np.lexsort([ties[name] for name in reversed(_KEY)])]
    return order


class FlowOrder:
    """Takes rows in any order, gives them back in theirs.

    folder: where runs are set down; made when needed, gone after `close`.
    """

    def __init__(
        self, folder: Path, max_waiting_rows: int = MAX_WAITING_ROWS, batch_rows: int = BATCH_ROWS
    ) -> None:
        self._folder = folder
        self._max_waiting_rows = max_waiting_rows
        self._batch_rows = batch_rows
        self._waiting: list[FlowRows] = []
        self._waiting_rows = 0
        self._runs = 0

    def add(self, flows: FlowRows) -> None:
        """Keep rows (copied; the other arrays must not change). Raises OSError when the disk is full."""
        if len(flows):
            self._waiting.append(flows.owned())
            self._waiting_rows += len(flows)
        if self._waiting_rows >= self._max_waiting_rows:
            self._set_down()

    def batches(self) -> Iterator[FlowRows]:
        """All rows in order, `batch_rows` at once and the rest. To be called once, at the end."""
        merged = self._merged() if self._runs else iter([self._sorted()] if self._waiting else [])
        left: list[FlowRows] = []
        for flows in merged:
            left.append(flows)
            if sum(map(len, left)) < self._batch_rows:
                continue
            whole = joined(left) if len(left) > 1 else flows
            full = len(whole) // self._batch_rows * self._batch_rows
            for start in range(0, full, self._batch_rows):
                yield whole.slice(start, start + self._batch_rows)
            left = [whole.slice(full, len(whole))] if full < len(whole) else []
        if left:
            yield joined(left)

    def _merged(self) -> Iterator[FlowRows]:
        if self._waiting:
            self._set_down()
        runs = [_Run(self._folder / str(i)) for i in range(self._runs)]
        share = max(1, self._batch_rows // len(runs))
        while any(len(run) for run in runs):
            ahead = [run.key(share) for run in runs if len(run) > share]
            cut = min(ahead) if ahead else None
            parts = [run.before(cut, bisect_left) for run in runs]
            if not any(len(part) for part in parts):
                parts = [run.before(cut, bisect_right) for run in runs]
            flows = joined(parts)
            yield flows.take(order_of(flows.rows))

    def close(self) -> None:
        """Remove what was set down."""
        self._waiting = []
        if self._runs:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._runs = 0

    def _sorted(self) -> FlowRows:
        flows = joined(self._waiting)
        self._waiting, self._waiting_rows = [], 0
        return flows.take(order_of(flows.rows))

    def _set_down(self) -> None:
        run = self._folder / str(self._runs)
        run.mkdir(parents=True, mode=0o700)
        self._runs += 1
        flows = self._sorted()
        for name in _ARRAYS:
            np.save(run / f"{name}.npy", getattr(flows, name), allow_pickle=False)


def _mapped(path: Path) -> NDArray[Any]:
    """An array on disk; an empty one cannot be mapped, so it is read."""
    array = np.load(path, allow_pickle=False, mmap_mode="r" if path.stat().st_size > 4096 else None)
    assert isinstance(array, np.ndarray)
    return array


class _Run:
    """A sorted run on disk and how far it has been read."""

    def __init__(self, folder: Path) -> None:
        self._flows = FlowRows(*(_mapped(folder / f"{name}.npy") for name in _ARRAYS))
        self._at = 0

    def __len__(self) -> int:
        return len(self._flows) - self._at

    def key(self, ahead: int) -> _Key:
        return self._key(self._at + ahead)

    def before(self, cut: _Key | None, bisect: Callable[..., int]) -> FlowRows:
        """The rows not read yet whose key stands before `cut`; all of them when there is no cut."""
        start, end = self._at, len(self._flows)
        if cut is not None:
            end = bisect(range(end), cut, lo=start, key=self._key)
        self._at = end
        return self._flows.slice(start, end)

    def _key(self, index: int) -> _Key:
        return tuple(self._flows.rows[list(_KEY)][index].tolist())
