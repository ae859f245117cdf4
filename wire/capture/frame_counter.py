"""How many frames an interface shows, whatever filters and groups keep from its rings."""

from __future__ import annotations

import contextlib
import socket
from dataclasses import replace

from wire.capture.errors import CaptureError
from wire.capture.packet_socket import (
    SocketPlan,
    StatisticsReader,
    bind_again,
    bound_interface,
    open_unread_socket,
)


class FrameCounter:
    """Counts every frame of a plan's interface from now on. Raises CaptureError as a ring's socket does.

    It is a packet socket that nobody reads: its buffer is full at once, and the kernel counts what it
    drops. Less what the rings of that interface received, this is what the filter refused, and what
    a fanout group took away by putting fragments together.
    """

    def __init__(self, plan: SocketPlan) -> None:
        self._plan = replace(plan, fanout_group=None, promiscuous=False)
        self._socket: socket.socket = open_unread_socket(plan)
        self._statistics = StatisticsReader(self._socket)

    def read(self) -> int:
        """Frames so far."""
        if bound_interface(self._socket) is None:
            with contextlib.suppress(CaptureError):
                bind_again(self._socket, self._plan)
        return self._statistics.read().received

    def close(self) -> None:
        """Count no more."""
        self._socket.close()
