"""A worker's steps on their way to analysis: sent by a thread, kept while there is nobody to take them."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections import deque

from monitor.pipeline.handover import ARRAY_NAMES, HandoverError, Sender, Step
from wire.names.strings import StringTable
from wire.record_arrays import owned

#: What may wait; a worker that has more waits itself, and its ring fills.
MOST_WAITING_BYTES = 64 << 20
_LOOK_SECONDS = 0.2


class Outbox:
    """A bounded queue of steps and the thread that sends them, over one link after another.

    strings: the worker's table. A new link begins with all strings that were told over earlier ones,
    since the process at its other end is a new one.
    """

    def __init__(self, strings: StringTable) -> None:
        self._strings = strings
        self._told = 0
        self._waiting: deque[tuple[Step, int]] = deque()
        self._bytes = 0
        self._link: socket.socket | None = None
        self._over = False
        self._ends = False
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._work, name="outbox", daemon=True)
        self._thread.start()

    def link(self, end: socket.socket) -> None:
        """Send over this from now on."""
        with self._changed:
            self._hang_up()
            self._link = end
            self._changed.notify_all()

    def put(self, step: Step, wait_seconds: float) -> bool:
        """Queue a step; False when there is no room for it within the wait."""
        for name in ARRAY_NAMES:
            setattr(step, name, owned(getattr(step, name)))  # views of what had room for a whole block
        size = step.nbytes
        with self._changed:
            room = lambda: not self._waiting or self._bytes + size <= MOST_WAITING_BYTES  # noqa: E731
            if not self._changed.wait_for(room, wait_seconds):
                return False
            self._waiting.append((step, size))
            self._bytes += size
            self._changed.notify_all()
            return True

    def end(self) -> None:
        """Nothing more is put; it hangs up by itself when all is sent. Does not wait for that."""
        with self._changed:
            self._ends = True
            self._changed.notify_all()

    @property
    def ended(self) -> bool:
        """Whether it has hung up for good."""
        return not self._thread.is_alive()

    @property
    def empty(self) -> bool:
        """Whether all that was put is sent."""
        with self._changed:
            return not self._waiting

    def close(self, wait_seconds: float) -> bool:
        """Send what waits, at most for so long, and hang up; whether all was sent."""
        with self._changed:
            empty = self._changed.wait_for(lambda: not self._waiting, wait_seconds)
            self._over = True
            self._changed.notify_all()
        self._thread.join(wait_seconds)
        with self._changed:
            self._hang_up()
        return empty

    def _work(self) -> None:
        sender: Sender | None = None
        link: socket.socket | None = None
        while True:
            with self._changed:
                self._changed.wait_for(
                    lambda: self._over or (self._link is not None if self._waiting else self._ends),
                    _LOOK_SECONDS,
                )
                if self._ends and not self._waiting:
                    self._hang_up()
                    return
                if self._over:
                    return
                if self._link is None or not self._waiting:
                    continue
                step, size = self._waiting[0]
                fresh, link = self._link is not link, self._link
            assert link is not None
            try:
                if fresh or sender is None:
                    sender = Sender(link)
                    self._retell(sender, step)
                sender.send(step)
            except (OSError, HandoverError):  # analysis is gone; a new link will come, the step stays
                sender = None
                with self._changed:
                    if self._link is link:
                        self._hang_up()
                continue
            self._told += len(step.string_lengths)
            with self._changed:
                self._waiting.popleft()
                self._bytes -= size
                self._changed.notify_all()

    def _retell(self, sender: Sender, step: Step) -> None:
        """All strings that went over earlier links, in a step that holds nothing else."""
        if self._told == 0:
            return
        lengths, text = self._strings.since(0)
        lengths = lengths[: self._told]
        sender.send(
            Step(
                worker=step.worker,
                since_ns=step.since_ns,
                clock_ns=step.clock_ns,
                active_flows=step.active_flows,
                string_lengths=lengths,
                string_bytes=text[: int(lengths.sum())],
                counters=step.counters,
            )
        )

    def _hang_up(self) -> None:
        if self._link is not None:
            with contextlib.suppress(OSError):
                self._link.shutdown(socket.SHUT_RDWR)  # wakes the thread where it sends
            self._link.close()
            self._link = None
