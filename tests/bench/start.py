"""How soon the daemon captures, works and can be asked after a start; what an idle one costs; a tiny replay.

    python -m tests.bench.start --rounds 5 --idle-seconds 60

Root, and a network namespace of its own; kernels must be compiled (`campuswatch warm`). Configuration as
shipped but for places and the metrics' port. Seconds count from the start of the command:

- captures: a packet socket with its ring is on the tap; what comes from now on is kept.
- decodes: a frame that was sent on the tap was counted by a worker and told to analysis.
- scores: analysis takes steps, and its metrics can be asked.

Bytecode is kept, as in an installed package (systemd/wheelhouse), in a folder that goes afterwards; a
first start, which makes it, is not counted. Pandas, which tests need and a core install has not, is
hidden: pyarrow would import it. `cpu` is what each process had spent by then: on a machine that others
use it tells more than the clock. An idle tap carries nothing; it is looked at after the first
checkpoint. Memory is PSS, summed over parent, worker and analysis; rings are the mapped packet sockets.
Prints a line of JSON a round, then medians and worst.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.bench.measure import CAMPUSWATCH, ROOT, cpu_seconds, pss_kib
from tests.end_to_end.live_daemon import FAR_END, TAP, LiveDaemon, eventually, meanwhile
from tests.wire.capture.namespaces import ip, own_namespace, pair, promiscuity, sender

_CONFIG = """
state: {{directory: {folder}/state, runtime_directory: {folder}/run}}
metrics: {{port: 0}}
"""
_EVERY_SECONDS = 0.02
_SETTLES_SECONDS = 15.0
_TINY = "dig.pcap"


@contextmanager
def nudged(frame: bytes) -> Iterator[None]:
    """A frame every fiftieth of a second at the far end."""
    with sender(FAR_END) as sock, meanwhile(lambda: sock.send(frame), _EVERY_SECONDS):
        yield


def start(daemon: LiveDaemon) -> dict[str, float]:
    """Start it under a trickle of frames; seconds until each step."""
    reached: dict[str, float] = {}
    with nudged(daemon.frames[0]):
        began = time.monotonic()
        watch = threading.Thread(target=lambda: reached.update(captures=_until_captured(began)))
        watch.start()
        daemon.start()
        reached["scores"] = time.monotonic() - began
        eventually(lambda: daemon.metrics().get("decoded_packets_total", 0) > 0)
        reached["decodes"] = time.monotonic() - began
        watch.join()
    return reached


def _until_captured(began: float) -> float:
    eventually(lambda: promiscuity(TAP) > 0)
    return time.monotonic() - began


def idle(daemon: LiveDaemon, seconds: float) -> dict[str, float]:
    """What the processes cost while nothing comes."""
    time.sleep(_SETTLES_SECONDS)
    pids = daemon.pids()
    before = {name: cpu_seconds(pid) for name, pid in pids.items()}
    time.sleep(seconds)
    told: dict[str, float] = {}
    for name, pid in pids.items():
        told[f"cpu_percent {name}"] = 100 * (cpu_seconds(pid) - before[name]) / seconds
        rest, rings = pss_kib(pid, apart="socket:")
        told[f"pss_mib {name}"], told[f"ring_mib {name}"] = rest / 1024, rings / 1024
    for what in ("cpu_percent", "pss_mib"):
        told[what] = sum(value for name, value in told.items() if name.startswith(f"{what} "))
    return told


def tiny_replay(folder: Path) -> float:
    """Seconds that the replay of a capture of a few packets takes."""
    began = time.monotonic()
    command = [*CAMPUSWATCH, "replay", str(ROOT / "pcaps" / _TINY), "--out", str(folder / "out")]
    subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return time.monotonic() - began


def measured(idle_seconds: float) -> dict[str, float]:
    """A start and what it took, and a tiny replay; what an idle daemon costs is printed where asked for."""
    with tempfile.TemporaryDirectory(prefix="campuswatch-start-") as name, own_namespace():
        ip("link", "set", "lo", "up")
        pair(TAP, FAR_END)
        daemon = LiveDaemon(ROOT, Path(name), config=_CONFIG)
        try:
            seen = start(daemon)
            seen |= {f"cpu {name}": cpu_seconds(pid) for name, pid in daemon.pids().items()}
            if idle_seconds:
                print(json.dumps({"idle": idle(daemon, idle_seconds)}), flush=True)
        finally:
            if daemon.process is not None and daemon.process.poll() is None:
                daemon.stop()
        before = os.times()
        seen["tiny replay"] = tiny_replay(Path(name))
        after = os.times()
        spent = after.children_user + after.children_system - before.children_user - before.children_system
        return {**seen, "cpu tiny replay": spent}


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--idle-seconds", type=float, default=60.0, help="0: not measured")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="campuswatch-bytecode-") as bytecode:
        os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
        os.environ["PYTHONPYCACHEPREFIX"] = bytecode
        Path(bytecode, "pandas.py").write_text("raise ModuleNotFoundError('a core install has none')\n")
        os.environ["PYTHONPATH"] = f"{bytecode}{os.pathsep}{ROOT}"
        rounds = [measured(0.0)]
        print(json.dumps({"not counted": rounds.pop()}), flush=True)
        for number in range(given.rounds):
            rounds.append(measured(given.idle_seconds if number == given.rounds - 1 else 0.0))
            print(json.dumps(rounds[-1]), flush=True)
    for what in rounds[0]:
        seen = [each[what] for each in rounds]
        print(json.dumps({"seconds": what, "median": statistics.median(seen), "worst": max(seen)}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
