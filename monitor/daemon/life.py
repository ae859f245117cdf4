"""A life of a worker: from when its tables begin empty to when all its flows have ended.

Most processes live one. A reload that changes what flows are made by begins another in the same
process, on the same rings: the flows of the life before end as at a stop, and their steps are sent
on its own link, by its own thread, while frames go into the new tables already.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Sequence

from monitor.daemon.orders import Order
from monitor.daemon.outbox import Outbox
from monitor.pipeline.handover import Step
from monitor.pipeline.pipeline import Place, WorkerStages
from monitor.pipeline.stages import StageSettings

Counts = tuple[int, ...]


class Life:
    """Stages, and the way of their steps to analysis. number: of this worker's lives, from 1.

    before: what the rings had given by its begin that is not decoded, as CAPTURE_COUNTERS has it; that
    was told of by the lives before.
    """

    def __init__(self, stages: WorkerStages, number: int, before: Counts) -> None:
        self.stages = stages
        self.number = number
        self.outbox = Outbox(stages.namer.strings)
        self._before = before

    def count(self, given: Counts) -> None:
        """What the rings have given that is not decoded goes with the next step."""
        self.stages.capture_counts = tuple(now - then for now, then in zip(given, self._before, strict=True))

    @property
    def counted(self) -> Counts:
        """What the rings had given when it was last counted."""
        return tuple(own + then for own, then in zip(self.stages.capture_counts, self._before, strict=True))


def stages_for(settings: StageSettings, worker: int, life: int) -> WorkerStages:
    """Empty tables. Raises MemoryError; what they do not use yet takes no memory."""
    return WorkerStages(settings.flows, settings.names, Place(worker, life, by_time=True))


class Lives:
    """The life that takes frames, and the one before while its last steps are on their way."""

    def __init__(self, first: Life) -> None:
        self.now = first
        self._before: Life | None = None

    def follow(self, stages: WorkerStages, number: int, hand_over: Callable[[Step], None]) -> None:
        """End all flows of this life, and begin the next."""
        for step in self.now.stages.finish():
            hand_over(step)
        self.now.outbox.end()
        self._before = self.now
        self.now = Life(stages, number, self.now.counted)

    def over(self) -> bool:
        """Whether the last step of the life before has gone out since this was last asked."""
        if self._before is None or not self._before.outbox.ended:
            return False
        self._before = None
        return True

    def link(self, order: Order, descriptors: Sequence[int]) -> None:
        """A new way to analysis for one of the lives; one that is over needs none."""
        for life in (self.now, self._before):
            if life is not None and life.number == int(order["life"]) and not life.outbox.ended:
                life.outbox.link(socket.socket(fileno=descriptors[0]))
                return
        os.close(descriptors[0])

    @property
    def sent(self) -> bool:
        """Whether all steps have gone out."""
        return self._before is None and self.now.outbox.empty
