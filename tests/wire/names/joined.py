"""A Namer and the join behind it as one: names of a single worker's flows."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from wire.names.join import NameJoin, translate
from wire.names.namer import Namer, NamerSettings
from wire.names.tls_parameters import ja4

_WORKER, _WORKERS = 0, 1


class JoinedNamer:
    """As Namer, but facts carry names, and string ids are those of `strings`."""

    def __init__(self, settings: NamerSettings) -> None:
        self._namer, self._join = Namer(settings), NameJoin(settings)
        self._ids = np.zeros(0, np.int32)
        self.strings = self._join.strings

    def read(self, buffer: NDArray[np.uint8], refs: NDArray[np.void]) -> None:
        events = self._namer.read(buffer, refs)
        self._learn()
        for name in ("name", "chain_end"):
            events[name] = self._of_all(events[name])
        self._join.apply(events)

    def facts(self, flows: NDArray[np.int64]) -> NDArray[np.void]:
        facts = self._namer.facts(flows)
        self._learn()
        translate(self._ids, facts, _WORKER, _WORKERS)
        self._join.name(flows, facts)
        return facts

    def dns_queries(self, flows: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
        offsets, ids = self._namer.dns_queries(flows)
        return offsets, self._of_all(ids)

    def forget(self, flows: NDArray[np.int64]) -> None:
        self._namer.forget(flows)
        self._join.forget(flows)

    def ja4(self, parameters: NDArray[np.int32]) -> list[str]:
        return ["" if known < 0 else ja4(self.strings[known]) for known in parameters.tolist()]

    @property
    def counters(self) -> dict[str, int]:
        mine, joined = self._namer.counters, self._join.counters
        return {name: count + joined.get(name, 0) for name, count in mine.items()}

    @property
    def slots_held(self) -> int:
        """Streams that wait for bytes in a reassembly slot."""
        return int(self._namer._work["used_slots"][0])

    @property
    def room_for_flows(self) -> int:
        """Flows whose state the table has room for as it is."""
        return len(self._namer._states)

    def _learn(self) -> None:
        new = self._join.learn(*self._namer.strings.since(len(self._ids)))
        self._ids = np.append(self._ids, new)

    def _of_all(self, own: NDArray[np.int32]) -> NDArray[np.int32]:
        return np.append(self._ids, np.int32(-1))[own]
