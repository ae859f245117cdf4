"""What is given up when packets come faster than they are worked on, in a written order.

    level 1   evidence   nothing yet: reserved for packets behind findings, which are not kept so far
    level 2   elephants  packets of flows that are large by now are only counted, a third cheaper
    level 3   names      the first bytes of flows that open now are not read
    level 4   packets    frames are passed over and counted

How full the ring is decides. A level is entered at once and left one at a time, after the ring has
been nearly empty for a while: between the two it would otherwise swing with every block.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sinks.metrics.overload_steps import OVERLOAD_STEPS
from wire.flows.records import REF_OPEN

EVIDENCE, ELEPHANTS, NAMES, PACKETS = 1, 2, 3, 4
#: A level is entered when the ring is this full, and left when it has been LOW for CALM_SECONDS.
ENTER = (0.35, 0.45, 0.55, 0.80)
LOW = 0.15
CALM_SECONDS = 1.0
#: Stretches of flows whose names were given up, one an episode of overload. Between two of them lie
#: CALM_SECONDS at least, so the oldest of so many is over for a minute: by then the first bytes of its
#: flows, which alone are read, have passed.
_MOST_STRETCHES = 64


class Overload:
    """The level of one worker, from the filling of its ring. `entered`: how often each step was."""

    def __init__(self) -> None:
        self.level = 0
        self.entered = dict.fromkeys(OVERLOAD_STEPS, 0)
        self._calm_since: float | None = None

    def look(self, filling: float, now: float) -> int:
        """The level from now on. filling: share of the ring that waits; now: monotonic seconds."""
        wanted = sum(filling >= edge for edge in ENTER)
        if wanted > self.level:
            for step in OVERLOAD_STEPS[self.level : wanted]:
                self.entered[step] += 1
            self.level, self._calm_since = wanted, None
        elif self.level and filling <= LOW:
            self._calm_since = now if self._calm_since is None else self._calm_since
            if now - self._calm_since >= CALM_SECONDS:
                self.level, self._calm_since = self.level - 1, now
        else:
            self._calm_since = None
        return self.level


class NamesGivenUp:
    """Keeps payload of flows that opened during overload from the namer, also when it is over.

    Half a stream cannot be read. Serials rise with time, so stretches of them are enough to know.
    """

    def __init__(self) -> None:
        self.flows = 0
        self._stretches: list[tuple[int, int]] = []
        self._edges = np.zeros(0, np.int64)
        self._highest = 0
        self._has_stretch = False  # this episode of overload, if there is one

    def filter(self, refs: NDArray[np.void], give_up: bool) -> NDArray[np.void]:
        """The references of a block that names may see: all openings, payload of flows that count."""
        opens = refs["flow"][refs["kind"] == REF_OPEN]
        highest = int(opens.max()) if len(opens) else self._highest
        if give_up and highest > self._highest:
            self.flows += len(opens)
            first = self._stretches.pop()[0] if self._has_stretch else self._highest + 1
            self._stretches = [*self._stretches, (first, highest)][-_MOST_STRETCHES:]
            # Flat, each stretch as [first, last + 1): what has an odd number of edges before it is inside.
            self._edges = np.array([(first, last + 1) for first, last in self._stretches]).ravel()
            self._has_stretch = True
        self._has_stretch = self._has_stretch and give_up
        self._highest = max(highest, self._highest)
        if not self._stretches:
            return refs
        inside = np.searchsorted(self._edges, refs["flow"], side="right") % 2 == 1
        hidden = inside & (refs["kind"] != REF_OPEN)
        return refs[~hidden] if hidden.any() else refs
