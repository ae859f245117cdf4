"""A worker of the daemon that reads a capture instead of a ring, its time running many times as fast.

All else is the worker's own: flow table, names, outbox, ticks, reports. The capture, the speed, how often
it is played and how much later each time, in nanoseconds, stand in the environment (`PACED_CAPTURE`,
`PACED_SPEED`, `PACED_TURNS`, `PACED_TURN_NS`), since a child is told its module alone.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from monitor.daemon import worker
from monitor.daemon.orders import Orders
from monitor.replay.live import steps
from wire.capture.files import open_captures
from wire.capture.frames import FrameBlock

CAPTURE, SPEED = "PACED_CAPTURE", "PACED_SPEED"
TURNS, TURN_NS = "PACED_TURNS", "PACED_TURN_NS"
#: Blocks cover this much real time at most, as a ring's do.
_BLOCK_SECONDS = 0.05


@dataclass
class NoRing:
    """What the worker asks of its rings: none is ever full."""

    filling: float = 0.0
    abandoned: int = 0
    unreadable: int = 0


class Paced:
    """The clock and the blocks. The first frame is at the moment of the start."""

    def __init__(self, capture: str, speed: float, turns: int, turn_ns: int) -> None:
        self._capture, self._speed = capture, speed
        self._turns, self._turn_ns = turns, turn_ns
        self._began = time.monotonic()
        self._first_ns = 0

    def now_ns(self) -> int:
        """Event time by now."""
        return self._first_ns + int((time.monotonic() - self._began) * self._speed * 1e9)

    def blocks(self, _: Sequence[NoRing], wait_seconds: float) -> Iterator[FrameBlock | None]:
        """Blocks when their time has come; None where none came within the wait; without end."""
        for part in self._parts():
            last_ns = int(part.timestamp_ns[-1])
            self._first_ns = self._first_ns or int(part.timestamp_ns[0])
            while (early := (last_ns - self.now_ns()) / self._speed / 1e9) > 0:
                time.sleep(min(early, wait_seconds))
                if early > wait_seconds:
                    yield None
            yield part
        while True:
            time.sleep(wait_seconds)
            yield None

    def _parts(self) -> Iterator[FrameBlock]:
        """The blocks of all turns."""
        for turn in range(self._turns):
            with open_captures([self._capture]) as reader:
                for block in reader:
                    later = replace(block, timestamp_ns=block.timestamp_ns + turn * self._turn_ns)
                    yield from steps(later, int(_BLOCK_SECONDS * self._speed * 1e9))


def work(orders: Orders) -> None:
    """The life of a worker over a capture."""
    told = os.environ
    paced = Paced(told[CAPTURE], float(told[SPEED]), int(told[TURNS]), int(told[TURN_NS]))
    replaced: dict[str, Any] = {
        "open_rings": lambda taps: [NoRing()], "merged": paced.blocks, "now_ns": paced.now_ns
    }  # fmt: skip
    vars(worker).update(replaced)
    worker.work(orders)
