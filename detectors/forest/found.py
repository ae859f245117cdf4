"""What hosts did that was found, for as long as a model could learn from it; a bounded number of spans."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from detectors.grouping import address_ids
from detectors.window_features import MINUTE_NS

#: Spans that are kept; beyond that those that ended first are forgotten.
_MAX_SPANS = 50_000

Span = tuple[tuple[int, int], int, int]


class Found:
    """Spans of hosts (first and last minute, both within); those of one host that touch are one."""

    def __init__(self, spans: Iterable[Span] = ()) -> None:
        self._of_host: dict[tuple[int, int], list[tuple[int, int]]] = {}
        self._spans = 0
        for each in spans:
            self.add(*each)

    def add(self, host: tuple[int, int], start_ns: int, end_ns: int) -> None:
        """Remember that something was found from the minute `start_ns` to the minute `end_ns`."""
        apart: list[tuple[int, int]] = []
        for start, end in self._of_host.get(host, ()):
            if start <= end_ns + MINUTE_NS and start_ns <= end + MINUTE_NS:
                start_ns, end_ns = min(start, start_ns), max(end, end_ns)
            else:
                apart.append((start, end))
        self._spans += len(apart) + 1 - len(self._of_host.get(host, ()))
        self._of_host[host] = [*apart, (start_ns, end_ns)]
        if self._spans > _MAX_SPANS:
            # A quarter at once, so that the next ones cost nothing.
            left = sorted(self.spans(), key=lambda span: span[2])[_MAX_SPANS // 4 :]
            self._of_host, self._spans = {}, 0
            for each in left:
                self.add(*each)

    def clear(self, host: tuple[int, int], start_ns: int, end_ns: int) -> None:
        """What was found of a host between two times, both within, is as if it had not been."""
        left: list[tuple[int, int]] = []
        for start, end in self._of_host.get(host, ()):
            if start < start_ns:
                left.append((start, min(end, start_ns - MINUTE_NS)))
            if end > end_ns:
                left.append((max(start, end_ns + MINUTE_NS), end))
        self._spans += len(left) - len(self._of_host.pop(host, ()))
        if left:
            self._of_host[host] = left

    def hosts(self) -> set[tuple[int, int]]:
        """Those of which something was found."""
        return set(self._of_host)

    def forget(self, before_ns: int) -> None:
        """Without spans whose last minute lies before."""
        left = {
            host: [span for span in spans if span[1] >= before_ns] for host, spans in self._of_host.items()
        }
        self._of_host = {host: spans for host, spans in left.items() if spans}
        self._spans = sum(map(len, self._of_host.values()))

    def spans(self) -> list[Span]:
        """Host, first and last minute of each."""
        return [(host, *span) for host, spans in self._of_host.items() for span in spans]

    def hold(self, windows: NDArray[np.void]) -> NDArray[np.bool_]:
        """Which WINDOWs touch a span of their host."""
        spans = sorted(self.spans(), key=lambda span: span[1])
        if not spans:
            return np.zeros(len(windows), np.bool_)
        hi, lo = (np.array([span[0][half] for span in spans], np.uint64) for half in (0, 1))
        start, end = (np.array([span[at] for span in spans], np.int64) for at in (1, 2))
        host, _ = address_ids(
            np.concatenate([hi, windows["host_hi"]]), np.concatenate([lo, windows["host_lo"]])
        )
        # Spans of a host do not overlap: only the last that began by the window's last minute can touch it.
        minutes = np.maximum(windows["seconds"].astype(np.int64) // 60, 1)
        last = windows["window_start_ns"] + (minutes - 1) * MINUTE_NS
        began = np.searchsorted(start, last, side="right")
        width = len(spans) + 1
        order = np.argsort(host[: len(spans)], kind="stable")
        keys = host[order] * width + order + 1
        at = np.searchsorted(keys, host[len(spans) :] * width + began, side="right") - 1
        nearest = order[np.maximum(at, 0)]
        same = (at >= 0) & (host[nearest] == host[len(spans) :])
        return np.asarray(same & (windows["window_start_ns"] <= end[nearest]))
