"""Hours of mixed load through the daemon, and whether it stays as it was: memory, descriptors, counters.

    python -m tests.bench.soak --minutes 60 --rate 20000

Root, and a network namespace of its own. Stops by itself. The load is the project's captures between
rounds of the campus mix. From round to round clients and ports change, so that flows open and end all
the while, and a few names are asked for that nobody has asked for before. The configuration is the
shipped one but for places and the ring. No model is made within an hour, since hours take turns in
training and calibrating; `soak_week` has one a day.

Prints a line of JSON every half minute and a summary. Memory is judged by what the processes keep (PSS
without pages of files, which others may have mapped as well), all together and told for each, from
minute 15 on: by then the longest idle timeout (5 minutes) has let flows go that the tables then reuse,
and buffers that are used in turn have all been used. Exit code 1 when it grew by more than 5% between
the first and the last fifth of what remains, when descriptors grew, when a frame is not accounted for
(what the rings received is not what became of it), when a process was restarted, or when a run is too
short to judge memory by. Frames that the ring could not hold because others needed the cores are told,
and are no failure: they are accounted for.
"""

from __future__ import annotations

import argparse
import json
import os
import socket
import sys
import tempfile
import time
import zlib
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import dpkt
import numpy as np

from tests.bench import campus_mix
from tests.bench.measure import ROOT, kept_kib
from tests.bench.receivers import BECAME
from tests.end_to_end.live_daemon import LiveDaemon, eventually, far_end, live_daemon

MOST_MINUTES = 24 * 60
_SAMPLE_SECONDS = 30.0
GROWTH = 1.05
#: Tables and buffers have been filled once (see above).
_SETTLED_SECONDS = 15 * 60.0
_QUIET_SECONDS = 3.0
_ETHERTYPE_IPV4, _NO_OPTIONS = b"\x08\x00", 0x45
_EPHEMERAL = 32_768
_LESSON = "lesson"  # the process that learns a model, while there is one
_TURNS = 4
_MIX_PACKETS = 120_000
#: Of so many DNS queries one asks for a new name: about six a second at 20,000 frames.
_QUERIES_A_NEW_NAME = 24
_PORT_OF_DNS = (53).to_bytes(2, "big")
_DNS_NAME = 54  # where the first label of a query begins in an Ethernet frame of IPv4 and UDP
_CONFIG = """
state: {{directory: {folder}/state, runtime_directory: {folder}/run}}
metrics: {{port: 0}}
capture: {{ring_mib: 32}}
"""


@dataclass(frozen=True)
class Sample:
    """The daemon at one moment: memory of all its processes together and of each, and what is open."""

    seconds: float
    kept_mib: float
    kept_mib_of: dict[str, float]
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
    asks = frame[23] == socket.IPPROTO_UDP and frame[36:38] == _PORT_OF_DNS
    if asks and zlib.crc32(frame) % _QUERIES_A_NEW_NAME == turn % _QUERIES_A_NEW_NAME:
        _ask_anew(changed, turn)
    if frame[14] == _NO_OPTIONS and frame[23] in (socket.IPPROTO_TCP, socket.IPPROTO_UDP):
        for at in (34, 36):
            port = int.from_bytes(frame[at : at + 2], "big")
            if port >= _EPHEMERAL:
                moved = _EPHEMERAL + (port + 17 * turn) % (65_536 - _EPHEMERAL)
                changed[at : at + 2] = moved.to_bytes(2, "big")
    return bytes(changed)


def _ask_anew(query: bytearray, turn: int) -> None:
    """Let a query ask for a name that has not been asked for: its first label is of this turn."""
    length = query[_DNS_NAME] if len(query) > _DNS_NAME + 1 else 0
    label = f"{turn:x}-{zlib.crc32(query):x}".encode()[:length]
    if 0 < length < 64 and _DNS_NAME + 1 + length < len(query):
        query[_DNS_NAME + 1 : _DNS_NAME + 1 + len(label)] = label


def load(daemon: LiveDaemon, folder: Path) -> list[bytes]:
    """The frames of a round: those of the project's captures, then the campus mix."""
    capture = folder / "mix.pcap"
    campus_mix.write(capture, *campus_mix.mix(_MIX_PACKETS, seed=1), all_open=False)
    with capture.open("rb") as file:
        mixed = [frame for _, frame in dpkt.pcap.UniversalReader(file) if len(frame) <= 1514]
    capture.unlink()
    return daemon.frames + mixed


