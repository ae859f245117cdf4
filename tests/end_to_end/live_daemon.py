"""The daemon on a veth pair in a namespace of its own, frames sent at its other end, and what it says."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import urlopen

import dpkt
from prometheus_client.parser import text_string_to_metric_families

from monitor.daemon.control import ask
from monitor.errors import CommandEnd
from tests.wire.capture.namespaces import ip, own_namespace, pair, sender

TAP, FAR_END = "cwtap", "cwfar"
CONFIG = """
state: {{directory: {folder}/state, runtime_directory: {folder}/run, checkpoint_seconds: 1}}
metrics: {{port: 0}}
capture: {{ring_mib: 32, block_kib: 64}}
flows: {{max_flows: 65536, idle_timeout_seconds: {{tcp_opening: 2, tcp_closed: 1, udp: 2, other: 2}}}}
names: {{max_strings: 65536, max_string_bytes: 4194304, max_answers: 16384}}
"""


def eventually(true: Callable[[], Any], seconds: float = 180.0) -> Any:
    """Wait until something holds; what it gave."""
    give_up = time.monotonic() + seconds
    while not (value := true()):
        assert time.monotonic() < give_up, "it never came to hold"
        time.sleep(0.05)
    return value


class LiveDaemon:
    """`campuswatch run -i` with its files in a folder."""

    def __init__(
        self, root: Path, folder: Path, workers: int = 1, more: str = "", config: str = CONFIG
    ) -> None:
        self.root, self.folder, self.workers = root, folder, workers
        self.config = folder / "config.yaml"
        self.config.write_text(config.format(folder=folder) + more)
        self.findings = folder / "state" / "findings.jsonl"
        self.control = folder / "run" / "control"
        self.process: subprocess.Popen[bytes] | None = None
        self.frames = _frames(root)
        self.sent = 0
        self.interfaces: tuple[str, ...] = (TAP,)

    def command(self) -> list[str]:
        """What runs the program."""
        return [sys.executable, "-m", "monitor.cli"]

    def start(self) -> None:
        """Start it and wait until it captures."""
        taps = [word for name in self.interfaces for word in ("-i", name)]
        command = [*self.command(), "run", *taps, "--workers", str(self.workers)]
        with (self.folder / "stderr").open("ab") as errors:
            self.process = subprocess.Popen(
                [*command, "--config", str(self.config)],
                env={"PYTHONPATH": str(self.root), **os.environ},
                cwd=self.root,
                stderr=errors,
            )
        eventually(lambda: self.facts().get("ready"), 180)

    def facts(self) -> dict[str, Any]:
        """What the parent says of itself; nothing where it does not answer."""
        assert self.process is not None
        assert self.process.poll() is None, self.told
        try:
            return ask(self.control, "status", 10)
        except CommandEnd:
            return {}

    @property
    def told(self) -> str:
        """What it wrote for the journal."""
        return (self.folder / "stderr").read_text()

    def pids(self) -> dict[str, int]:
        """The processes by name, the parent as `parent`."""
        children = {child["name"]: child["pid"] for child in self.facts()["children"]}
        return {"parent": self.process.pid, **children}  # type: ignore[union-attr]

    def kill(self, name: str) -> None:
        """SIGKILL to one process; when it was no parent, wait until its successor works."""
        before = self.pids()
        os.kill(before[name], signal.SIGKILL)
        if name == "parent":
            assert self.process is not None
            self.process.wait(30)
            return

        def back() -> bool:
            return any(
                child["name"] == name and child["ready"] and child["pid"] != before[name]
                for child in self.facts().get("children", ())
            )

        eventually(back)

    def stop(self) -> int:
        """SIGTERM; the exit code."""
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(60)

    def send(self, rounds: int = 1, pause_seconds: float = 0.0005) -> int:
        """Send the frames of the project's captures at the far end; how many went out."""
        before = self.sent
        with sender(FAR_END) as sock:
            for _ in range(rounds):
                for i, frame in enumerate(self.frames):
                    sock.send(frame)
                    self.sent += 1
                    if i % 8 == 0:
                        time.sleep(pause_seconds)
        return self.sent - before

    def metrics(self) -> dict[str, float]:
        """Every series, labels in the name as Prometheus writes them; nothing where there are none."""
        try:
            port = int((self.folder / "run" / "metrics.port").read_text())
            with urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
                text = answer.read().decode()
        except (URLError, OSError, ValueError):
            return {}
        samples = [s for family in text_string_to_metric_families(text) for s in family.samples]
        return {
            s.name.removeprefix("campuswatch_") + "".join(f" {v}" for v in s.labels.values()): s.value
            for s in samples
        }

    def account(self) -> tuple[float, float]:
        """Frames received by the kernel for us, and all that became of them (CONTRACTS: Accounting)."""
        metrics = eventually(self.metrics)

        def total(name: str) -> float:
            return sum(value for key, value in metrics.items() if key.split()[0] == name)

        became = (
            "decoded_packets_total", "rejected_packets_total", "duplicate_packets_total",
            "shed_packets_total", "kernel_dropped_packets_total",
        )  # fmt: skip
        return total("ring_received_packets_total"), sum(total(name) for name in became)

    def settled(self, frames: int) -> bool:
        """Whether so many frames were received and all are accounted for."""
        received, accounted = self.account()
        return received == accounted == frames

    def found(self) -> list[dict[str, Any]]:
        """The findings; every line is whole."""
        return [json.loads(line) for line in self.findings.read_text().splitlines()]


@contextmanager
def meanwhile(step: Callable[[], object], pause_seconds: float = 0.0) -> Iterator[None]:
    """A step again and again on a thread of its own, each after a pause."""
    over = threading.Event()

    def go_on() -> None:
        while not over.wait(pause_seconds):
            step()

    thread = threading.Thread(target=go_on)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


@contextmanager
def live_daemon(
    root: Path,
    folder: Path,
    workers: int = 1,
    more: str = "",
    config: str = CONFIG,
    kind: type[LiveDaemon] = LiveDaemon,
) -> Iterator[LiveDaemon]:
    """A running daemon and its link, gone afterwards."""
    with own_namespace():
        ip("link", "set", "lo", "up")
        pair(TAP, FAR_END)
        daemon = kind(root, folder, workers, more, config)
        daemon.start()
        try:
            yield daemon
        finally:
            if daemon.process is not None and daemon.process.poll() is None:
                daemon.process.terminate()
                try:
                    daemon.process.wait(60)
                except subprocess.TimeoutExpired:
                    daemon.process.kill()
                    daemon.process.wait()


def _frames(root: Path) -> list[bytes]:
    """The Ethernet frames of the project's captures that fit the link, but no IP fragments.

    Sockets that share an interface put fragments together first, and count what that makes.
    """
    frames = []
    for path in sorted((root / "pcaps").glob("*.pcap")):
        if path.name.startswith(("frames-malformed", "fragments", "empty")):
            continue
        with path.open("rb") as file:
            try:
                reader = dpkt.pcap.UniversalReader(file)
            except ValueError:
                continue
            if reader.datalink() == dpkt.pcap.DLT_EN10MB:
                frames += [frame for _, frame in reader if 14 <= len(frame) <= 1514]
    return frames


def far_end() -> socket.socket:
    """A socket that sends frames towards the tap."""
    return sender(FAR_END)
