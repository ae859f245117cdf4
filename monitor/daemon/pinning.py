"""Which processor a worker runs on."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Sequence

from monitor.config.config_file import ConfigError


class Pinning:
    """The processor of worker `number`: the one at its place in `capture.cpus`, which begins anew at its end.

    Without such a list it is free to run wherever it could when it began.
    """

    def __init__(self, number: int) -> None:
        self._number = number
        self._free = os.sched_getaffinity(0)

    def check(self, cpus: Sequence[int]) -> None:
        """Raises ConfigError where the processor cannot be had; nothing changes."""
        before = os.sched_getaffinity(0)
        try:
            os.sched_setaffinity(0, self._chosen(cpus))
        except OSError as error:
            line = f"capture.cpus: {self._chosen(cpus)} 不可用 cannot be had: {error.strerror}"
            raise ConfigError([line]) from error
        os.sched_setaffinity(0, before)

    def pin(self, cpus: Sequence[int]) -> None:
        """All threads of this process run there from now on, and those that they start."""
        chosen = self._chosen(cpus)
        for thread in os.listdir("/proc/self/task"):
            with contextlib.suppress(OSError):  # it has just ended
                os.sched_setaffinity(int(thread), chosen)

    def _chosen(self, cpus: Sequence[int]) -> set[int]:
        return {cpus[self._number % len(cpus)]} if cpus else self._free
