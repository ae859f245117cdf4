"""Drift: how far the windows of the last day lie from those that the model was made of, feature by feature.

Population stability index: with shares p of the training and q of the last 24 hours in the bins
between the training's deciles, the sum of (q - p) ln(q / p). Below 0.1 nothing has changed to speak
of, above 0.25 the population is another (Siddiqi 2006, chapter 9; the usual marks of credit scoring).
With n and m windows and b bins, chance alone gives about (b - 1)(1/n + 1/m): 0.02 with a thousand.
A whole day is looked at, so that night and lesson do not count as change; a Saturday against a model
of weekdays does.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from detectors.parts import Parts
from detectors.window_features import FEATURE_NAMES, MINUTE_FEATURES

MODERATE, LARGE = 0.1, 0.25
LEAST_WINDOWS = 1_000
_BINS, _HOURS = 10, 24
_HOUR_NS = 3_600_000_000_000
_SMOOTHED = 0.5  # so that an empty bin has a logarithm
_FEATURES = len(FEATURE_NAMES)


class Drift:
    """Counts by feature and bin: of the training, and of each of the last hours. About 90 KB."""

    def __init__(self) -> None:
        self._edges = np.full((_FEATURES, _BINS - 1), np.inf)
        self._usual = np.zeros((_FEATURES, _BINS), np.int64)
        self._hours = np.zeros((_HOURS, _FEATURES, _BINS), np.int64)
        self._hour = np.full(_HOURS, -1, np.int64)  # which hour each holds
        self._judged_ns = 0

    def learn(self, windows: NDArray[np.void]) -> None:
        """These WINDOWs are what the model in use was made of; what came before counts no more."""
        features = np.nan_to_num(windows["features"])
        quantiles = np.linspace(0, 1, _BINS + 1)[1:-1]
        self._edges[:] = np.inf
        for at in range(_FEATURES):
            edges = np.unique(np.quantile(features[:, at], quantiles))  # fewer where many are equal
            self._edges[at, : len(edges)] = edges
        self._usual = self._counts(features)
        self._hours[:] = 0
        self._hour[:] = -1
        self._judged_ns = int(windows["window_start_ns"].max())

    def take(self, windows: NDArray[np.void]) -> None:
        """WINDOWs that came since."""
        if len(windows) == 0 or not self._usual.any():
            return
        hour = windows["window_start_ns"] // _HOUR_NS
        for each in np.unique(hour).tolist():
            slot = each % _HOURS
            if self._hour[slot] > each:
                continue  # later than a day; the day goes on without it
            if self._hour[slot] != each:
                self._hour[slot], self._hours[slot] = each, 0
            self._hours[slot] += self._counts(np.nan_to_num(windows["features"][hour == each]))

    def index(self) -> dict[str, float]:
        """The index of each feature over the last day; empty while there are too few windows of it."""
        last = int(self._hour.max())
        seen = self._hours[(self._hour >= 0) & (self._hour > last - _HOURS)].sum(axis=0)
        if last < 0 or min(int(seen[0].sum()), int(self._usual[0].sum())) < LEAST_WINDOWS:
            return {}
        bins = 1 + np.isfinite(self._edges).sum(axis=1)[:, None]
        used = np.arange(_BINS)[None, :] < bins
        usual, now = (
            (counts + _SMOOTHED) / (counts.sum(axis=1, keepdims=True) + _SMOOTHED * bins)
            for counts in (self._usual, seen)
        )
        parts = np.where(used, (now - usual) * np.log(now / usual), 0.0).sum(axis=1)
        return {name: round(float(part), 6) for name, part in zip(MINUTE_FEATURES, parts, strict=False)}

    def large(self, now_ns: int) -> dict[str, float]:
        """Once a day of event time: the features that have drifted far; empty between, and where none has."""
        if now_ns - self._judged_ns < _HOURS * _HOUR_NS or not (index := self.index()):
            return {}
        self._judged_ns = now_ns
        return {name: value for name, value in index.items() if value > LARGE}

    def state(self) -> Parts:
        """Everything, for a restart."""
        return {
            "edges": self._edges,
            "usual": self._usual,
            "hours": self._hours,
            "hour": np.r_[self._hour, self._judged_ns],
        }

    def restore(self, parts: Parts) -> None:
        """Take a state back; one of other features, or without, starts anew."""
        if all(parts.get(name, np.zeros(0)).shape == own.shape for name, own in self.state().items()):
            self._edges, self._usual = parts["edges"].copy(), parts["usual"].copy()
            self._hours, self._hour = parts["hours"].copy(), parts["hour"][:-1].copy()
            self._judged_ns = int(parts["hour"][-1])

    def _counts(self, features: NDArray[np.float64]) -> NDArray[np.int64]:
        """Rows per feature and bin: bin i holds what lies above edge i - 1 and not above edge i."""
        counts = np.zeros((_FEATURES, _BINS), np.int64)
        for at in range(_FEATURES):
            place = np.searchsorted(self._edges[at], features[:, at], side="left")
            counts[at] = np.bincount(place, minlength=_BINS)
        return counts
