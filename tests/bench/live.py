"""Packets lost at stepped rates: campuswatch, tcpdump, ndpiReader and nfstream on the same tap.

    python -m tests.bench.live build/mix-1m.pcap --rates 50000 100000 200000 350000 0 \\
        --nfstream build/nfstream/bin/python

One tool at a time on a veth pair in a network namespace of its own (needs root, and tcpdump and
ndpiReader installed); the sender runs beside it, on the same cores. Lost is what was sent and the
tool did not work on. For campuswatch the equation of accounting is checked, too:
sent = decoded + rejected + duplicates + filtered + shed + dropped by the kernel, exactly.
`--quota 30` gives campuswatch 30% of a core (a cgroup of CPU), so that it must give work up.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.bench.measure import ROOT
from tests.bench.receivers import BECAME, Campuswatch, Receiver, receivers
from tests.end_to_end.live_daemon import FAR_END, TAP
from tests.wire.capture.namespaces import ip, own_namespace, pair

#: A mix's hellos that show a server's whole answer, and jumbo frames, pass.
_MTU = 9_000
QUIET_TAP = "cwquiet"
_PERIOD_MICROSECONDS = 20_000
_CGROUP = Path("/sys/fs/cgroup/cpu/campuswatch-bench")


def sent_into(capture: Path, rate: int, packets: int, seconds: float) -> dict[str, float]:
    """Send; what went out."""
    command = [sys.executable, "-m", "tests.bench.sender", str(capture), "--interface", FAR_END]
    done = subprocess.run(
        [*command, "--rate", str(rate), "--packets", str(packets), "--seconds", str(seconds)],
        cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    told: dict[str, float] = json.loads(done.stdout)
    return told


@contextmanager
def quota(pids: list[int], percent: int) -> Iterator[None]:
    """Some processes in a cgroup with part of a core, gone afterwards."""
    _CGROUP.mkdir(exist_ok=True)
    try:
        (_CGROUP / "cpu.shares").write_text("262144")  # the quota alone limits, not what else runs
        (_CGROUP / "cpu.cfs_period_us").write_text(str(_PERIOD_MICROSECONDS))
        (_CGROUP / "cpu.cfs_quota_us").write_text(str(_PERIOD_MICROSECONDS * percent // 100))
        for pid in pids:
            (_CGROUP / "cgroup.procs").write_text(str(pid))
        yield
    finally:
        (_CGROUP / "cpu.cfs_quota_us").write_text("-1")
        for pid in (_CGROUP / "cgroup.procs").read_text().split():
            (_CGROUP.parent / "cgroup.procs").write_text(pid)
        _CGROUP.rmdir()


def account_of(receiver: Campuswatch, packets: int) -> str:
    """The equation with its numbers, and whether it holds."""
    parts = receiver.account
    became = sum(parts[name] for name in BECAME)
    holds = "holds" if packets == became else "DOES NOT HOLD"
    told = " + ".join(f"{parts[name]:,} {name}" for name in parts if name != "ring_received")
    return f"    {packets:,} = {told}: {holds}"


def run_once(receiver: Receiver, capture: Path, rate: int, seconds: float, percent: int | None) -> None:
    """One tool at one rate; prints a row, and for campuswatch the equation."""
    with own_namespace():
        ip("link", "set", "lo", "up")
        pair(TAP, FAR_END, _MTU)
        pair(QUIET_TAP, "cwquiet-far", _MTU)
        receiver.start()
        packets = int((rate or 500_000) * seconds)
        if percent is None:
            sent = sent_into(capture, rate, packets, seconds * 3)
            worked = receiver.finish()
        else:
            with quota(receiver.pids(), percent):
                sent = sent_into(capture, rate, packets, seconds * 3)
            worked = receiver.finish()
    count = int(sent["packets"])
    lost = count - worked
    print(
        f"| {receiver.name} | {rate or 'all'} | {sent['rate']:,.0f} | {count:,} | {lost:,} "
        f"| {lost / count:.2%} |"
    )
    if isinstance(receiver, Campuswatch):
        print(account_of(receiver, count), flush=True)


def main() -> None:
    """Read the command line and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("capture", type=Path)
    parser.add_argument("--rates", type=int, nargs="+", default=[50_000, 100_000, 200_000, 350_000, 0])
    parser.add_argument("--seconds", type=float, default=6)
    parser.add_argument("--nfstream", type=Path, help="the interpreter that has nfstream")
    parser.add_argument("--tools", nargs="+", default=["campuswatch", "tcpdump", "ndpiReader", "nfstream"])
    parser.add_argument("--quota", type=int, help="percent of a core for campuswatch while packets come")
    parser.add_argument("--workers", type=int, default=1, help="of campuswatch")
    parser.add_argument("--filter", help="the capture filter of campuswatch")
    parser.add_argument("--quiet-tap", action="store_true", help="campuswatch joins a silent tap, too")
    options = parser.parse_args()
    interfaces = (TAP, QUIET_TAP) if options.quiet_tap else (TAP,)
    made = receivers(options.nfstream, options.workers, options.filter, interfaces)
    print("| tool | rate asked | rate sent | sent | lost | share |\n|---|---|---|---|---|---|", flush=True)
    for rate in options.rates:
        for name in options.tools:
            if name in made:
                run_once(made[name](), options.capture, rate, options.seconds, options.quota)


if __name__ == "__main__":
    main()
