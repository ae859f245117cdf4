"""Orders and reports between the parent and its children: JSON in datagrams, descriptors beside them."""

from __future__ import annotations

import array
import json
import socket
from typing import Any

Order = dict[str, Any]
#: A configuration is the longest order; its file is bounded, too.
_MOST_BYTES = 1 << 20
_MOST_DESCRIPTORS = 32


class Orders:
    """One end of the wire between a parent and a child. Orders come whole and in order.

    An order is a JSON object with a `kind`. The other end's death reads as `None`.
    """

    def __init__(self, end: socket.socket) -> None:
        self._end = end
        end.setblocking(False)
        end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _MOST_BYTES)

    @classmethod
    def pair(cls) -> tuple[Orders, socket.socket]:
        """This end, and the other one to be handed to a child."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        return cls(ours), theirs

    def fileno(self) -> int:
        """For selectors."""
        return self._end.fileno()

    def send(self, kind: str, descriptors: tuple[int, ...] = (), **content: Any) -> bool:
        """Send an order; False when the other end is gone or does not read."""
        text = json.dumps({"kind": kind, **content}).encode()
        rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", descriptors))]
        try:
            self._end.sendmsg([text], rights if descriptors else [])
        except OSError:
            return False
        return True

    def receive(self) -> tuple[Order | None, list[int]] | None:
        """The next order with its descriptors, which are the caller's to close; None: none waits.

        `(None, [])`: the other end is gone.
        """
        try:
            text, descriptors, _, _ = socket.recv_fds(self._end, _MOST_BYTES, _MOST_DESCRIPTORS)
        except BlockingIOError:
            return None
        except OSError:
            return None, []
        return (json.loads(text), descriptors) if text else (None, [])

    def close(self) -> None:
        """Let go of this end; the other end reads its end."""
        self._end.close()
