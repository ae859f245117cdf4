"""Who scores the windows: a model that was given, or one that a replay learns from itself."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from detectors.forest.isolation import ForestSettings
from detectors.forest.model import Model
from detectors.parts import Parts
from detectors.window_features import CALIBRATE, COLD, TRAIN, WINDOW

#: Fewer training windows than this give no score (CONTRACTS: Windows and scores).
LEAST_TRAINING_WINDOWS = 200


class Scorer(Protocol):
    """Takes closed windows in the order of time and gives them back scored."""

    model: Model | None
    shed: int
    holds: bool  # windows wait for the end

    def take(self, windows: NDArray[np.void]) -> NDArray[np.void]:
        """Windows that are decided by now."""

    def flag(self, host: tuple[int, int], start_ns: int, end_ns: int) -> None:
        """What a host did from start to end was found: nothing may be learned from it."""

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
        self.shed = 0
        self.holds = False

    def take(self, windows: NDArray[np.void]) -> NDArray[np.void]:
        """All of them, scored."""
        if self.model is not None:
            self.model.score(windows)
        return windows

    def flag(self, host: tuple[int, int], start_ns: int, end_ns: int) -> None:
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
        """Nothing: the model lies in its file."""
        return {}

    def restore(self, parts: Parts) -> None:
        """Nothing to take back."""


class ReplayScorer:
    """The first half of the windows trains, the next quarter calibrates, the rest is scored."""

    def __init__(self, settings: ForestSettings, max_windows: int) -> None:
        """Hold no more than `max_windows` (208 bytes each); what is more is shed and counted."""
        self.model: Model | None = None
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
        windows = np.concatenate(self._held) if self._held else np.zeros(0, WINDOW)
        order = (windows["host_lo"], windows["host_hi"], windows["window_start_ns"])
        windows = windows[np.lexsort(order)]
        half, quarter = len(windows) // 2, len(windows) // 4
        if half < LEAST_TRAINING_WINDOWS:
            windows["phase"] = COLD
            return windows
        training, calibration = windows[:half], windows[half : half + quarter]
        training["phase"], calibration["phase"] = TRAIN, CALIBRATE
        self.model = Model.learn(training, calibration, self._settings)
        self.model.score(windows[half + quarter :])
        return windows
