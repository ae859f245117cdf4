"""A service's window against the service's own past: how far each figure lies above what is usual.

Compared as logarithms, or as a share, in robust standard deviations, with earlier windows at the same
time of day (an hour around) where there are enough of them, else with all.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from detectors.use.windows import ServiceWindow, kept

#: The median absolute deviation of a normal distribution, times this, is its standard deviation.
_MAD_TO_SIGMA = 1.4826
#: A spread below a third (of a logarithm), or two in a hundred connections, is no spread.
_LOG_FLOOR, _SHARE_FLOOR = 0.3, 0.02
_SHARE = "failed_share"
#: What is compared as a logarithm, and the field of a window that holds it.
_COUNTS = {"flows": "opened", "devices": "devices", "bytes_up": "up", "bytes_down": "down"}
_DAY_NS, _NEAR_NS = 86_400_000_000_000, 3_600_000_000_000


@dataclass(frozen=True, slots=True)
class Deviation:
    """One figure in its unit, what is usual, and how many robust standard deviations it lies above that."""

    seen: float
    usual: float
    z: float


def deviations(
    window: ServiceWindow, past: Collection[ServiceWindow], least_windows: int
) -> dict[str, Deviation]:
    """Flows, devices, bytes up and down and the share of failed connections; none with too short a past."""
    now, rows = kept([window]), kept(past)
    near = _apart(rows["start_ns"], window.start_ns) <= _NEAR_NS
    if np.count_nonzero(near) >= 2 * least_windows:
        rows = rows[near]
    found = {}
    if len(rows) >= least_windows:
        usual, z = _above(np.log1p(_counts(now)), np.log1p(_counts(rows)), _LOG_FLOOR)
        seen = _counts(now)[0].tolist()
        for name, *of in zip(_COUNTS, seen, np.expm1(usual).tolist(), z.tolist(), strict=True):
            found[name] = Deviation(*of)
    connected = rows[rows["flows"] > 0]
    if window.flows > 0 and len(connected) >= least_windows:
        share = _shares(now)
        usual, z = _above(share, _shares(connected), _SHARE_FLOOR)
        found[_SHARE] = Deviation(float(share[0, 0]), float(usual[0]), float(z[0]))
    return found


def _above(
    now: NDArray[np.float64], past: NDArray[np.float64], floor: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Of each column the median of the past, and (now - median) / sigma.

    sigma from the median absolute deviation, at least `floor`.
    """
    middle = np.median(past, axis=0)
    sigma = _MAD_TO_SIGMA * np.median(np.abs(past - middle), axis=0)
    return middle, np.round((now[0] - middle) / np.maximum(sigma, floor), 6)


def _counts(rows: NDArray[np.void]) -> NDArray[np.float64]:
    return np.stack([rows[field].astype(np.float64) for field in _COUNTS.values()], axis=1)


def _shares(rows: NDArray[np.void]) -> NDArray[np.float64]:
    return np.asarray((rows["failed"] / rows["flows"])[:, None])


def _apart(times_ns: NDArray[np.int64], time_ns: int) -> NDArray[np.int64]:
    """How far times of the day lie from another."""
    apart = np.abs(times_ns - time_ns) % _DAY_NS
    return np.asarray(np.minimum(apart, _DAY_NS - apart))
