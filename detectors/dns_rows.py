"""The names that hosts ask for, as rows for the DNS patterns. Only names long enough to carry data."""

from __future__ import annotations

import re

import numpy as np
from numpy.typing import NDArray

from detectors.kept_names import ids_again, strings_of
from detectors.parts import Parts
from wire.names.strings import StringTable

#: Characters below the registered domain from which on a name may carry data.
LEAST_CARRIED = 52

DNS_ROW = np.dtype(
    [
        ("window_start_ns", "i8"),
        ("flow", "i8"),
        ("host_hi", "u8"),
        ("host_lo", "u8"),
        ("peer_hi", "u8"),
        ("peer_lo", "u8"),
        ("base", "i4"),  # number of the registered domain
        ("name", "i4"),  # string id
        ("carried", "i4"),  # characters below the registered domain
        ("server_port", "u2"),
    ]
)

#: Second-level labels under country codes that are no one's domain (com.cn, ac.uk).
_SHARED_SECOND_LEVELS = frozenset(
    (b"com", b"net", b"org", b"edu", b"gov", b"ac", b"co", b"mil", b"or", b"ne", b"go")
)
_NOT_YET = -1
#: A byte that host names do not have, as names are written: \DDD or an escaped character.
_ESCAPED = re.compile(rb"\\(?:[0-9]{3}|.)", re.DOTALL)


def registered_domain(name: bytes) -> bytes:
    """The last two labels, or three under a country's shared second level: good enough for grouping."""
    labels = name.rsplit(b".", 3)
    if len(labels) >= 3 and len(labels[-1]) == 2 and labels[-2] in _SHARED_SECOND_LEVELS:
        return b".".join(labels[-3:])
    return b".".join(labels[-2:])


class LongNames:
    """Knows of each distinct name how much it carries, and under which domain."""

    def __init__(self, strings: StringTable) -> None:
        self._strings = strings
        self._carried = np.full(1024, _NOT_YET, np.int32)
        self._base = np.zeros(1024, np.int32)
        self._bases: dict[bytes, int] = {}

    def rows(
        self, deltas: NDArray[np.void], of_delta: NDArray[np.int64], names: NDArray[np.int32]
    ) -> NDArray[np.void]:
        """A DNS_ROW per (delta, name) pair whose name is long; `of_delta` is the delta's place."""
        known = names >= 0
        of_delta, names = of_delta[known], names[known]
        self._learn(names)
        long = self._carried[names] >= LEAST_CARRIED
        of_delta, names = of_delta[long], names[long]
        rows = np.zeros(len(names), DNS_ROW)
        asked = deltas[of_delta]
        for field in ("window_start_ns", "flow", "server_port"):
            rows[field] = asked[field]
        for half in ("hi", "lo"):
            rows[f"host_{half}"] = asked[f"client_{half}"]
            rows[f"peer_{half}"] = asked[f"server_{half}"]
        rows["name"], rows["base"] = names, self._base[names]
        rows["carried"] = self._carried[names]
        return rows

    def state(self, rows: NDArray[np.void]) -> Parts:
        """The names in kept DNS_ROWs."""
        return strings_of(rows["name"], self._strings)

    def again(self, rows: NDArray[np.void], parts: Parts) -> NDArray[np.void]:
        """DNS_ROWs of a checkpoint with this process's ids; without those that no longer fit."""
        rows = rows.copy()
        rows["name"] = ids_again(rows["name"], parts, self._strings)
        rows = rows[rows["name"] >= 0]
        self._learn(rows["name"])
        rows["base"] = self._base[rows["name"]]
        return rows

    def _learn(self, names: NDArray[np.int32]) -> None:
        if len(names) == 0:
            return
        more = int(names.max()) + 1 - len(self._carried)
        if more > 0:
            more = max(more, len(self._carried))
            self._carried = np.concatenate([self._carried, np.full(more, _NOT_YET, np.int32)])
            self._base = np.concatenate([self._base, np.zeros(more, np.int32)])
        for name_id in np.unique(names[self._carried[names] == _NOT_YET]).tolist():
            name = _ESCAPED.sub(b"?", self._strings[name_id])
            base = registered_domain(name)
            # Reverse look-ups of IPv6 addresses are long by nature.
            carried = 0 if base.endswith(b".arpa") else max(len(name) - len(base) - 1, 0)
            self._carried[name_id] = carried
            if carried >= LEAST_CARRIED:
                self._base[name_id] = self._bases.setdefault(base, len(self._bases))
