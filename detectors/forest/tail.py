"""How rare a statistic is: counted among those of calibration, and beyond their reach by a fitted tail.

Excesses over a high quantile follow a generalised Pareto distribution whatever the rest looks like
(Pickands 1975). It is fitted by probability-weighted moments (Hosking and Wallis 1987), never with a
bounded tail, which would call possible things impossible. Before it is used, a fit to one half of the
excesses must describe the other half (Kolmogorov-Smirnov, 1%); else the count alone speaks, and its
floor of 1 / (n + 1) stays.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

#: The tail begins where a tenth lies above; if that does not fit, where a twentieth does.
_TAIL_SHARES = (0.1, 0.05)
_LEAST_EXCESSES = 30
_REFUSED_BELOW = 0.01
_MOST_SHAPE = 0.9
#: No extrapolation further than a hundred times the calibration's reach.
_MOST_REACH = 100.0
#: What stands beyond the reach: a tail that was checked, none since the check or the number spoke against it.
FITTED, REFUSED, TOO_FEW = TAIL_STATES = ("fitted", "refused", "too_few")


class Tail:
    """p-values of statistics; the higher, the stranger. `fitted`: the tail was accepted."""

    def __init__(self, statistics: NDArray[np.float64]) -> None:
        """statistics: of usual host-hours, (n,), at least one."""
        self.statistics = np.sort(statistics)
        self.fitted = False
        self.shape = self.scale = self.check = float("nan")
        self.start = float("inf")
        for share in _TAIL_SHARES:
            start = float(np.quantile(self.statistics, 1.0 - share))
            excess = self.statistics[self.statistics > start] - start
            if len(excess) < _LEAST_EXCESSES:
                break
            self.check = _held_back_check(excess)
            if self.check >= _REFUSED_BELOW:
                self.shape, self.scale = _fit(excess)
                self.start, self._share = start, len(excess) / len(statistics)
                self.fitted = True
                break

    @property
    def state(self) -> str:
        """Of TAIL_STATES."""
        if self.fitted:
            return FITTED
        return TOO_FEW if np.isnan(self.check) else REFUSED

    @property
    def smallest(self) -> float:
        """The smallest p-value that can come out."""
        return 1.0 / (len(self.statistics) + 1) / (_MOST_REACH if self.fitted else 1.0)

    def p_values(self, statistics: NDArray[np.float64]) -> NDArray[np.float64]:
        """(1 + number at least as high) / (n + 1); beyond the start of a fitted tail, the tail's."""
        n = len(self.statistics)
        above = n - np.searchsorted(self.statistics, statistics, side="left")
        p = (1.0 + above) / (n + 1.0)
        if self.fitted:
            beyond = statistics > self.start
            tail = self._share * _survival(statistics[beyond] - self.start, self.shape, self.scale)
            p[beyond] = np.maximum(tail, self.smallest)
        return np.asarray(p)

    def threshold(self, p_value: float) -> float:
        """The statistic from which on `p_values` gives at most this; infinite where none does."""
        if p_value < self.smallest:
            return float("inf")
        if self.fitted and p_value < self._share:
            ratio = p_value / self._share
            if self.shape == 0.0:
                return float(self.start - self.scale * np.log(ratio))
            return float(self.start + self.scale / self.shape * (ratio**-self.shape - 1.0))
        n = len(self.statistics)
        above = int(np.floor(p_value * (n + 1.0) - 1.0))
        return float(self.statistics[n - above - 1]) + 1e-9 if above < n else -float("inf")


def _fit(excess: NDArray[np.float64]) -> tuple[float, float]:
    """Shape (0 to 0.9) and scale."""
    ordered = np.sort(excess)
    n = len(ordered)
    mean = float(ordered.mean())
    weighted = float(np.mean((1.0 - (np.arange(n) + 0.65) / n) * ordered))
    shape = 2.0 - mean / (mean - 2.0 * weighted) if mean > 2.0 * weighted else _MOST_SHAPE
    if shape <= 0.0:
        return 0.0, mean
    shape = min(shape, _MOST_SHAPE)
    return shape, mean * (1.0 - shape)


def _survival(excess: NDArray[np.float64], shape: float, scale: float) -> NDArray[np.float64]:
    if shape == 0.0:
        return np.asarray(np.exp(-excess / scale))
    return np.asarray((1.0 + shape * excess / scale) ** (-1.0 / shape))


def _held_back_check(excess: NDArray[np.float64]) -> float:
    """The p-value with which every other excess fits what the rest gave."""
    ordered = np.sort(excess)
    fit, held = ordered[::2], ordered[1::2]
    if fit.max() <= 0 or len(np.unique(ordered)) < len(ordered) / 2:
        return 0.0  # ties: no continuous tail
    expected = 1.0 - _survival(held, *_fit(fit))
    n = len(held)
    steps = np.arange(n + 1) / n
    apart = float(np.maximum(np.abs(expected - steps[:-1]), np.abs(expected - steps[1:])).max())
    # Kolmogorov's distribution with Stephens's correction (1970).
    reach = (np.sqrt(n) + 0.12 + 0.11 / np.sqrt(n)) * apart
    k = np.arange(1, 101)
    return float(np.clip(2.0 * np.sum((-1.0) ** (k - 1) * np.exp(-2.0 * (k * reach) ** 2)), 0.0, 1.0))
