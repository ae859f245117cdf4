"""Signals that a loop takes in its turn."""

from __future__ import annotations

import contextlib
import signal
import socket
from collections.abc import Callable, Iterator


@contextlib.contextmanager
def heard_signals() -> Iterator[tuple[socket.socket, list[int]]]:
    """SIGTERM, SIGINT and SIGHUP as bytes in a socket that wakes a selector, and as numbers in a list."""
    wake, inner = socket.socketpair()
    wake.setblocking(False)
    inner.setblocking(False)
    pending: list[int] = []
    hear: Callable[..., None] = lambda number, _: pending.append(number)  # noqa: E731
    earlier = {n: signal.signal(n, hear) for n in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)}
    earlier_wakeup = signal.set_wakeup_fd(inner.fileno())
    try:
        yield wake, pending
    finally:
        signal.set_wakeup_fd(earlier_wakeup)
        for number, handler in earlier.items():
            signal.signal(number, handler)
        wake.close()
        inner.close()
