"""What systemd is told about the service, by sd_notify(3)'s datagrams. Nothing happens elsewhere."""

from __future__ import annotations

import contextlib
import os
import socket
import time
from collections.abc import Mapping

_MICROSECONDS = 1_000_000


class Notifier:
    """Tells the service manager. Where none asks to be told, every call does nothing."""

    def __init__(self, environment: Mapping[str, str] | None = None) -> None:
        environment = os.environ if environment is None else environment
        self._socket: socket.socket | None = None
        path = environment.get("NOTIFY_SOCKET", "")
        if path[:1] in ("/", "@"):
            self._address = "\0" + path[1:] if path[0] == "@" else path
            self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
            self._socket.setblocking(False)
        #: Seconds within which the manager wants to hear from the watchdog; None: it does not ask.
        self.watchdog_seconds = _watchdog_seconds(environment)

    def ready(self, status: str) -> None:
        """The service captures (again, after a reload)."""
        self._tell("READY=1", f"STATUS={status}", f"MAINPID={os.getpid()}")

    def reloading(self) -> None:
        """A new configuration is being taken; `ready` ends it."""
        self._tell("RELOADING=1", f"MONOTONIC_USEC={int(time.monotonic() * _MICROSECONDS)}")

    def stopping(self) -> None:
        """The service drains and ends."""
        self._tell("STOPPING=1", "STATUS=draining")

    def status(self, text: str) -> None:
        """One line for `systemctl status`."""
        self._tell(f"STATUS={text}")

    def watchdog(self) -> None:
        """Work moves on."""
        self._tell("WATCHDOG=1")

    def extend_start(self, seconds: float) -> None:
        """Starting takes this much longer: kernels are being compiled."""
        self._tell(f"EXTEND_TIMEOUT_USEC={int(seconds * _MICROSECONDS)}")

    def _tell(self, *lines: str) -> None:
        if self._socket is not None:
            with contextlib.suppress(OSError):  # a manager that does not listen stops nothing
                self._socket.sendto("\n".join(lines).encode(), self._address)


def _watchdog_seconds(environment: Mapping[str, str]) -> float | None:
    """WATCHDOG_USEC, if it is meant for this process."""
    try:
        seconds = int(environment["WATCHDOG_USEC"]) / _MICROSECONDS
        owner = int(environment.get("WATCHDOG_PID", os.getpid()))
    except (KeyError, ValueError):
        return None
    return seconds if owner == os.getpid() and seconds > 0 else None
