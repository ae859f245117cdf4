"""A model: a fitted forest and the calibration that turns its scores into p-values."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from detectors.forest.calibration import Calibration
from detectors.forest.explanation import Reason, explain
from detectors.forest.features import matrix
from detectors.forest.isolation import ForestSettings, IsolationForest
from detectors.window_features import SCORE


class Model:
    """Scores windows; made from windows by `Model.learn` or read by model_file.load."""

    def __init__(
        self, forest: IsolationForest, calibration: Calibration, span_ns: tuple[int, int] = (0, 0)
    ) -> None:
        """span_ns: first and last minute of what it was learned from; zeros when unknown."""
        self.forest = forest
        self.calibration = calibration
        self.span_ns = span_ns

    @classmethod
    def learn(
        cls,
        training: NDArray[np.void],
        calibration: NDArray[np.void],
        settings: ForestSettings,
    ) -> Model:
        """Fit to one set of WINDOWs and calibrate on another that the forest has not seen."""
        forest = IsolationForest(matrix(training), settings)
        minutes = np.concatenate([training["window_start_ns"], calibration["window_start_ns"]])
        span_ns = (int(minutes.min()), int(minutes.max()))
        return cls(forest, Calibration(forest.score(matrix(calibration))), span_ns)

    def score(self, windows: NDArray[np.void]) -> None:
        """Fill score, p_value and phase of WINDOWs in place."""
        windows["score"] = self.forest.score(matrix(windows))
        windows["p_value"] = self.calibration.p_values(windows["score"])
        windows["phase"] = SCORE

    def explain(self, windows: NDArray[np.void], top: int = 3) -> list[tuple[Reason, ...]]:
        """The features that make each window strange, most telling first."""
        return explain(self.forest, matrix(windows), top)
