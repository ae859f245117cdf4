"""The control socket: a line of JSON asks the running daemon, a line of JSON answers."""

from __future__ import annotations

import contextlib
import json
import os
import socket
from pathlib import Path
from typing import Any

from monitor.errors import CUT_OFF, CommandEnd

_MOST_BYTES = 1 << 16
_WAITING_CONNECTIONS = 8
Answer = dict[str, Any]


class Question:
    """A connection that has asked, and waits for its answer."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        connection.settimeout(0.2)  # who asks sends at once; a slow one must not hold the daemon up

    def read(self) -> str:
        """The command that was asked; an empty one where the line makes no sense."""
        text = b""
        with contextlib.suppress(OSError, ValueError, AttributeError):
            while not text.endswith(b"\n") and len(text) < _MOST_BYTES:
                more = self._connection.recv(_MOST_BYTES)
                if not more:
                    break
                text += more
            return str(json.loads(text).get("command", ""))
        return ""

    def answer(self, **content: Any) -> None:
        """Answer and hang up."""
        with contextlib.suppress(OSError):
            self._connection.sendall(json.dumps(content, ensure_ascii=False).encode() + b"\n")
        self._connection.close()


class ControlSocket:
    """Listens at a path that only the daemon's user may open. Raises OSError where it cannot."""

    def __init__(self, path: Path) -> None:
        self._path = path
        path.unlink(missing_ok=True)  # of a daemon that was killed: the state directory is locked
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        earlier = os.umask(0o177)
        try:
            self._socket.bind(str(path))
        finally:
            os.umask(earlier)
        self._socket.listen(_WAITING_CONNECTIONS)
        self._socket.setblocking(False)

    def fileno(self) -> int:
        """For selectors."""
        return self._socket.fileno()

    def accept(self) -> Question | None:
        """Who asks, if anybody does."""
        with contextlib.suppress(OSError):
            return Question(self._socket.accept()[0])
        return None

    def close(self) -> None:
        """Stop listening."""
        self._socket.close()
        self._path.unlink(missing_ok=True)


def ask(path: Path, command: str, wait_seconds: float) -> Answer:
    """Ask the daemon that listens at `path`. Raises CommandEnd when none answers."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(wait_seconds)
        try:
            connection.connect(str(path))
            connection.sendall(json.dumps({"command": command}).encode() + b"\n")
            with connection.makefile("rb") as file:
                line = file.readline()
        except OSError as error:
            why = error.strerror or "no answer in time"
            raise CommandEnd(CUT_OFF, f"守护进程没有应答 no daemon answers at {path}: {why}") from error
    if not line:
        raise CommandEnd(CUT_OFF, f"守护进程没有应答 no daemon answers at {path}: it hung up")
    answer: Answer = json.loads(line)
    return answer
