"""A sign that a host misbehaves in a minute: the forest's, or a pattern's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detectors.involvement import NOBODY
from detectors.networks import address_text
from detectors.window_features import HOUR_SECONDS, MINUTE_SECONDS, WINDOW

Address = tuple[int, int]  # the two halves of an address


_PLAIN = ("host", "start_ns", "minute_ns", "confidence", "pattern", "peers", "p_value", "flows")


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
    flows: tuple[Mapping[str, Any], ...] = ()  # what carried it, without addresses
    window: np.void | None = None
    seconds: int = MINUTE_SECONDS  # signs of hours come an hour at a time
    #: INVOLVED: who took part and when. It is handed on at once, and not kept over a restart.
    involved: NDArray[np.void] = field(default_factory=lambda: NOBODY, compare=False, repr=False)

    @property
    def of_hour(self) -> bool:
        """It is the forest's, of a whole hour."""
        return self.window is not None and int(self.window["seconds"]) == HOUR_SECONDS


def signal_object(signal: Signal) -> dict[str, Any]:
    """A sign as plain data."""
    plain = {name: getattr(signal, name) for name in _PLAIN}
    window = None if signal.window is None else signal.window.tobytes().hex()
    return {**plain, "figures": dict(signal.figures), "window": window}


def signal_from(told: Mapping[str, Any]) -> Signal:
    """The sign that `signal_object` told of."""
    raw = told["window"]
    window = None if raw is None else np.frombuffer(bytes.fromhex(raw), WINDOW)[0]
    plain = {name: told[name] for name in _PLAIN}
    plain |= {name: tuple(told[name]) for name in ("flows", "host", "peers")}
    return Signal(**plain, figures=told["figures"], window=window)


def confidence(value: float, threshold: float) -> float:
    """0.5 at the threshold, 0.75 at twice the threshold, towards 1 beyond."""
    return round(1.0 - 0.5 * min(threshold / value, 1.0), 3) if value > 0 else 0.5


def host_text(host: Address) -> str:
    """The host's address as text."""
    return address_text(*host)
