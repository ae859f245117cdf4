"""Columns of wide rows: many readers walk over the same few fields, and records lie far apart in memory."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


class Columns:
    """Fields of structured rows, each copied together once, when it is first asked for."""

    def __init__(self, rows: NDArray[np.void]) -> None:
        """What is changed in a field after it was first asked for is not seen."""
        self._rows = rows
        self._made: dict[str, NDArray[Any]] = {}

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, name: str) -> NDArray[Any]:
        column = self._made.get(name)
        if column is None:
            column = self._made[name] = np.ascontiguousarray(self._rows[name])
        return column
