"""How long it takes from an incident's first packet to its finding in findings.jsonl, and to its metric.

    python -m tests.bench.time_to_finding --tries 10

Root, and a network namespace of its own. A model is learned from one simulated campus; another one of
the same habits is played on the tap as it goes, and into it, at random seconds, incidents of hosts that
have not been seen before: a scan, a flood, and one that no pattern describes, so that the score alone
can find it, which asks for two minutes of three. The configuration is the shipped one but for places and
the model. Takes about a quarter of an hour. Prints a line of JSON a finding, then medians.
"""

from __future__ import annotations

import argparse
import heapq
import json
import statistics
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

import dpkt
import numpy as np

from detectors.catalogue.catalogue import Catalogue
from detectors.catalogue.settings import CatalogueSettings
from detectors.networks import Networks
from monitor.config.config import Campus
from monitor.pipeline.stages import derived
from monitor.shipped import shipped
from monitor.simulate.scenario import Scenario
from monitor.simulate.simulate import write_capture
from sinks.records.pseudonyms import Pseudonyms, read_key
from tests.bench.measure import CAMPUSWATCH, ROOT
from tests.bench.week import scenario
from tests.end_to_end.live_daemon import LiveDaemon, far_end, live_daemon

_CONFIG = """
state: {{directory: {folder}/state, runtime_directory: {folder}/run}}
metrics: {{port: 0}}
anomaly: {{model_file: {folder}/model.npz}}
"""
_SEED_LEARNED, _SEED_PLAYED = 731, 732
_LEARNED_HOURS, _PLAYED_FROM_HOURS = 24.0, 10.0
_SCALE = 0.2
_WARM_SECONDS = 60.0
#: So far apart are the tries of a kind; each is of a host of its own.
_SECONDS_A_TRY = 45.0
_GIVE_UP_SECONDS = 400.0
_FIRST_HOST = IPv4Address("10.99.0.1")
_MAPPED = 0xFFFF << 32
_SYN, _PORT = 2, 40_000


def _frame(source: str, target: str, protocol: int, transport: bytes) -> bytes:
    head = struct.pack(
        "!BBHHHBBH4s4s", 0x45, 0, 20 + len(transport), 0, 0, 64, protocol, 0,
        IPv4Address(source).packed, IPv4Address(target).packed,
    )  # fmt: skip
    return bytes.fromhex("0200000000020200000000010800") + head + transport


def _syn(host: str, target: str, own: int, port: int) -> bytes:
    return _frame(host, target, 6, struct.pack("!HHIIBBHHH", own, port, 1, 0, 5 << 4, _SYN, 64_240, 0, 0))


def _datagram(source: str, target: str, own: int, port: int, length: int) -> bytes:
    return _frame(source, target, 17, struct.pack("!HHHH", own, port, 8 + length, 0) + bytes(length))


def scan(host: str) -> Iterator[tuple[float, bytes]]:
    """Two ports a second of one server that does not answer, for four minutes: seconds, and the frame."""
    for i in range(480):
        yield i / 2, _syn(host, "10.98.0.9", _PORT + i, 1_000 + i)


def flood(host: str) -> Iterator[tuple[float, bytes]]:
    """A hundred connections a second to one port that does not answer, for two minutes."""
    for i in range(12_000):
        yield i / 100, _syn(host, "10.98.0.10", 1_024 + i, 80)


def strange(host: str) -> Iterator[tuple[float, bytes]]:
    """A hundred and twenty strangers a minute, on ports of theirs, all of whom answer, for six minutes."""
    for i in range(720):
        peer = str(IPv4Address("203.0.113.0") + i % 251 + 256 * (i % 3))
        yield i / 2, _datagram(host, peer, _PORT, 10_000 + 37 * i % 50_000, 300)
        yield i / 2 + 0.05, _datagram(peer, host, 10_000 + 37 * i % 50_000, _PORT, 700)


KINDS: dict[str, Callable[[str], Iterator[tuple[float, bytes]]]] = {
    "scan-vertical": scan,
    "flood": flood,
    "score": strange,
}


@dataclass(slots=True)
class Try:
    """One incident of a host. Seconds are monotonic."""

    kind: str
    host: str
    begins: float
    first_packet: float | None = None
    found: float | None = None
    counted: float | None = None


def campus(seed: int, hours: float, folder: Path) -> Path:
    """A capture of an ordinary campus without incidents."""
    told = scenario(seed, 2, _SCALE, clean=True).model_dump(by_alias=True) | {"hours": hours}
    capture = folder / f"{seed}.pcap"
    known = Catalogue.of(CatalogueSettings((shipped("configs/catalogue"),)))
    write_capture(Scenario.model_validate(told), known, capture)
    return capture


def played(capture: Path, from_hours: float) -> Iterator[tuple[float, bytes]]:
    """Its frames from some hour on: seconds since then, and the frame."""
    with capture.open("rb") as file:
        start: float | None = None
        for exact, frame in dpkt.pcap.UniversalReader(file):
            stamp = float(exact)
            start = stamp + from_hours * 3_600 if start is None else start
            if stamp >= start and len(frame) <= 1_514:
                yield stamp - start, frame


