"""Tools that capture on a live interface, each started and asked how many packets it worked on."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import tempfile
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path

from tests.bench.measure import PEERS, ROOT, cpu_seconds, tree
from tests.end_to_end.live_daemon import FAR_END, TAP, LiveDaemon, eventually
from tests.wire.capture.namespaces import promiscuity, sender

#: The ring of campuswatch by default on a machine of 8 GiB or more; the others get as much where they let us.
RING_MIB = 256
#: Ours, but for what the shipped configuration says and a machine shares: places and the port.
_CONFIG = """
state: {{directory: {folder}/state, runtime_directory: {folder}/run}}
metrics: {{port: 0}}
capture: {{ring_mib: {ring_mib}, filter: {filter}}}
"""
_SETTLED_SECONDS = 3.0
#: A UDP datagram from 10.0.0.1 to 10.0.0.2, port 9 to 9, in an Ethernet frame.
_NUDGE = bytes.fromhex(
    "02000000000202000000000108004500002000000000401166cb0a0000010a00000200090009000c000030303030"
)


#: What became of the frames that were sent: the parts of the accounting.
BECAME = ("decoded", "rejected", "duplicate", "filtered", "shed", "kernel_dropped")


class Receiver(ABC):
    """A tool on the tap."""

    name = ""

    @abstractmethod
    def start(self) -> None:
        """Start it, and wait until it captures."""

    @abstractmethod
    def finish(self) -> int:
        """When no more packets come: end it; how many it worked on."""

    def pids(self) -> list[int]:
        """The processes that a quota of CPU is for."""
        return []


class Campuswatch(Receiver):
    """`campuswatch run -i`, names and classes and all. `account`: what became of every packet."""

    name = "campuswatch"

    def __init__(
        self, workers: int = 1, filter_text: str | None = None, interfaces: tuple[str, ...] = (TAP,)
    ) -> None:
        self._folder = tempfile.TemporaryDirectory()
        folder = Path(self._folder.name)
        self.daemon = LiveDaemon(ROOT, folder, workers)
        self.daemon.interfaces = interfaces
        self.daemon.config.write_text(
            _CONFIG.format(
                folder=folder,
                ring_mib=RING_MIB // (workers * len(interfaces)),
                filter=json.dumps(filter_text),
            )
        )
        self.account: dict[str, int] = {}
        self._before: dict[str, float] = {}

    def start(self) -> None:
        """Start it, and let it see a few hundred frames: what it loads, it has loaded then."""
        self.daemon.start()
        self.daemon.send()
        eventually(lambda: self._sums() == self._sums(2 * _SETTLED_SECONDS / 3))
        self._before = self.daemon.metrics()

    def finish(self) -> int:
        """Wait until its counters stand still; those that it worked on, or was told to leave out."""
        last = self._sums()
        while (now := self._sums(_SETTLED_SECONDS)) != last:
            last = now
        self.account = last
        self.daemon.stop()
        self._folder.cleanup()
        return last["decoded"] + last["rejected"] + last["duplicate"] + last["filtered"]

    def pids(self) -> list[int]:
        """Parent, workers, analysis."""
        return list(self.daemon.pids().values())

    def _sums(self, after_seconds: float = 0.0) -> dict[str, int]:
        """The counters, added up over their labels, since the start."""
        time.sleep(after_seconds)
        metrics = self.daemon.metrics()
        sums: dict[str, int] = {}
        for what in ("ring_received", *BECAME):
            names = [name for name in metrics if name.split()[0] == f"{what}_packets_total"]
            sums[what] = int(sum(metrics[name] - self._before.get(name, 0) for name in names))
        sums["names_shed_flows"] = int(metrics.get("names_shed_flows_total", 0))
        return sums


class Peer(Receiver):
    """A program that takes packets until it is told to stop, and then tells how many.

    nudges: single frames that it needs afterwards, a second apart, to bring its figures up to date.
    """

    def __init__(
        self,
        name: str,
        command: list[str],
        count: Callable[[str], int],
        stop: signal.Signals = signal.SIGINT,
        nudges: int = 0,
    ) -> None:
        self.name = name
        self._command, self._count, self._stop, self._nudges = command, count, stop, nudges
        self._folder = tempfile.TemporaryDirectory()
        self._output = Path(self._folder.name) / "output"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """It captures when the interface is promiscuous for it."""
        with self._output.open("wb") as output:
            self._process = subprocess.Popen(
                self._command, stdout=output, stderr=subprocess.STDOUT, start_new_session=True
            )
        eventually(lambda: promiscuity(TAP) > 0)
        time.sleep(1)

    def finish(self) -> int:
        """Let it work off its buffer, then end it."""
        assert self._process is not None
        while _cpu_moves(self._process.pid):
            time.sleep(0.5)
        for _ in range(self._nudges):
            with sender(FAR_END) as sock:
                sock.send(_NUDGE)
            time.sleep(1.5)
        time.sleep(1)
        self._process.send_signal(self._stop)
        self._process.wait(60)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)  # nfstream leaves its meter behind
        count = self._count(self._output.read_text()) - self._nudges
        self._folder.cleanup()
        return count


def _cpu_moves(pid: int) -> bool:
    """Whether a process and its children use more than a tenth of a core."""

    def used() -> float:
        total = 0.0
        for each in tree(pid):
            with contextlib.suppress(FileNotFoundError):
                total += cpu_seconds(each)
        return total

    before = used()
    time.sleep(1)
    return used() - before > 0.1


def _matched(pattern: str) -> Callable[[str], int]:
    def count(text: str) -> int:
        found = re.findall(pattern, text)
        if not found:
            raise RuntimeError(f"no count in the tool's output: {text[-500:]!r}")
        return int(found[-1])

    return count


def _nfstream_count(text: str) -> int:
    reports = [json.loads(line) for line in text.splitlines() if line.startswith("{")]
    return int(reports[-1]["packets_processed"] + reports[-1]["packets_ignored"])


def receivers(
    nfstream_python: Path | None,
    workers: int = 1,
    filter_text: str | None = None,
    interfaces: tuple[str, ...] = (TAP,),
) -> dict[str, Callable[[], Receiver]]:
    """How each tool is made, by name."""
    made: dict[str, Callable[[], Receiver]] = {
        "campuswatch": lambda: Campuswatch(workers, filter_text, interfaces),
        "tcpdump": lambda: Peer(
            "tcpdump",
            ["tcpdump", "-i", TAP, "-n", "-B", str(RING_MIB << 10), "-w", "/dev/null"],
            _matched(r"(\d+) packets captured"),
        ),
        "ndpiReader": lambda: Peer(
            "ndpiReader", ["ndpiReader", "-i", TAP], _matched(r"of (\d+) packets total")
        ),
    }
    if nfstream_python is not None:
        made["nfstream"] = lambda: Peer(
            "nfstream",
            [str(nfstream_python), str(PEERS / "nfstream_live.py"), TAP, str(RING_MIB << 20)],
            _nfstream_count,
            signal.SIGTERM,
            nudges=3,
        )
    return made
