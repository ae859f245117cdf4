"""A child process that is started again whenever it ends unasked, each time after a longer wait."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from monitor.daemon.orders import Order, Orders
from monitor.errors import tell
from sinks.metrics.overload_steps import OVERLOAD_STEPS

#: Who had worked comes back soon whatever happens; who ends before it works may well do so again.
_FIRST_WAIT_SECONDS, _LONGEST_WAIT_SECONDS, _LONGEST_WAIT_AFTER_WORK_SECONDS = 0.05, 10.0, 0.5
#: Who lives as long as this has recovered.
_RECOVERED_SECONDS = 60.0
#: A working child takes a step every second at least. Who takes none for so long is stuck, if it sleeps.
#: If it works, others may be taking the CPU from it, or an hour with a million rows ends: it is stuck
#: when it has worked for as long as that, or has been at it for much longer.
STALL_SECONDS = 20.0
_SLEEPS_SECONDS = 0.5
_LONGEST_STALL_SECONDS = 9 * STALL_SECONDS
_TICKS_A_SECOND = os.sysconf("SC_CLK_TCK")
_ROOT = Path(__file__).resolve().parents[2]
#: What is free goes back to the system. By itself glibc would, after the first large array was freed,
#: take all others from the heap, where the smallest thing above them keeps them. Arrow has an allocator
#: of its own, which keeps more and more of what pieces of history take one after the other.
_MEMORY = {
    "ARROW_DEFAULT_MEMORY_POOL": "system",
    "MALLOC_ARENA_MAX": "2",
    "MALLOC_MMAP_THRESHOLD_": str(1 << 20),
    "MALLOC_TRIM_THRESHOLD_": str(8 << 20),
}


def no_overload() -> Order:
    """What a worker reports that has given up nothing: level, times each step was entered, flows."""
    return {"level": 0, "entered": dict.fromkeys(OVERLOAD_STEPS, 0), "flows": 0}


class Child:
    """One child through all its lives.

    module: where its `work(orders)` is. descriptors: open ones that it inherits.
    begin: called for each new life, to send what it has to know.
    """

    def __init__(
        self, name: str, module: str, descriptors: tuple[int, ...], begin: Callable[[Child], None]
    ) -> None:
        self.name = name
        self.lives = 0
        self.renewals = 0
        self.stalls = 0
        self.ready = False
        self.steps = 0
        self.overload: Order = no_overload()
        self.orders: Orders | None = None
        self.pidfd: int | None = None
        self._module = module
        self._descriptors = descriptors
        self._begin = begin
        self._process: subprocess.Popen[bytes] | None = None
        self._renews = False
        self._failures = 0
        self._born = 0.0
        self._moved = 0.0
        self._worked = 0.0  # seconds of CPU by then
        self.due = time.monotonic()

    @property
    def pid(self) -> int | None:
        """The process id of this life; None between two lives."""
        return None if self._process is None else self._process.pid

    @property
    def restarts(self) -> int:
        """How often it was started again because it had ended unasked."""
        return max(self.lives - 1 - self.renewals, 0)

    def start(self) -> None:
        """Begin a life."""
        self.orders, theirs = Orders.pair()
        environment = {**_MEMORY, **os.environ, "PYTHONPATH": _path()}
        environment.pop("NOTIFY_SOCKET", None)  # the parent alone speaks for the service
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", "monitor.daemon.child", self._module, str(theirs.fileno())],
                stdin=subprocess.DEVNULL,
                pass_fds=(theirs.fileno(), *self._descriptors),
                env=environment,
            )
        self.pidfd = os.pidfd_open(self._process.pid)
        self.lives += 1
        self.ready = self._renews = False
        self._born = self._moved = time.monotonic()
        self._worked = 0.0
        self._begin(self)

    def hear(self, report: Order) -> None:
        """Take a report of progress."""
        self.ready = self.ready or report["kind"] == "ready"
        self._renews = self._renews or report["kind"] == "renews"
        self.overload = report.get("overload", self.overload)
        steps = report.get("steps", self.steps)
        if steps != self.steps or report["kind"] == "ready":
            self.steps = steps
            self._moved, self._worked = time.monotonic(), self._cpu_seconds()

    def begun_anew(self) -> None:
        """It began its next life without ending its process."""
        self.lives += 1
        self.renewals += 1

    def stalled(self) -> bool:
        """Whether it lives, had begun to work, and no longer moves."""
        since = time.monotonic() - self._moved
        if not self.ready or since <= STALL_SECONDS:
            return False
        worked = self._cpu_seconds() - self._worked
        return not _SLEEPS_SECONDS < worked <= STALL_SECONDS or since > _LONGEST_STALL_SECONDS

    def _cpu_seconds(self) -> float:
        """What this life has spent; 0 where there is none."""
        if self._process is None:
            return 0.0
        try:
            text = Path(f"/proc/{self._process.pid}/stat").read_text(encoding="ascii", errors="replace")
        except OSError:
            return 0.0
        fields = text.rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / _TICKS_A_SECOND

    def kill(self) -> None:
        """End this life at once."""
        if self._process is not None:
            self._process.send_signal(signal.SIGKILL)

    def bury(self) -> int:
        """After its death: take its exit code, let go of its descriptors, plan its next life."""
        assert self._process is not None
        assert self.pidfd is not None
        code = self._process.wait()
        os.close(self.pidfd)
        if self.orders is not None:
            self.orders.close()
        longest = _LONGEST_WAIT_AFTER_WORK_SECONDS if self.ready else _LONGEST_WAIT_SECONDS
        self._process, self.pidfd, self.orders, self.ready = None, None, None, False
        lived = time.monotonic() - self._born
        if self._renews and code == 0:
            self.renewals += 1
            self._failures, self.due = 0, time.monotonic()
            return code
        self._failures = 1 if lived > _RECOVERED_SECONDS else self._failures + 1
        wait = min(_FIRST_WAIT_SECONDS * 2 ** (self._failures - 1), longest)
        self.due = time.monotonic() + wait
        return code

    def tell_of_death(self, code: int) -> None:
        """A line for the operator."""
        if self._renews and code == 0:
            tell(f"{self.name} 名称表将满，按计划重启 begins anew: its table of names is nearly full")
            return
        wait = max(self.due - time.monotonic(), 0.0)
        tell(f"{self.name} 意外结束 ended unasked ({ended_how(code)}); 重启 again in {wait:.2f} s")


def ended_how(code: int) -> str:
    """An exit code in words."""
    return f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"


def _path() -> str:
    """Where children find the program: where it is now, whatever folder the command was given in."""
    already = os.environ.get("PYTHONPATH")
    return f"{_ROOT}{os.pathsep}{already}" if already else str(_ROOT)
