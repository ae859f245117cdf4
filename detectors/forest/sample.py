"""The windows that models are made of: a sample of whole host-hours, packed, the same in every run.

A model sees of a window what its host did and how far beyond the usual that was (`features.matrix`), and
scores anew: what an earlier model said, and what was usual, are not kept.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from detectors.forest.features import WITHIN
from detectors.parts import Parts, under, within
from detectors.waiting_rows import WaitingRows, from_packed_state, packed_state
from detectors.window_features import COLLECT, HOUR_NS, WINDOW
from wire.record_arrays import as_bytes, joined

#: Fewer rows wait unpacked for more, 590 bytes each; packed, about a twentieth.
_PACKED_TOGETHER = 2_048
_MIX = (np.uint64(0x9E3779B97F4A7C15), np.uint64(0xC2B2AE3D27D4EB4F), np.uint64(0xFF51AFD7ED558CCD))


class Sample:
    """No more than `most` WINDOWs: of more, every second host-hour leaves, then and from then on."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._packed: list[WaitingRows] = []
        self._loose: list[NDArray[np.void]] = []
        self._halvings = 0

    def __len__(self) -> int:
        return sum(each.count for each in self._packed) + sum(map(len, self._loose))

    def add(self, windows: NDArray[np.void]) -> None:
        """Keep what belongs to the sample of WINDOWs that came after those before."""
        self._loose.append(_as_learned_from(self._of(windows)))
        if sum(map(len, self._loose)) >= _PACKED_TOGETHER:
            self._pack()
        while len(self) > self._most:
            self._halvings += 1
            self._pack()
            self._replace(self._of(each.rows()) for each in self._packed)

    def windows(self) -> NDArray[np.void]:
        """All WINDOWs of the sample, as they came."""
        whole, at = np.empty(len(self), WINDOW), 0
        text = as_bytes(whole)
        for part in chain((each.rows() for each in self._packed), self._loose):
            text[at : at + len(part)] = as_bytes(part)
            at += len(part)
        return whole

    def hosts(self) -> set[tuple[int, int]]:
        """Of its windows, one part unpacked at a time."""
        self._pack()
        known: set[tuple[int, int]] = set()
        for each in self._packed:
            rows = each.rows()
            known |= set(zip(rows["host_hi"].tolist(), rows["host_lo"].tolist(), strict=True))
        return known

    def forget(self, before_ns: int) -> None:
        """Windows that began before a time leave."""
        self._pack()
        rows = (each.rows() for each in self._packed)
        self._replace(each[each["window_start_ns"] >= before_ns] for each in rows)

    def state(self) -> Parts:
        """What a restart needs."""
        self._pack()
        return {"halvings": np.array([self._halvings], np.int64), **under("rows", packed_state(self._packed))}

    def restore(self, parts: Parts) -> None:
        """Take a state back; into an empty sample."""
        self._halvings = int(parts["halvings"][0])
        self._packed = from_packed_state(within("rows", parts))

    def _of(self, windows: NDArray[np.void]) -> NDArray[np.void]:
        if self._halvings == 0:
            return windows.copy()
        return np.asarray(windows[scatter(windows) >> np.uint64(64 - self._halvings) == 0])

    def _pack(self) -> None:
        loose, self._loose = [each for each in self._loose if len(each)], []
        if loose:
            self._packed.append(WaitingRows.of(joined(loose), packed=True))

    def _replace(self, parts: Iterable[NDArray[np.void]]) -> None:
        """Other rows in place of those that are packed, one part unpacked at a time."""
        self._packed = [WaitingRows.of(each, packed=True) for each in parts if len(each)]


def _as_learned_from(windows: NDArray[np.void]) -> NDArray[np.void]:
    """The same WINDOWs, changed in place: the same to a model, and fewer bytes once they are packed."""
    for name in ("usual", "score", "p_value", "alarm_p", "peak"):
        windows[name] = np.nan
    windows["phase"] = COLLECT
    apart = windows["deviation"]
    apart[np.abs(apart) <= WITHIN] = 0.0
    return windows


def scatter(windows: NDArray[np.void]) -> NDArray[np.uint64]:
    """A number per WINDOW that is spread evenly and depends on host and hour alone."""
    mixed = windows["window_start_ns"].astype(np.uint64) // np.uint64(HOUR_NS) * _MIX[0]
    mixed ^= windows["host_lo"] * _MIX[1] ^ windows["host_hi"] * _MIX[2]
    mixed ^= mixed >> np.uint64(33)
    mixed *= _MIX[2]
    return np.asarray(mixed ^ (mixed >> np.uint64(29)))
