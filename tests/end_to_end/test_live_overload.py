"""More packets than the daemon can take: what becomes of each is known, and it recovers by itself."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import dpkt

from tests.bench.sender import Frames, send
from tests.end_to_end.live_daemon import (
    CONFIG,
    FAR_END,
    LiveDaemon,
    eventually,
    far_end,
    live_daemon,
    meanwhile,
)
from tests.wire.flows.frames import ACK, PSH, SYN, tcp

#: What the daemon gives up by itself, and what comes when even that is not enough.
LOST = ("shed_packets_total overload", "kernel_dropped_packets_total")


MACS = bytes.fromhex("0200000000020200000000010800")


def send_one(daemon: LiveDaemon, frame: bytes) -> None:
    """One more frame, counted as the others."""
    with far_end() as sock:
        sock.send(frame)
    daemon.sent += 1


def trickle(daemon: LiveDaemon, frames: Iterator[bytes]) -> AbstractContextManager[None]:
    """Send a frame every hundredth of a second all the while; nobody else may count frames meanwhile."""
    return meanwhile(lambda: send_one(daemon, next(frames)), 0.01)


def a_part_of_its_time(pid: int, run_seconds: float, stop_seconds: float) -> AbstractContextManager[None]:
    """Stop a process again and again, as a quota of CPU does."""

    def stop_and_go() -> None:
        os.kill(pid, signal.SIGSTOP)
        time.sleep(stop_seconds)
        os.kill(pid, signal.SIGCONT)

    return meanwhile(stop_and_go, run_seconds)


def frames_to_send(daemon: LiveDaemon, folder: Path) -> Frames:
    """The daemon's test frames, laid out for speed."""
    path = folder / "frames.pcap"
    with path.open("wb") as file:
        writer = dpkt.pcap.Writer(file)
        for number, frame in enumerate(daemon.frames):
            writer.writepkt(frame, ts=number)
    return Frames(path, len(daemon.frames))


def elephant(segments: int) -> Iterator[bytes]:
    """A connection that has been opened and uploads, 100 bytes a segment."""
    ends = ("10.0.7.7", 50_000, "192.0.2.7", 9_999)
    yield MACS + tcp(*ends, SYN, 999)
    for number in range(segments):
        yield MACS + tcp(*ends, PSH | ACK, 1000 + 100 * number, bytes(100))


def test_every_packet_of_an_overload_is_accounted_for(root: Path, tmp_path: Path) -> None:
    config = CONFIG.replace("flows: {{", "flows: {{elephant_bytes: 5000, ")
    with live_daemon(root, tmp_path, config=config) as daemon:
        daemon.send()
        eventually(lambda: daemon.settled(daemon.sent))
        frames = frames_to_send(daemon, tmp_path)
        upload = elephant(100_000)
        for _ in range(100):  # more than elephant_bytes before anything is given up
            send_one(daemon, next(upload))
        # It takes a second a level to return, in which the elephant goes on, however late we look.
        with trickle(daemon, upload):
            with a_part_of_its_time(daemon.pids()["worker 0"], 0.01, 0.3):
                start, sent = time.monotonic(), 0
                while not all(daemon.metrics().get(name) for name in (*LOST, "overload_level")):
                    sent += send(frames, FAR_END, 0, 100_000, 20).packets
                    assert time.monotonic() - start < 120
            eventually(lambda: daemon.metrics()["overload_level"] == 0)
        daemon.sent += sent
        eventually(lambda: daemon.settled(daemon.sent))
        told = daemon.metrics()
        assert told["elephant_packets_total"] > 0, "no packet of an elephant was only counted"
        assert told["overload_total elephants"] >= told["overload_total names"] > 0
        before = daemon.metrics()
        daemon.send(rounds=2)
        eventually(lambda: daemon.settled(daemon.sent))
        after = daemon.metrics()
        for name in (*LOST, "elephant_packets_total"):
            assert after[name] == before[name], "in calm every packet is looked at again"
        assert daemon.stop() == 0
