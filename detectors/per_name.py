"""What detectors know of each distinct DNS name, worked out once a name."""

from __future__ import annotations

import re
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from detectors.name_shapes import SHARED_SECOND_LEVELS
from wire.names.strings import StringTable

_FIRST_NAMES = 1024

#: A byte that host names do not have, as names are written: \DDD or an escaped character.
_ESCAPED = re.compile(rb"\\(?:[0-9]{3}|.)", re.DOTALL)


def registered_domain(name: bytes) -> bytes:
    """The last two labels, or three under a country's shared second level: good enough for grouping."""
    labels = name.rsplit(b".", 3)
    if len(labels) >= 3 and len(labels[-1]) == 2 and labels[-2] in SHARED_SECOND_LEVELS:
        return b".".join(labels[-3:])
    return b".".join(labels[-2:])


def plain(name: bytes) -> bytes:
    """The name with a `?` for every escaped byte in it."""
    return _ESCAPED.sub(b"?", name)


#: Two whole numbers, (n, 2), for each string id (>= 0) of a table.
Judge = Callable[[StringTable, NDArray[np.int32]], NDArray[np.int32]]


def one_by_one(judge: Callable[[bytes], tuple[int, int]]) -> Judge:
    """Judge many names by their plain text, one after the other."""

    def judged(strings: StringTable, names: NDArray[np.int32]) -> NDArray[np.int32]:
        return np.array([judge(plain(strings[name])) for name in names.tolist()], np.int32).reshape(-1, 2)

    return judged


class PerName:
    """Two whole numbers a name, as `judge` gives them; it is asked once a name."""

    def __init__(self, strings: StringTable, judge: Judge) -> None:
        self._strings = strings
        self._judge = judge
        self._known = np.zeros((_FIRST_NAMES, 2), np.int32)
        self._judged = np.zeros(_FIRST_NAMES, np.bool_)

    def of(self, names: NDArray[np.int32]) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
        """Both numbers of each string id (>= 0)."""
        if len(names) == 0:
            return np.zeros(0, np.int32), np.zeros(0, np.int32)
        more = int(names.max()) + 1 - len(self._judged)
        if more > 0:
            more = max(more, len(self._judged))
            self._known = np.concatenate([self._known, np.zeros((more, 2), np.int32)])
            self._judged = np.concatenate([self._judged, np.zeros(more, np.bool_)])
        new = np.unique(names[~self._judged[names]])
        if len(new):
            self._known[new] = self._judge(self._strings, new)
            self._judged[new] = True
        return self._known[names, 0], self._known[names, 1]
