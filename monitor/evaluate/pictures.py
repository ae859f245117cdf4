"""PNG pictures of an evaluation: ROC and precision-recall, calibration of p-values; of hosts and services."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

HOST_HOURS, SERVICE_QUARTERS = "host-hours", "service-quarters"
#: What stands in the names of the files.
_ENDINGS = {HOST_HOURS: "", SERVICE_QUARTERS: "-services"}


class PicturesUnavailable(Exception):
    """matplotlib is not installed."""


def draw(
    folder: Path,
    ranking: tuple[NDArray[np.float64], NDArray[np.bool_]],
    calibration: list[tuple[float, float]],
    unit: str,
) -> list[Path]:
    """Write what can be drawn; the files. ranking: of each unit its score, and whether it is positive.

    Raises PicturesUnavailable, OSError.
    """
    score, positive = ranking
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise PicturesUnavailable from None
    written = []
    if 0 < positive.sum() < len(positive):
        from sklearn.metrics import precision_recall_curve, roc_curve

        figure = Figure(figsize=(9, 4), layout="constrained")
        left, right = figure.subplots(1, 2)
        false, true, _ = roc_curve(positive, score)
        left.plot(false, true)
        left.plot([0, 1], [0, 1], linestyle=":", color="grey")
        left.set(xlabel="false positive rate", ylabel="true positive rate", title=f"{unit}: ROC")
        precision, recall, _ = precision_recall_curve(positive, score)
        right.plot(recall, precision)
        right.set(xlabel="recall", ylabel="precision", title=f"{unit}: precision and recall", ylim=(0, 1.05))
        written.append(folder / f"ranking{_ENDINGS[unit]}.png")
        figure.savefig(written[-1], dpi=120)
    if calibration:
        figure = Figure(figsize=(5, 4.5), layout="constrained")
        axes = figure.subplots()
        levels, shares = np.array(calibration).T
        axes.plot(levels, np.maximum(shares, 1e-6), marker="o")
        axes.plot(levels, levels, linestyle=":", color="grey")
        axes.set(xscale="log", yscale="log", xlabel="p-value", ylabel="share of usual windows at or below")
        axes.set_title("calibration")
        written.append(folder / f"calibration{_ENDINGS[unit]}.png")
        figure.savefig(written[-1], dpi=120)
    return written
