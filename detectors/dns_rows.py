"""The names that hosts ask for, as rows for the DNS patterns. Only names long enough to carry data."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from detectors.host_and_peer import HOST_AND_PEER, rows_of_callers
from detectors.kept_names import ids_again, strings_of
from detectors.name_shapes import shapes_of
from detectors.parts import Parts
from detectors.per_name import PerName, plain, registered_domain
from wire.names.strings import StringTable
from wire.record_arrays import picked

#: Characters below the registered domain from which on a name may carry data.
LEAST_CARRIED = 52

DNS_ROW = np.dtype(
    [
        *HOST_AND_PEER,
        ("base", "i4"),  # number of the registered domain
        ("name", "i4"),  # string id
        ("carried", "i4"),  # characters below the registered domain
        ("server_port", "u2"),
    ]
)


class LongNames:
    """Knows of each distinct name how much it carries, and under which domain."""

    def __init__(self, strings: StringTable) -> None:
        self._strings = strings
        self._bases: dict[bytes, int] = {}
        self._names = PerName(strings, self._carried_and_base)

    def rows(
        self, deltas: NDArray[np.void], of_delta: NDArray[np.int64], names: NDArray[np.int32]
    ) -> NDArray[np.void]:
        """A DNS_ROW per (delta, name) pair whose name is long; `of_delta` is the delta's place."""
        known = names >= 0
        of_delta, names = of_delta[known], names[known]
        carried, base = self._names.of(names)
        long = carried >= LEAST_CARRIED
        rows = rows_of_callers(DNS_ROW, picked(deltas, of_delta[long]))
        rows["name"], rows["base"], rows["carried"] = names[long], base[long], carried[long]
        return rows

    def state(self, rows: NDArray[np.void]) -> Parts:
        """The names in kept DNS_ROWs."""
        return strings_of(rows["name"], self._strings)

    def again(self, rows: NDArray[np.void], parts: Parts) -> NDArray[np.void]:
        """DNS_ROWs of a checkpoint with this process's ids; without those that no longer fit."""
        rows = rows.copy()
        rows["name"] = ids_again(rows["name"], parts, self._strings)
        rows = rows[rows["name"] >= 0]
        rows["base"] = self._names.of(rows["name"])[1]
        return rows

    def _carried_and_base(self, strings: StringTable, names: NDArray[np.int32]) -> NDArray[np.int32]:
        # Reverse look-ups of IPv6 addresses are long by nature; none of them carries anything.
        carried = shapes_of(strings, names, lower=False).below
        judged = np.stack([carried, np.zeros_like(carried)], axis=1)
        for at in np.flatnonzero(carried >= LEAST_CARRIED).tolist():
            base = registered_domain(plain(strings[int(names[at])]))
            judged[at, 1] = self._bases.setdefault(base, len(self._bases))
        return judged
