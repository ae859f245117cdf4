"""How far the findings of the forest can be trusted: what chance alone would find, and what tails rest on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from detectors.forest.model import PART_NAMES, Model
from detectors.forest.tail import TAIL_STATES
from detectors.window_features import HOUR_SECONDS, MINUTE_SECONDS

LENGTHS = {"minute": MINUTE_SECONDS, "hour": HOUR_SECONDS}
#: The part is missing, and the pooled one of that length, if there is one, stands in.
MISSING = "missing"
STANDINGS = (*TAIL_STATES, MISSING)


@dataclass(frozen=True, slots=True)
class Trust:
    """expected_false: tests that chance alone has found so far, at most, if the calibration holds.

    findings: told so far with a sign of the forest. tails: by (length, group) what stands beyond the
    reach of the calibration, of STANDINGS. drift: stability index by feature; empty while there is none.
    """

    expected_false: float
    findings: int
    tails: Mapping[tuple[str, str], str]
    drift: Mapping[str, float] = field(default_factory=dict)

    @property
    def false_discovery_rate(self) -> float | None:
        """Expected false findings among those told, at most 1; None while none was told.

        Expected over observed (Storey 2002), with every host taken as usual: it errs upwards.
        """
        return min(self.expected_false / self.findings, 1.0) if self.findings else None


@dataclass(frozen=True, slots=True)
class Budget:
    """What the operator accepts of chance, and over how long it was looked at.

    hosts, services: accepted false alerts a day. days: of event time in which some host was seen.
    """

    hosts: float
    services: float
    days: float


def tails_of(model: Model | None) -> dict[tuple[str, str], str]:
    """The standing of every tail that a model may have."""
    parts = {} if model is None else model.parts
    return {
        (length, name): parts[seconds, group].tail.state if (seconds, group) in parts else MISSING
        for length, seconds in LENGTHS.items()
        for group, name in enumerate(PART_NAMES)
    }
