"""Whether a newly learned model may take the place of the one in use."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detectors.forest.canaries import CANARIES, plant
from detectors.forest.incidents import Incidents
from detectors.forest.model import Model
from detectors.window_features import HOUR_SECONDS

#: Windows at or below this p-value are compared; calibrated models put this share of usual ones there.
LEVEL = 0.01
MOST_TIMES = 2.0
#: The champion finds an incident for certain at this level of its tests; the challenger has lost it only
#: if it does not find it at the highest level at which a sensor finds at all. Between them lies chance.
CERTAIN, POSSIBLE = 0.001, 0.01


@dataclass(frozen=True, slots=True)
class Verdict:
    """`holds`: may be promoted. Rates are shares of recent usual windows at or below LEVEL.

    `caught`, `missed`: planted windows; missed are of those that the champion catches, or of all
    without one. `found`: incidents that are certain; `lost`: those certain to the champion alone.
    """

    holds: bool
    rate: float
    champion_rate: float | None
    caught: tuple[str, ...]
    missed: tuple[str, ...]
    found: tuple[str, ...] = ()
    champion_found: tuple[str, ...] | None = None
    lost: tuple[str, ...] = ()

    def told(self) -> dict[str, Any]:
        """As the history and `model compare` tell it."""
        champion = self.champion_found
        return {
            "holds": self.holds,
            "rate": round(self.rate, 6),
            "champion_rate": None if self.champion_rate is None else round(self.champion_rate, 6),
            "caught": list(self.caught),
            "missed": list(self.missed),
            "incidents": {
                "found": list(self.found),
                "champion_found": None if champion is None else list(champion),
                "lost": list(self.lost),
            },
        }


def compare(
    challenger: Model, champion: Model | None, recent: NDArray[np.void], incidents: Incidents | None = None
) -> Verdict:
    """Try a challenger on recent usual WINDOWs that its forest has not seen, on planted ones and incidents.

    It must not find more than twice as many usual windows strange as the champion does (or as the
    level promises), catch every canary that the champion catches (without one, all), and lose no
    incident that is certain to the champion (without one, none is asked for: which of them stand out
    depends on what is usual).
    """
    incidents = incidents or Incidents()
    rate, caught = _rate(challenger, recent), _caught(challenger, recent)
    champion_rate = champion_found = None
    wanted, lost = set(CANARIES), set[str]()
    if champion is not None:
        champion_rate, wanted = _rate(champion, recent), _caught(champion, recent)
        champion_found = incidents.found_by(champion, CERTAIN)
        lost = set(champion_found - incidents.found_by(challenger, POSSIBLE))
    accepted = MOST_TIMES * max(LEVEL, champion_rate or 0.0)
    missed = wanted - caught
    return Verdict(
        rate <= accepted and not missed and not lost,
        rate,
        champion_rate,
        tuple(sorted(caught)),
        tuple(sorted(missed)),
        tuple(sorted(incidents.found_by(challenger, CERTAIN))),
        None if champion_found is None else tuple(sorted(champion_found)),
        tuple(sorted(lost)),
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
