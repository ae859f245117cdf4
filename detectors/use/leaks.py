"""Personal identifiers in cleartext HTTP: how many connections carried which kind to which host."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from detectors.parts import Parts, json_of, of_json
from detectors.use.day import Leak
from detectors.use.link_rows import WINDOW_NS
from wire.names.identifiers import IDENTIFIER_KINDS

#: Hosts told apart in a day; what is more counts under the host "".
_MAX_HOSTS = 10_000
#: Windows, services, hosts and kinds told apart at once; what else comes is shed and counted.
_MAX_KEYS = 100_000

#: The text of a name's id.
NameOf = Callable[[int], str]


class Leaks:
    """Counts ended connections until their day is over. No value ever comes here: only kinds do."""

    def __init__(self, name_of: NameOf) -> None:
        self._name_of = name_of
        self._windows: dict[int, Counter[tuple[int, str, str]]] = {}
        self._hosts: set[str] = set()
        self._keys = 0
        self._closed_before = np.iinfo(np.int64).min
        self.late = 0
        self.shed = 0

    @property
    def windows(self) -> list[int]:
        """Numbers of the windows that are held."""
        return list(self._windows)

    def add(self, rows: NDArray[np.void], facts: NDArray[np.void], service: NDArray[np.int32]) -> None:
        """Take FLOW_ROWs with the FACTS and service of each; those of a day that is closed are late."""
        at = np.flatnonzero(facts["personal"])
        at = at[(service[at] >= 0) & (rows["checkpoint"][at] == 0)]
        if len(at) == 0:
            return
        columns = (
            rows["ts_end_ns"][at] // WINDOW_NS,
            service[at],
            facts["http_host"][at],
            facts["personal"][at],
        )
        seen, counts = np.unique(
            np.stack([column.astype(np.int64) for column in columns], axis=1), axis=0, return_counts=True
        )
        for (window, index, host, bits), count in zip(seen.tolist(), counts.tolist(), strict=True):
            if window < self._closed_before:
                self.late += count
                continue
            name = self._host(host)
            for place, kind in enumerate(IDENTIFIER_KINDS):
                if bits >> place & 1:
                    self._count(window, (index, name, kind), count)

    def state(self) -> Parts:
        """What a restart needs."""
        kept = [
            (window, *key, count)
            for window, totals in self._windows.items()
            for key, count in sorted(totals.items())
        ]
        return {"counts": of_json(kept), "closed_before": np.array([self._closed_before])}

    def restore(self, parts: Parts, places: NDArray[np.int32]) -> None:
        """Take a state back; `places`: where each of its services stands now, -1 where it is gone."""
        self._closed_before = int(parts["closed_before"][0])
        for window, service, host, kind, count in json_of(parts["counts"]):
            index = int(places[service])
            if index >= 0:
                self._hosts.add(host)
                self._count(window, (index, host, kind), count)

    def close(self, end: int) -> tuple[Leak, ...]:
        """What windows before `end` held, in order; they leave, and nothing more is taken for them."""
        self._closed_before = max(self._closed_before, end)
        totals: Counter[tuple[int, str, str]] = Counter()
        for window in [each for each in self._windows if each < end]:
            over = self._windows.pop(window)
            self._keys -= len(over)
            totals.update(over)
        self._hosts = {host for left in self._windows.values() for _, host, _ in left}
        return tuple(Leak(*key, count) for key, count in sorted(totals.items()))

    def _count(self, window: int, key: tuple[int, str, str], count: int) -> None:
        totals = self._windows.get(window, Counter())
        if key not in totals:
            if self._keys >= _MAX_KEYS:
                self.shed += count
                return
            self._keys += 1
        totals[key] += count
        self._windows[window] = totals

    def _host(self, host: int) -> str:
        name = self._name_of(host) if host >= 0 else ""
        if name not in self._hosts and len(self._hosts) >= _MAX_HOSTS:
            return ""
        self._hosts.add(name)
        return name
