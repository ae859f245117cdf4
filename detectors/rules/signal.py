"""A sign that a host misbehaves in a minute: the forest's, or a pattern's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from detectors.networks import address_text

Address = tuple[int, int]  # the two halves of an address


@dataclass(frozen=True, slots=True)
class Signal:
    """`pattern` is None for the forest, which brings the WINDOW and its p-value.

    `start_ns` is the start of the first minute that the sign rests on, `minute_ns` of the last.
    """

    host: Address
    start_ns: int
    minute_ns: int
    confidence: float
    pattern: str | None = None
    figures: Mapping[str, float] = field(default_factory=dict)
    peers: tuple[str, ...] = ()
    p_value: float | None = None
    window: np.void | None = None


def confidence(value: float, threshold: float) -> float:
    """0.5 at the threshold, 0.75 at twice the threshold, towards 1 beyond."""
    return round(1.0 - 0.5 * min(threshold / value, 1.0), 3) if value > 0 else 0.5


def host_text(host: Address) -> str:
    """The host's address as text."""
    return address_text(*host)
