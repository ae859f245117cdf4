"""What detectors know of each distinct DNS name, worked out once a name."""

from __future__ import annotations

import re
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from wire.names.strings import StringTable

#: Second-level labels under country codes that are no one's domain (com.cn, ac.uk).
_SHARED_SECOND_LEVELS = frozenset(
    (b"com", b"net", b"org", b"edu", b"gov", b"ac", b"co", b"mil", b"or", b"ne", b"go")
)
_FIRST_NAMES = 1024

#: A byte that host names do not have, as names are written: \DDD or an escaped character.
_ESCAPED = re.compile(rb"\\(?:[0-9]{3}|.)", re.DOTALL)


def registered_domain(name: bytes) -> bytes:
    """The last two labels, or three under a country's shared second level: good enough for grouping."""
    labels = name.rsplit(b".", 3)
    if len(labels) >= 3 and len(labels[-1]) == 2 and labels[-2] in _SHARED_SECOND_LEVELS:
        return b".".join(labels[-3:])
    return b".".join(labels[-2:])


class PerName:
    """Two whole numbers a name, as `judge` gives them for its text, a `?` for every escaped byte in it."""

    def __init__(self, strings: StringTable, judge: Callable[[bytes], tuple[int, int]]) -> None:
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
        for name in np.unique(names[~self._judged[names]]).tolist():
            self._known[name] = self._judge(_ESCAPED.sub(b"?", self._strings[name]))
            self._judged[name] = True
        return self._known[names, 0], self._known[names, 1]
