"""The steps of several workers in one order: what each of them knows by the same moment, joined.

    merge = Merge(workers)
    merge.add(step)                 steps of one worker in their order
    due = merge.due()               events in order, and the steps whose flows they may name

An event waits until every worker has got past it, since one that was read later may belong before
it: the answer that names a flow may come from another worker than the flow. `order` and `reached`
are counted in frames (replay: every worker passes the same frames, so nothing depends on which of
them is faster) or in nanoseconds of event time (live, where a worker that stalls is not waited for
longer than `patience`).
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from monitor.pipeline.handover import MAX_WORKERS, Step
from wire.names.events import EVENT
from wire.record_arrays import joined, picked

#: Live, how far in event time the others may get ahead of the slowest worker before it is left behind.
PATIENCE_NS = 2_000_000_000
#: Steps that may wait for a slow worker, whatever their times; beyond it is not waited for either.
MAX_WAITING_STEPS = 4096


@dataclass(frozen=True, slots=True)
class Due:
    """Events in order, steps by their place in the order; `clock_ns`: what all workers have passed."""

    events: NDArray[np.void]
    steps: list[Step]
    clock_ns: int


class Merge:
    """Holds what came until it is due. patience: in the unit of `order`, None to wait for everyone."""

    def __init__(self, workers: int, patience: int | None = None) -> None:
        self._patience = patience
        self._reached = [0] * workers
        self._clock_ns = [0] * workers  # of the last step that was given out
        self._gone = [False] * workers
        self._waiting: list[deque[Step]] = [deque() for _ in range(workers)]
        self._events: list[NDArray[np.void]] = []
        self._passed = 0
        self.late_events = 0

    def add(self, step: Step) -> None:
        """Take a step. The first one of a worker that was gone makes it be waited for again."""
        worker = step.worker
        self._reached[worker] = max(self._reached[worker], step.reached)
        self._gone[worker] = step.last
        self._waiting[worker].append(step)
        if len(step.events):
            self.late_events += int(np.count_nonzero(step.events["order"] < self._passed))
            self._events.append(step.events)

    def leave(self, worker: int) -> None:
        """A worker is gone: nobody waits for it."""
        self._gone[worker] = True

    def expect(self, worker: int) -> None:
        """A worker that was gone sends again soon: it is waited for, as long as for one that stalls."""
        self._gone[worker] = False

    def due(self) -> Due | None:
        """What everyone who is waited for has passed by now; None when that is nothing new."""
        passed = max(self._edge(), self._passed)
        if passed == self._passed and not any(w and w[0].reached <= passed for w in self._waiting):
            return None
        self._passed = passed
        steps: list[Step] = []
        for waiting in self._waiting:
            while waiting and waiting[0].reached <= passed:
                steps.append(waiting.popleft())
                self._clock_ns[steps[-1].worker] = steps[-1].clock_ns
        steps.sort(key=lambda step: (step.reached, step.worker))
        return Due(self._events_before(passed), steps, self._common_clock())

    def _edge(self) -> int:
        """The place that everyone who is waited for has reached."""
        there = [reached for reached, gone in zip(self._reached, self._gone, strict=True) if not gone]
        if not there:
            return max(self._reached)  # all that waits; no further, as the next lives go on from there
        edge, first = min(there), max(there)
        if self._patience is not None:
            edge = max(edge, first - self._patience)
        if sum(map(len, self._waiting)) > MAX_WAITING_STEPS:
            edge = first
        return edge

    def _common_clock(self) -> int:
        """The event clock that everyone who is waited for has passed."""
        clocks = [
            clock
            for clock, gone, waiting in zip(self._clock_ns, self._gone, self._waiting, strict=True)
            if waiting or not gone
        ]
        clock = min(clocks, default=max(self._clock_ns))
        return clock if self._patience is None else max(clock, max(self._clock_ns) - self._patience)

    def _events_before(self, passed: int) -> NDArray[np.void]:
        """Events that are due, in order; the others wait on. Late ones come as soon as they can."""
        if not self._events:
            return np.zeros(0, EVENT)
        events = joined(self._events)
        if len(self._reached) > 1:
            events = events[np.lexsort((events["flow"] % MAX_WORKERS, events["order"]))]
        due = events["order"] < passed
        self._events = [] if due.all() else [picked(events, ~due)]
        return events if due.all() else picked(events, due)
