"""PNG pictures of an evaluation: ROC and precision-recall of host-hours, calibration of p-values."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from monitor.evaluate.figures import HostHours


class PicturesUnavailable(Exception):
    """matplotlib is not installed."""


def draw(folder: Path, hours: HostHours, calibration: list[tuple[float, float]]) -> list[Path]:
    """Write what can be drawn; the files. Raises PicturesUnavailable, OSError."""
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise PicturesUnavailable from None
    written = []
    if 0 < hours.positive.sum() < len(hours.positive):
        from sklearn.metrics import precision_recall_curve, roc_curve

        figure = Figure(figsize=(9, 4), layout="constrained")
        left, right = figure.subplots(1, 2)
        false, true, _ = roc_curve(hours.positive, hours.score)
        left.plot(false, true)
        left.plot([0, 1], [0, 1], linestyle=":", color="grey")
        left.set(xlabel="false positive rate", ylabel="true positive rate", title="host-hours: ROC")
        precision, recall, _ = precision_recall_curve(hours.positive, hours.score)
        right.plot(recall, precision)
        right.set(
            xlabel="recall", ylabel="precision", title="host-hours: precision and recall", ylim=(0, 1.05)
        )
        written.append(folder / "ranking.png")
        figure.savefig(written[-1], dpi=120)
    if calibration:
        figure = Figure(figsize=(5, 4.5), layout="constrained")
        axes = figure.subplots()
        levels, shares = np.array(calibration).T
        axes.plot(levels, np.maximum(shares, 1e-6), marker="o")
        axes.plot(levels, levels, linestyle=":", color="grey")
        axes.set(xscale="log", yscale="log", xlabel="p-value", ylabel="share of usual windows at or below")
        axes.set_title("calibration")
        written.append(folder / "calibration.png")
        figure.savefig(written[-1], dpi=120)
    return written
