"""False discovery rate: which of many tests to believe."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def q_values(p_value: NDArray[np.float64], tests: int) -> NDArray[np.float64]:
    """Benjamini and Hochberg's adjusted p-values; `tests` may be more than are given, the rest being 1.

    Accepting every test with q <= rate keeps the expected share of false ones among the accepted
    at or below rate. Source: Benjamini, Hochberg, J. R. Statist. Soc. B 57 (1995) 289-300.
    """
    order = np.argsort(p_value, kind="stable")
    rank = np.arange(1, len(order) + 1)
    scaled = p_value[order] * max(tests, len(order)) / rank
    scaled = np.minimum(np.minimum.accumulate(scaled[::-1])[::-1], 1.0)
    found = np.empty(len(order))
    found[order] = scaled
    return found
