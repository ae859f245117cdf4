"""Hours of traffic through the daemon, and whether it stays as it was: memory, descriptors, counters.

    python -m tests.bench.soak --minutes 60 --rate 20000

Root, and a network namespace of its own. Stops by itself. Addresses and ports of the traffic change
from round to round, so that flows open and end all the while. Prints a line of JSON every half
minute and a summary; exit code 1 when memory grew by more than 5% between the second and the last
fifth of the time, when descriptors grew, or when a frame is not accounted for.
"""

from __future__ import annotations

import argparse
import json
import os
import socket
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tests.end_to_end.live_daemon import LiveDaemon, eventually, far_end, live_daemon

ROOT = Path(__file__).resolve().parents[2]
MOST_MINUTES = 24 * 60
_SAMPLE_SECONDS = 30.0
_GROWTH = 1.05
_ETHERTYPE_IPV4, _NO_OPTIONS = b"\x08\x00", 0x45
_EPHEMERAL = 32_768
_TURNS = 16


@dataclass(frozen=True)
class Sample:
    """The daemon at one moment: memory of all its processes together, and what is open."""

    seconds: float
    pss_mib: float
    descriptors: int
    frames: int


def varied(frame: bytes, turn: int) -> bytes:
    """A frame of another flow of the same campus: 10/8 addresses and ephemeral ports are moved on.

    There are as many hosts as `_TURNS` times those of the captures, so that what is kept of hosts
    is soon all there. Checksums are left as they are.
    """
    if frame[12:14] != _ETHERTYPE_IPV4 or len(frame) < 38:
        return frame
    changed = bytearray(frame)
    for at in (26, 30):
        if changed[at] == 10:
            changed[at + 1] = (changed[at + 1] + turn % _TURNS) & 0xFF
    if frame[14] == _NO_OPTIONS and frame[23] in (socket.IPPROTO_TCP, socket.IPPROTO_UDP):
        for at in (34, 36):
            port = int.from_bytes(frame[at : at + 2], "big")
            if port >= _EPHEMERAL:
                moved = _EPHEMERAL + (port + 17 * turn) % (65_536 - _EPHEMERAL)
                changed[at : at + 2] = moved.to_bytes(2, "big")
    return bytes(changed)


def look(daemon: LiveDaemon, since: float) -> Sample:
    """A sample of the running daemon."""
    pids = daemon.pids().values()
    return Sample(
        time.monotonic() - since,
        sum(_pss_kib(pid) for pid in pids) / 1024,
        sum(len(os.listdir(f"/proc/{pid}/fd")) for pid in pids),
        daemon.sent,
    )


def _pss_kib(pid: int) -> int:
    text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    return int(next(line for line in text.splitlines() if line.startswith("Pss:")).split()[1])


def drive(daemon: LiveDaemon, minutes: float, rate: int) -> list[Sample]:
    """Send for so long; the samples."""
    samples: list[Sample] = []
    started = time.monotonic()
    turn, due = 0, started
    with far_end() as sock:
        while time.monotonic() - started < minutes * 60:
            for i, frame in enumerate(daemon.frames):
                sock.send(varied(frame, turn))
                daemon.sent += 1
                if i % 64 == 63:
                    due = max(due + 64 / rate, time.monotonic() - 1.0)
                    time.sleep(max(due - time.monotonic(), 0.0))
            turn += 1
            if time.monotonic() - started >= len(samples) * _SAMPLE_SECONDS:
                samples.append(look(daemon, started))
                print(json.dumps(samples[-1].__dict__), flush=True)
    samples.append(look(daemon, started))
    return samples


def judged(samples: list[Sample]) -> tuple[dict[str, float], bool]:
    """Figures of a run, and whether it stayed as it was."""
    fifth = max(len(samples) // 5, 1)
    early, late = samples[fifth : 2 * fifth] or samples[:1], samples[-fifth:]
    before, after = (float(np.median([s.pss_mib for s in part])) for part in (early, late))
    opened = max(s.descriptors for s in late) - max(s.descriptors for s in early)
    figures = {
        "frames": float(samples[-1].frames),
        "pss_mib_early": before,
        "pss_mib_late": after,
        "growth": after / before - 1,
        "descriptors_more": float(opened),
    }
    return figures, after <= before * _GROWTH and opened <= 0


def main() -> int:
    """Run; the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--rate", type=int, default=20_000, help="frames a second, as far as it goes")
    parser.add_argument("--workers", type=int, default=1)
    given = parser.parse_args()
    minutes = min(given.minutes, MOST_MINUTES)
    with (
        tempfile.TemporaryDirectory(prefix="campuswatch-soak-") as folder,
        live_daemon(ROOT, Path(folder), given.workers) as daemon,
    ):
        samples = drive(daemon, minutes, given.rate)
        eventually(lambda: len(set(daemon.account())) == 1)
        metrics = daemon.metrics()
        code = daemon.stop()
    figures, flat = judged(samples)
    figures["received"] = metrics["ring_received_packets_total"]
    figures["dropped"] = metrics["kernel_dropped_packets_total"]
    figures["restarts"] = sum(metrics[f"process_restarts_total {role}"] for role in ("worker", "analysis"))
    print(json.dumps(figures))
    whole = figures["received"] == daemon.sent and figures["restarts"] == 0 and code == 0
    return 0 if flat and whole else 1


if __name__ == "__main__":
    sys.exit(main())
