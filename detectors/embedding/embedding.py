"""What is known of one app and one third party: the record that rules, records and pages take."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

#: Digits that are told: rounding hides what differs between processors in the last bits.
_DIGITS = 6


@dataclass(frozen=True, slots=True)
class Embedding:
    """How a third party shows up in the sessions of an app.

    app, third_party: service ids. category: of the third party. sessions: of the app;
    sessions_with: those in which the third party showed up, for whatever reason. effect: minutes
    with the third party that one session adds, beyond what the rest of the clients' traffic explains;
    low, high: its 95% interval; all three are 0 below the least number of clients. q_value: the share
    of false ones among all pairs that are accepted when this one just is. clients: distinct clients
    in whose sessions it showed up (a lower bound above a hundred). accepted: the third party is held
    to ride along with the app.
    """

    app: str
    third_party: str
    category: str
    sessions: int
    sessions_with: int
    effect: float
    low: float
    high: float
    q_value: float
    clients: int
    accepted: bool

    def to_json(self) -> dict[str, Any]:
        """The fields, ready for JSON."""
        return {
            "app": self.app,
            "third_party": self.third_party,
            "category": self.category,
            "sessions": self.sessions,
            "sessions_with": self.sessions_with,
            "effect": _told(self.effect),
            "low": _told(self.low),
            "high": _told(self.high),
            "q_value": _told(self.q_value),
            "clients": self.clients,
            "accepted": self.accepted,
        }


def _told(value: float) -> float:
    if not math.isfinite(value):
        raise ValueError(f"an embedding's figure is {value}")
    return round(value, _DIGITS) + 0.0
