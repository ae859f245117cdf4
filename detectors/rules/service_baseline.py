"""A service's window against the service's own past: how far each figure lies above what is usual.

Compared as logarithms, or as a share, in robust standard deviations, with earlier windows at the same
time of day (an hour around) where there are enough of them, else with all.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np

from detectors.use.windows import ServiceWindow

#: The median absolute deviation of a normal distribution, times this, is its standard deviation.
_MAD_TO_SIGMA = 1.4826
#: A spread below a third (of a logarithm), or two in a hundred connections, is no spread.
_LOG_FLOOR, _SHARE_FLOOR = 0.3, 0.02
_SHARE = "failed_share"
_DAY_NS, _NEAR_NS = 86_400_000_000_000, 3_600_000_000_000


@dataclass(frozen=True, slots=True)
class Deviation:
    """One figure in its unit, what is usual, and how many robust standard deviations it lies above that."""

    seen: float
    usual: float
    z: float


def robust_z(value: float, past: Sequence[float], floor: float) -> float:
    """(value - median) / sigma; sigma from the median absolute deviation, at least `floor`."""
    middle = float(np.median(past))
    sigma = _MAD_TO_SIGMA * float(np.median(np.abs(np.asarray(past) - middle)))
    return (value - middle) / max(sigma, floor)


def deviations(
    window: ServiceWindow, past: Collection[ServiceWindow], least_windows: int
) -> dict[str, Deviation]:
    """Flows, devices, bytes up and down and the share of failed connections; none with too short a past."""
    past = _comparable(window, past, least_windows)
    if len(past) < least_windows:
        return {}
    earlier = [_figures(each) for each in past]
    found = {}
    for name, seen in _figures(window).items():
        usual = [figures[name] for figures in earlier if name in figures]
        if len(usual) >= least_windows:
            scale, floor = (float, _SHARE_FLOOR) if name == _SHARE else (math.log1p, _LOG_FLOOR)
            z = robust_z(scale(seen), [scale(each) for each in usual], floor)
            found[name] = Deviation(seen, float(np.median(usual)), round(z, 6))
    return found


def _figures(window: ServiceWindow) -> dict[str, float]:
    figures: dict[str, float] = {
        "flows": window.opened,
        "devices": window.devices,
        "bytes_up": window.up,
        "bytes_down": window.down,
    }
    if window.failed_share is not None:
        figures[_SHARE] = window.failed_share
    return figures


def _comparable(
    window: ServiceWindow, past: Collection[ServiceWindow], least_windows: int
) -> Collection[ServiceWindow]:
    """Earlier windows at the same time of day, where there are enough; else all."""
    near = [each for each in past if _apart(each.start_ns, window.start_ns) <= _NEAR_NS]
    return near if len(near) >= 2 * least_windows else past


def _apart(one_ns: int, other_ns: int) -> int:
    """How far two times of the day lie apart."""
    apart = abs(one_ns - other_ns) % _DAY_NS
    return min(apart, _DAY_NS - apart)
