"""Drift: how far the windows of the last day lie from those that the model was made of, feature by feature.

Population stability index: with shares p of the training and q of the last 24 hours in the bins
between the training's deciles, the sum of (q - p) ln(q / p). Below 0.1 nothing has changed to speak
of, above 0.25 the population is another (Siddiqi 2006, chapter 9; the usual marks of credit scoring).
With n and m windows and b bins, chance alone gives about (b - 1)(1/n + 1/m): 0.02 with a thousand.
A whole day is looked at, so that night and lesson do not count as change; a Saturday against a model
of weekdays does.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from detectors.parts import Parts
from detectors.window_features import FEATURE_NAMES, HOUR_NS, MINUTE_FEATURES

MODERATE, LARGE = 0.1, 0.25
LEAST_WINDOWS = 1_000
_BINS, _HOURS = 10, 24
_SMOOTHED = 0.5  # so that an empty bin has a logarithm
_FEATURES = len(FEATURE_NAMES)
_FAR = 2.0**53


@dataclass(frozen=True, slots=True)
class Population:
    """What a model was made of, minutes by feature and bin.

    edges: between a feature's bins, (features, 9), as many as differ, then infinite; counts: (features, 10).
    """

    edges: NDArray[np.float64]
    counts: NDArray[np.int64]

    @classmethod
    def of(cls, features: NDArray[np.float64]) -> Population:
        """From the features of WINDOWs of a minute, (n, features)."""
        features = np.nan_to_num(features)
        edges = np.full((_FEATURES, _BINS - 1), np.inf)
        for at in range(_FEATURES if len(features) else 0):
            own = np.unique(np.quantile(features[:, at], np.linspace(0, 1, _BINS + 1)[1:-1]))
            edges[at, : len(own)] = own  # fewer where many are equal
        return cls(edges, _counts(edges, features))

    def arrays(self) -> dict[str, NDArray[np.float64]]:
        """As a model file keeps it."""
        return {"population.edges": self.edges, "population.counts": self.counts.astype(np.float64)}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[np.float64]]) -> Population:
        """From such arrays. Raises KeyError, ValueError."""
        edges, counts = arrays["population.edges"], arrays["population.counts"]
        whole = (
            edges.shape == (_FEATURES, _BINS - 1)
            and counts.shape == (_FEATURES, _BINS)
            and not np.isnan(edges).any()
            and bool((np.diff(np.where(np.isinf(edges), _FAR, edges)) >= 0).all())
            and bool(np.isfinite(counts).all())
            and bool((counts >= 0).all() and (counts < _FAR).all())
        )
        if not whole:
            raise ValueError("population")
        return cls(edges.astype(np.float64), counts.astype(np.int64))

    def is_like(self, other: Population) -> bool:
        """The same edges and counts."""
        return np.array_equal(self.edges, other.edges) and np.array_equal(self.counts, other.counts)


class Drift:
    """Counts by feature and bin: of the training, and of each of the last hours. About 90 KB."""

    def __init__(self) -> None:
        self._usual = Population.of(np.zeros((0, _FEATURES)))
        self._hours = np.zeros((_HOURS, _FEATURES, _BINS), np.int64)
        self._hour = np.full(_HOURS, -1, np.int64)  # which hour each holds
        self._judged_ns = 0

    def learn(self, population: Population, now_ns: int) -> None:
        """This is what the model in use was made of; what came before `now_ns` counts no more."""
        self._usual = population
        self._hours[:] = 0
        self._hour[:] = -1
        self._judged_ns = now_ns

    def take(self, windows: NDArray[np.void]) -> None:
        """WINDOWs that came since."""
        if len(windows) == 0 or not self._usual.counts.any():
            return
        if self._judged_ns == 0:  # a model of a file: its first day begins now
            self._judged_ns = int(windows["window_start_ns"].min())
        hour = windows["window_start_ns"] // HOUR_NS
        for each in np.unique(hour).tolist():
            slot = each % _HOURS
            if self._hour[slot] > each:
                continue  # later than a day; the day goes on without it
            if self._hour[slot] != each:
                self._hour[slot], self._hours[slot] = each, 0
            self._hours[slot] += _counts(self._usual.edges, np.nan_to_num(windows["features"][hour == each]))

    def index(self) -> dict[str, float]:
        """The index of each feature over the last day; empty while there are too few windows of it."""
        last = int(self._hour.max())
        seen = self._hours[(self._hour >= 0) & (self._hour > last - _HOURS)].sum(axis=0)
        if last < 0 or min(int(seen[0].sum()), int(self._usual.counts[0].sum())) < LEAST_WINDOWS:
            return {}
        bins = 1 + np.isfinite(self._usual.edges).sum(axis=1)[:, None]
        used = np.arange(_BINS)[None, :] < bins
        usual, now = (
            (counts + _SMOOTHED) / (counts.sum(axis=1, keepdims=True) + _SMOOTHED * bins)
            for counts in (self._usual.counts, seen)
        )
        parts = np.where(used, (now - usual) * np.log(now / usual), 0.0).sum(axis=1)
        return {name: round(float(part), 6) for name, part in zip(MINUTE_FEATURES, parts, strict=False)}

    def large(self, now_ns: int) -> dict[str, float]:
        """Once a day of event time: the features that have drifted far; empty between, and where none has."""
        if now_ns - self._judged_ns < _HOURS * HOUR_NS or not (index := self.index()):
            return {}
        self._judged_ns = now_ns
        return {name: value for name, value in index.items() if value > LARGE}

    def state(self) -> Parts:
        """Everything, for a restart."""
        return {
            "edges": self._usual.edges,
            "usual": self._usual.counts,
            "hours": self._hours,
            "hour": np.r_[self._hour, self._judged_ns],
        }

    def restore(self, parts: Parts, of: Population | None = None) -> None:
        """Take a state back; one of other features, without, or not measured against `of`, starts anew."""
        if not all(parts.get(name, np.zeros(0)).shape == own.shape for name, own in self.state().items()):
            return
        usual = Population(parts["edges"].copy(), parts["usual"].copy())
        if of is None or of.is_like(usual):
            self._usual = usual
            self._hours, self._hour = parts["hours"].copy(), parts["hour"][:-1].copy()
            self._judged_ns = int(parts["hour"][-1])


def _counts(edges: NDArray[np.float64], features: NDArray[np.float64]) -> NDArray[np.int64]:
    """Rows per feature and bin: bin i holds what lies above edge i - 1 and not above edge i."""
    counts = np.zeros((_FEATURES, _BINS), np.int64)
    for at in range(_FEATURES):
        place = np.searchsorted(edges[at], features[:, at], side="left")
        counts[at] = np.bincount(place, minlength=_BINS)
    return counts
