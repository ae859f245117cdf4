"""Who scores the windows: a model that was given, or one that a replay learns from itself."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from detectors.forest.drift import Drift
from detectors.forest.episode_test import MinuteEvidence, strangeness
from detectors.forest.isolation import ForestSettings
from detectors.forest.model import Model
from detectors.parts import Parts, under, within
from detectors.window_features import CALIBRATE, COLD, HOUR_NS, HOUR_SECONDS, SCORE, TRAIN, WINDOW
from wire.record_arrays import joined, picked

#: Fewer training windows than this give no score (CONTRACTS: Windows and scores).
LEAST_TRAINING_WINDOWS = 200


class Scorer(Protocol):
    """Takes closed windows and gives them back scored.

    Each call brings minutes of one hour, or that hour's windows after all its minutes.
    """

    model: Model | None
    shed: int
    holds: bool  # windows wait for the end

    @property
    def drift(self) -> Drift | None:
        """Since the model in use was made; None where that cannot be said."""

    def take(self, windows: NDArray[np.void]) -> NDArray[np.void]:
        """Windows that are decided by now."""

    def flag(self, host: tuple[int, int], start_ns: int, end_ns: int) -> None:
        """What a host did from start to end was found: nothing may be learned from it."""

    def confirm(self, host: tuple[int, int], start_ns: int, end_ns: int, name: str) -> None:
        """It was found, and people say rightly so."""

    def withdraw(self, name: str) -> None:
        """People have taken that back."""

    def clear(self, host: tuple[int, int], start_ns: int, end_ns: int) -> None:
        """It was found falsely: it may be learned from."""

    def hosts(self) -> set[tuple[int, int]]:
        """Hosts of which something was found, or is learned from."""

    def finish(self) -> NDArray[np.void]:
        """The windows that waited for the end."""

    def state(self) -> Parts:
        """What it has learned and learns from, for a restart."""

    def restore(self, parts: Parts) -> None:
        """Take that back."""


class ModelScorer:
    """Scores every window at once with a model that was given."""

    def __init__(self, model: Model) -> None:
        self.model: Model | None = model
        self.drift: Drift | None = None
        if model.population is not None:
            self.drift = Drift()
            self.drift.learn(model.population, 0)
        self.shed = 0
        self.holds = False
        self._evidence = MinuteEvidence()

    def take(self, windows: NDArray[np.void]) -> NDArray[np.void]:
        """All of them, scored."""
        if self.model is not None:
            score(self.model, windows, self._evidence)
        if self.drift is not None:
            self.drift.take(windows[windows["seconds"] != HOUR_SECONDS])
        return windows

    def flag(self, host: tuple[int, int], start_ns: int, end_ns: int) -> None:
        """Learns nothing anyway."""

    def confirm(self, host: tuple[int, int], start_ns: int, end_ns: int, name: str) -> None:
        """Learns nothing anyway."""

    def withdraw(self, name: str) -> None:
        """Learns nothing anyway."""

    def clear(self, host: tuple[int, int], start_ns: int, end_ns: int) -> None:
        """Learns nothing anyway."""

    def hosts(self) -> set[tuple[int, int]]:
        """None: it learns from nobody in particular."""
        return set()

    def finish(self) -> NDArray[np.void]:
        """None wait."""
        return np.zeros(0, WINDOW)

    def state(self) -> Parts:
        """The open hour's evidence, and the last day's counts; the model lies in its file."""
        drift = {} if self.drift is None else under("drift", self.drift.state())
        return {**under("evidence", self._evidence.state()), **drift}

    def restore(self, parts: Parts) -> None:
        """Take that back, or as much of a learner's state, whose sensor goes by a model of a file now."""
        evidence = within("evidence", parts)
        if evidence:
            self._evidence.restore(evidence)
        if self.drift is not None and self.model is not None:
            self.drift.restore(within("drift", parts), self.model.population)


class ReplayScorer:
    """The first half of the windows trains, the next quarter calibrates, the rest is scored."""

    def __init__(self, settings: ForestSettings, max_windows: int) -> None:
        """Hold no more than `max_windows` (580 bytes each); what is more is shed and counted."""
        self.model: Model | None = None
        self.drift: Drift | None = None  # one half against the other would be no drift
        self.shed = 0
        self.holds = True
        self._settings = settings
        self._max_windows = max_windows
        self._held: list[NDArray[np.void]] = []
        self._count = 0

    def take(self, windows: NDArray[np.void]) -> NDArray[np.void]:
        """Holds them all: the halves are known at the end only."""
        kept = windows[: max(self._max_windows - self._count, 0)]
        self.shed += len(windows) - len(kept)
        self._held.append(kept)
        self._count += len(kept)
        return np.zeros(0, WINDOW)

    def flag(self, host: tuple[int, int], start_ns: int, end_ns: int) -> None:
        """What it learns from is settled by the halves."""

    def confirm(self, host: tuple[int, int], start_ns: int, end_ns: int, name: str) -> None:
        """What it learns from is settled by the halves."""

    def withdraw(self, name: str) -> None:
        """What it learns from is settled by the halves."""

    def clear(self, host: tuple[int, int], start_ns: int, end_ns: int) -> None:
        """What it learns from is settled by the halves."""

    def hosts(self) -> set[tuple[int, int]]:
        """None: it learns from nobody in particular."""
        return set()

    def state(self) -> Parts:
        """Nothing: a replay starts anew."""
        return {}

    def restore(self, parts: Parts) -> None:
        """Nothing to take back."""

    def finish(self) -> NDArray[np.void]:
        """All windows by minute, then host; score and p-value are NaN unless the phase is SCORE."""
        windows = joined(self._held) if self._held else np.zeros(0, WINDOW)
        order = (windows["host_lo"], windows["host_hi"], windows["seconds"], windows["window_start_ns"])
        windows = picked(windows, np.lexsort(order))
        of_hours = windows["seconds"] == HOUR_SECONDS
        for own in (~of_hours, of_hours):
            _set_phases(windows, np.flatnonzero(own))
        training, calibration = (picked(windows, windows["phase"] == phase) for phase in (TRAIN, CALIBRATE))
        if len(training) == 0:
            return windows
        self.model = Model.learn(training, calibration, self._settings)
        scored, evidence = windows["phase"] == SCORE, MinuteEvidence()
        hour = windows["window_start_ns"] // HOUR_NS
        for each in np.unique(hour[scored]).tolist():
            for own in (~of_hours, of_hours):
                at = np.flatnonzero(scored & own & (hour == each))
                some = picked(windows, at)
                score(self.model, some, evidence)
                windows[at] = some
        return windows


def score(model: Model, windows: NDArray[np.void], evidence: MinuteEvidence) -> None:
    """Score WINDOWs in place: minutes of one hour, with their test, or an hour with its minutes' peaks."""
    if len(windows) == 0:
        return
    if windows["seconds"][0] == HOUR_SECONDS:
        windows["peak"] = evidence.peaks(windows)
        model.score(windows)
    else:
        model.score(windows)
        model.test_minutes(windows, evidence.take(windows, strangeness(windows["score"])))


def _set_phases(windows: NDArray[np.void], own: NDArray[np.int64]) -> None:
    """The first half trains, the next quarter calibrates, the rest is to be scored; too few are cold."""
    half, quarter = len(own) // 2, len(own) // 4
    if half < LEAST_TRAINING_WINDOWS:
        windows["phase"][own] = COLD
        return
    windows["phase"][own[:half]] = TRAIN
    windows["phase"][own[half : half + quarter]] = CALIBRATE
    windows["phase"][own[half + quarter :]] = SCORE
