"""Windows that looked strange, kept until people have said what they were: those confirmed are incidents.

What was found stays as long as there is room, the newest last to go; all else for two hours, in which
what is found of them is told.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from detectors.forest.found import Found
from detectors.window_features import MINUTE_NS, SECOND_NS, WINDOW

#: Windows are kept from this p-value of their own, or of their test, on.
_LEVEL = 0.01
_MOST = 10_000  # 580 bytes each
_SETTLED_NS = 120 * MINUTE_NS


class Strange:
    """A bounded number of WINDOWs, in the order in which they came."""

    def __init__(self, windows: NDArray[np.void] | None = None) -> None:
        self.windows = np.zeros(0, WINDOW) if windows is None else windows

    def take(self, windows: NDArray[np.void], found: Found) -> None:
        """Keep the strange ones of scored WINDOWs; what was not found in time is dropped."""
        strange = windows[(windows["p_value"] <= _LEVEL) | (windows["alarm_p"] <= _LEVEL)]
        if len(strange) == 0:
            return
        now_ns = int(strange["window_start_ns"].max())
        kept = np.concatenate([self.windows, strange])
        fresh = kept["window_start_ns"] > now_ns - _SETTLED_NS
        kept = kept[fresh | found.hold(kept)]
        self.windows = kept[-_MOST:]

    def of(self, host: tuple[int, int], start_ns: int, end_ns: int) -> NDArray[np.void]:
        """Those of a host that touch a span of time."""
        kept = self.windows
        last_ns = kept["window_start_ns"] + kept["seconds"].astype(np.int64) * SECOND_NS
        own = (kept["host_hi"] == host[0]) & (kept["host_lo"] == host[1])
        return np.asarray(kept[own & (kept["window_start_ns"] <= end_ns) & (last_ns > start_ns)])
