"""Whether a newly learned model may take the place of the one in use."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from detectors.forest.canaries import CANARIES, plant
from detectors.forest.model import Model
from detectors.window_features import HOUR_SECONDS

#: Windows at or below this p-value are compared; calibrated models put this share of usual ones there.
LEVEL = 0.01
MOST_TIMES = 2.0


@dataclass(frozen=True, slots=True)
class Verdict:
    """`holds`: may be promoted. Rates are shares of recent usual windows at or below LEVEL."""

    holds: bool
    rate: float
    champion_rate: float | None
    caught: tuple[str, ...]
    missed: tuple[str, ...]  # of those that the champion catches, or of all without one


def compare(challenger: Model, champion: Model | None, recent: NDArray[np.void]) -> Verdict:
    """Try a challenger on recent usual WINDOWs that its forest has not seen, and on planted ones.

    It must not find more than twice as many usual windows strange as the champion does (or as the
    level promises), and catch every canary that the champion catches; without one, all.
    """
    rate, caught = _rate(challenger, recent), _caught(challenger, recent)
    champion_rate = None if champion is None else _rate(champion, recent)
    wanted = set(CANARIES) if champion is None else _caught(champion, recent)
    accepted = MOST_TIMES * max(LEVEL, champion_rate or 0.0)
    missed = wanted - caught
    return Verdict(
        rate <= accepted and not missed, rate, champion_rate, tuple(sorted(caught)), tuple(sorted(missed))
    )


def _rate(model: Model, windows: NDArray[np.void]) -> float:
    scored = windows[windows["seconds"] != HOUR_SECONDS]
    model.score(scored)
    return float(np.mean(scored["p_value"] <= LEVEL)) if len(scored) else 0.0


def _caught(model: Model, usual: NDArray[np.void]) -> set[str]:
    if len(usual) == 0:
        return set()
    planted = plant(usual)
    model.score(planted)
    # With few calibration windows the least p-value may lie above the level: the least is strange.
    strange = planted["p_value"] <= max(LEVEL, model.calibration.smallest)
    return {name for name, found in zip(CANARIES, strange.tolist(), strict=True) if found}