def plan(tries: int) -> list[Try]:
    """When each host begins: at random seconds, the kinds in turn."""
    draw = np.random.default_rng(7)
    made = []
    for number in range(tries * len(KINDS)):
        begins = _WARM_SECONDS + (number // len(KINDS) + draw.uniform()) * _SECONDS_A_TRY
        made.append(Try(list(KINDS)[number % len(KINDS)], str(_FIRST_HOST + number), begins))
    return made


def frames_of(tries: list[Try], background: Iterator[tuple[float, bytes]]) -> Iterator[tuple[float, bytes]]:
    """All in order of time."""
    return heapq.merge(background, *map(_frames_of_one, tries), key=lambda item: item[0])


def _frames_of_one(each: Try) -> Iterator[tuple[float, bytes]]:
    for at, frame in KINDS[each.kind](each.host):
        yield each.begins + at, frame


class Watch:
    """Looks twice a second for the findings of the hosts that tried."""

    def __init__(self, daemon: LiveDaemon, folder: Path, tries: list[Try]) -> None:
        key = derived(read_key(folder / "state" / "privacy.key"), b"address")
        names = Pseudonyms(key, Networks(Campus().networks))
        self._daemon = daemon
        self._tries = {names.of(0, _MAPPED | int(IPv4Address(each.host))): each for each in tries}
        self._next = 0.0

    def look(self) -> None:
        """Note what is new. Whose finding is told is found; when the rule's count says so, it is counted."""
        now = time.monotonic()
        if now < self._next:
            return
        self._next = now + 0.5
        if not self._daemon.findings.exists():
            return
        lines = self._daemon.findings.read_text().splitlines()
        told = self._daemon.metrics().get("findings_total anomalous-host", 0)
        fresh: set[str] = set()
        for line in map(json.loads, lines):
            if line["rule"] != "anomalous-host":
                continue
            fresh.add(line["id"])
            each = self._tries.get(line["subject"]["value"])
            if each is None or not self._is_of(each, line):
                continue
            each.found = each.found or now
            if each.counted is None and told >= len(fresh):
                each.counted = now

    @staticmethod
    def _is_of(each: Try, line: dict[str, Any]) -> bool:
        if each.kind == "score":
            return line["p_value"] is not None
        return each.kind in line["patterns"]


def send(daemon: LiveDaemon, watch: Watch, tries: list[Try], capture: Path) -> None:
    """Send all until every incident is found, or given up."""
    hosts = {IPv4Address(each.host).packed: each for each in tries}
    began = time.monotonic()
    with far_end() as sock:
        for at, frame in frames_of(tries, played(capture, _PLAYED_FROM_HOURS)):
            while (early := began + at - time.monotonic()) > 0:
                time.sleep(min(early, 0.2))
                watch.look()
            sock.send(frame)
            each = hosts.get(frame[26:30])
            if each is not None and each.first_packet is None:
                each.first_packet = time.monotonic()
            if all(each.counted for each in tries) or at > tries[-1].begins + _GIVE_UP_SECONDS:
                return


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--tries", type=int, default=10, help="of each kind")
    given = parser.parse_args()
    tries = plan(given.tries)
    with tempfile.TemporaryDirectory(prefix="campuswatch-finding-") as name:
        folder = Path(name)
        learned = campus(_SEED_LEARNED, _LEARNED_HOURS, folder)
        model = folder / "model.npz"
        command = [*CAMPUSWATCH, "model", "train", str(learned), "--model", str(model)]
        subprocess.run(command, cwd=ROOT, check=True)
        capture = campus(_SEED_PLAYED, _PLAYED_FROM_HOURS + 2, folder)
        with live_daemon(ROOT, folder, config=_CONFIG) as daemon:
            send(daemon, Watch(daemon, folder, tries), tries, capture)
            daemon.stop()
    for each in tries:
        print(json.dumps(_seconds(each)))
    for kind in KINDS:
        own = [_seconds(each) for each in tries if each.kind == kind]
        found = [each["found"] for each in own if each["found"] is not None]
        counted = [each["counted"] for each in own if each["counted"] is not None]
        print(
            json.dumps(
                {
                    "kind": kind,
                    "tries": len(own),
                    "found": len(found),
                    "median seconds to finding": statistics.median(found) if found else None,
                    "worst": max(found, default=None),
                    "median seconds to metric": statistics.median(counted) if counted else None,
                }
            )
        )
    return 0


def _seconds(each: Try) -> dict[str, Any]:
    def since(moment: float | None) -> float | None:
        return None if moment is None or each.first_packet is None else round(moment - each.first_packet, 1)

    return {"kind": each.kind, "host": each.host, "found": since(each.found), "counted": since(each.counted)}


if __name__ == "__main__":
    sys.exit(main())
