"""The ways from the workers to analysis: one for each life of a worker."""

from __future__ import annotations

import select
import selectors
import socket
from dataclasses import dataclass

from monitor.errors import tell
from monitor.pipeline.handover import HandoverError, Receiver, Step

#: A worker that breaks off in the middle of a step is not waited for longer.
_STEP_SECONDS = 10.0


@dataclass(slots=True, eq=False)
class Link:
    """A way from one life of a worker. `source`: a name for that life, whose counters these are."""

    worker: int
    source: str
    end: socket.socket
    receiver: Receiver
    seen: bool = False  # a packet came over it
    steps: int = 0  # so many came over it
    last: bool = False  # its last step came: it ended as it was told to

    def fileno(self) -> int:
        """For selectors."""
        return self.end.fileno()

    def receive(self) -> Step | None:
        """The next step; None when the worker is gone."""
        try:
            return self.receiver.receive()
        except (HandoverError, OSError) as error:
            tell(f"worker {self.worker}: {error}")
            return None

    def waits(self) -> bool:
        """Whether something can be received at once."""
        return bool(select.select([self], [], [], 0)[0])


class Links:
    """The links that are open, in a selector."""

    def __init__(self, selector: selectors.BaseSelector) -> None:
        self._selector = selector
        self._open: dict[int, Link] = {}

    def __len__(self) -> int:
        return len(self._open)

    def of(self, worker: int) -> Link | None:
        """The worker's link, if it has one."""
        return self._open.get(worker)

    def begin(self, worker: int, source: str, descriptor: int) -> Link:
        """A new life; the link of an earlier one must have ended."""
        end = socket.socket(fileno=descriptor)
        end.settimeout(_STEP_SECONDS)
        link = self._open[worker] = Link(worker, source, end, Receiver(end))
        self._selector.register(link, selectors.EVENT_READ)
        return link

    def end(self, link: Link) -> None:
        """Let go of a link."""
        self._selector.unregister(link)
        link.end.close()
        del self._open[link.worker]

    def all(self) -> list[Link]:
        """All that are open."""
        return list(self._open.values())