def _children(pid: int) -> list[int]:
    """Those of all threads of a process."""
    tasks = Path(f"/proc/{pid}/task").glob("*/children")
    return [int(each) for task in tasks for each in task.read_text().split()]


def look(daemon: LiveDaemon, since: float) -> Sample:
    """A sample of the running daemon."""
    pids = daemon.pids()
    memory = {name: kept_kib(pid) / 1024 for name, pid in pids.items()}
    with suppress(FileNotFoundError, ProcessLookupError):  # it may end at any time
        for each in _children(pids["analysis"]):
            memory[_LESSON] = kept_kib(each) / 1024
    return Sample(
        time.monotonic() - since,
        sum(memory.values()),
        memory,
        sum(len(os.listdir(f"/proc/{pid}/fd")) for pid in pids.values()),
        daemon.sent,
    )


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


def judged(samples: list[Sample], settled_seconds: float = _SETTLED_SECONDS) -> tuple[dict[str, float], bool]:
    """Figures of a run, and whether it stayed as it was; not if it was too short to say."""
    settled = [sample for sample in samples if sample.seconds >= settled_seconds]
    fifth = len(settled) // 5
    if fifth == 0:
        return {"frames": float(samples[-1].frames), "settled_samples": float(len(settled))}, False
    early, late = settled[:fifth], settled[-fifth:]
    before, after = (float(np.median([s.kept_mib for s in part])) for part in (early, late))
    opened = max(s.descriptors for s in late) - max(s.descriptors for s in early)
    figures = {
        "frames": float(samples[-1].frames),
        "kept_mib_early": before,
        "kept_mib_late": after,
        "growth": after / before - 1,
        "descriptors_more": float(opened),
    }
    for name in late[-1].kept_mib_of:
        for when, part in (("early", early), ("late", late)):
            kept = [s.kept_mib_of.get(name, 0.0) for s in part]
            figures[f"kept_mib_{when} {name}"] = float(np.median(kept))
    return figures, after <= before * GROWTH and opened <= 0


def stands_still(daemon: LiveDaemon) -> bool:
    """Whether no counter of frames moves any more, whether or not they add up."""
    before = daemon.account()
    time.sleep(_QUIET_SECONDS)
    return daemon.account() == before


def unaccounted(metrics: dict[str, float]) -> float:
    """Frames received less all that became of them, by the counters; 0 when every one is accounted for."""

    def total(what: str) -> float:
        return sum(value for name, value in metrics.items() if name.split()[0] == f"{what}_packets_total")

    # The filter takes its frames before the rings count them.
    return total("ring_received") - sum(total(what) for what in BECAME if what != "filtered")


def main() -> int:
    """Run; the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--rate", type=int, default=20_000, help="frames a second, as far as it goes")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--short", action="store_true", help="tell memory, but judge all else alone")
    given = parser.parse_args()
    minutes = min(given.minutes, MOST_MINUTES)
    with (
        tempfile.TemporaryDirectory(prefix="campuswatch-soak-") as folder,
        live_daemon(ROOT, Path(folder), given.workers, config=_CONFIG) as daemon,
    ):
        daemon.frames = load(daemon, Path(folder))
        samples = drive(daemon, minutes, given.rate)
        eventually(lambda: stands_still(daemon))
        metrics = daemon.metrics()
        code = daemon.stop()
    figures, flat = judged(samples)
    figures["received"] = metrics["ring_received_packets_total"]
    figures["shed"] = sum(value for name, value in metrics.items() if name.startswith("shed_packets_total"))
    figures["dropped"] = metrics["kernel_dropped_packets_total"]
    figures["restarts"] = sum(metrics[f"process_restarts_total {role}"] for role in ("worker", "analysis"))
    figures["unaccounted"] = unaccounted(metrics)
    print(json.dumps(figures))
    whole = figures["received"] == daemon.sent and figures["unaccounted"] == 0
    whole = whole and figures["restarts"] == 0 and code == 0
    return 0 if (flat or given.short) and whole else 1


if __name__ == "__main__":
    sys.exit(main())
