"""Several rings as one stream in order of time: several interfaces, or a pair of one-way taps.

The rings lie side by side in memory (`open_rings`), so that only rows are merged, never bytes.
A frame may wait in the kernel's unfinished block while later ones of another ring are at hand. The
kernel hands over a block that holds frames within twice its timeout: what is older than that cannot
be on its way any more, and is given out. So nothing waits longer, however quiet the other ring.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence

import numpy as np

from wire.capture.frame_index import MAX_BLOCK_FRAMES, FrameArrays
from wire.capture.frames import FrameBlock
from wire.capture.ring import Ring, now_ns, wait_for

#: Beyond the timeout: the kernel's timer and its handing over take their time.
_SLACK_NS = 20_000_000
#: While frames wait for their time, how often it is looked for more.
_LOOK_SECONDS = 0.01
#: A ring fuller than this gives out what it has: waiting must not look like overload.
_HURRY = 0.25


def merged(rings: Sequence[Ring], wait_seconds: float) -> Iterator[FrameBlock | None]:
    """The frames of rings from one `open_rings` in order of time; ties in the order of rings.

    None when none came within the wait. A FrameBlock is valid until the iterator is advanced.
    A single ring goes through as it is. A ring that is a quarter full waits for no other.
    """
    if len(rings) == 1:
        yield from rings[0].blocks(wait_seconds)
        return
    queues = [_Queue(ring, MAX_BLOCK_FRAMES // len(rings)) for ring in rings]
    table = np.array([ring.link_type for ring in rings], np.int32)
    out = FrameArrays.empty(MAX_BLOCK_FRAMES)
    quiet_at = time.monotonic() + wait_seconds
    while True:
        for ring in rings:
            ring.mend()
        count = _emit(queues, out)
        if count:
            try:
                yield out.block(rings[0].memory, count, table)
            finally:
                for queue in queues:
                    queue.release()
            quiet_at = time.monotonic() + wait_seconds
        elif any(queue.waits for queue in queues):
            time.sleep(_LOOK_SECONDS)
        elif not wait_for(rings, quiet_at - time.monotonic()):
            yield None
            quiet_at = time.monotonic() + wait_seconds


class _Queue:
    """Frames of one ring that are indexed and not given out yet."""

    def __init__(self, ring: Ring, rows: int) -> None:
        self.ring = ring
        self._rows = FrameArrays.empty(rows)
        self._latest = np.zeros(rows, np.int64)  # highest time up to each row
        self._first = self._count = 0
        self._handover_ns = 2 * ring.plan.frame_timeout_ms * 1_000_000 + _SLACK_NS

    @property
    def waits(self) -> bool:
        """Some frames are not given out yet."""
        return self._first < self._count

    @property
    def reached(self) -> int:
        """The highest time among what is indexed."""
        return int(self._latest[self._count - 1]) if self._count else 0

    def fill(self) -> None:
        """Index what is ready, when all before it has been given out."""
        if not self.waits:
            self._first, self._count = 0, self.ring.take(self._rows)
            np.maximum.accumulate(self._rows.timestamp_ns[: self._count], out=self._latest[: self._count])

    def sure_until(self, now: int) -> int:
        """No frame that is still to come from this ring is older than this."""
        return self.reached if self.ring.ready else max(self.reached, now - self._handover_ns)

    def due(self, until: int) -> FrameArrays:
        """The rows up to a time, which are thereby given out."""
        first = self._first
        self._first += int(np.searchsorted(self._latest[first : self._count], until, side="right"))
        return self._rows.part(first, self._first)

    def release(self) -> None:
        """Give blocks back when all their frames have been given out."""
        if not self.waits:
            self.ring.release(self.ring.held_whole)


def _emit(queues: Sequence[_Queue], out: FrameArrays) -> int:
    """Move what is due into `out` in order of time; rows moved."""
    now = now_ns()  # first: what it allows must not depend on what comes meanwhile
    for queue in queues:
        queue.fill()
    until = min(queue.sure_until(now) for queue in queues)
    if any(queue.ring.filling > _HURRY for queue in queues):
        until = max(until, max(queue.reached for queue in queues if queue.ring.filling > _HURRY))
    parts = [queue.due(until) for queue in queues]
    times = np.concatenate([part.timestamp_ns for part in parts])
    order = np.argsort(times, kind="stable")
    for column, *pieces in zip(out, *parts, strict=True):
        column[: len(order)] = np.concatenate(pieces)[order]
    return len(order)
