"""Orders and reports between the parent and its children: JSON in datagrams, descriptors beside them."""

from __future__ import annotations

import array
import contextlib
import json
import os
import socket
from collections import deque
from typing import Any

Order = dict[str, Any]
#: A datagram has to fit into the socket's buffer, whose size the system bounds (net.core.wmem_max, 208 KiB
#: as it comes). A longer order, which a configuration with many lists is, lies in a file in memory.
_MOST_BYTES = 1 << 16
_MOST_DESCRIPTORS = 32
_IN_A_FILE = b"order in a file"
#: Orders that wait for the other end to read. Whoever lets so many wait is stuck, and soon ended.
_MOST_WAITING = 64


class Orders:
    """One end of the wire between a parent and a child. Orders come whole and in order.

    An order is a JSON object with a `kind`. The other end's death reads as `None`.
    """

    def __init__(self, end: socket.socket) -> None:
        self._end = end
        self._waiting: deque[tuple[bytes, list[int]]] = deque()
        end.setblocking(False)

    @classmethod
    def pair(cls) -> tuple[Orders, socket.socket]:
        """This end, and the other one to be handed to a child."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        return cls(ours), theirs

    def fileno(self) -> int:
        """For selectors."""
        return self._end.fileno()

    def send(self, kind: str, descriptors: tuple[int, ...] = (), **content: Any) -> bool:
        """Send an order, at once or when the other end has read what it was sent before.

        False when it is gone, or so far behind that the order is lost.
        """
        text = json.dumps({"kind": kind, **content}).encode()
        own = [os.dup(descriptor) for descriptor in descriptors]
        if len(text) > _MOST_BYTES:
            own.append(_file_of(text))
            text = _IN_A_FILE
        if len(self._waiting) >= _MOST_WAITING:
            _close_all(own)
            return False
        self._waiting.append((text, own))
        return self.flush()

    def flush(self) -> bool:
        """Send what waits, as far as the other end reads. False when it is gone."""
        while self._waiting:
            text, descriptors = self._waiting[0]
            rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", descriptors))]
            try:
                self._end.sendmsg([text], rights if descriptors else [])
            except BlockingIOError:
                return True
            except OSError:
                self._forget()
                return False
            self._waiting.popleft()
            _close_all(descriptors)
        return True

    def receive(self) -> tuple[Order | None, list[int]] | None:
        """The next order with its descriptors, which are the caller's to close; None: none waits.

        `(None, [])`: the other end is gone.
        """
        self.flush()
        try:
            text, descriptors, _, _ = socket.recv_fds(self._end, _MOST_BYTES, _MOST_DESCRIPTORS)
        except BlockingIOError:
            return None
        except OSError:
            return None, []
        if text == _IN_A_FILE:
            with open(descriptors.pop(), "rb") as file:
                text = file.read()
        return (json.loads(text), descriptors) if text else (None, [])

    def close(self) -> None:
        """Let go of this end; the other end reads its end."""
        self._forget()
        self._end.close()

    def _forget(self) -> None:
        while self._waiting:
            _close_all(self._waiting.popleft()[1])


def _file_of(text: bytes) -> int:
    """An open file in memory that holds the text."""
    descriptor = os.memfd_create("order")
    with open(descriptor, "wb", closefd=False) as file:
        file.write(text)
    os.lseek(descriptor, 0, os.SEEK_SET)
    return descriptor


def _close_all(descriptors: list[int]) -> None:
    for descriptor in descriptors:
        with contextlib.suppress(OSError):
            os.close(descriptor)
