"""A replay gives the same results for 1, 2 and 4 workers: the same bytes, but for the time it took."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import dpkt
import numpy as np
import pyarrow.parquet as pq
import pytest

from detectors.catalogue.catalogue import Catalogue
from detectors.catalogue.settings import CatalogueSettings
from monitor.shipped import shipped
from monitor.simulate.simulate import write_capture
from tests.bench.week import scenario
from tests.wire.flows.frames import SECOND, START, udp

#: DNS and TLS of one client, tunnels, fragments, rejected frames.
SMALL = [
    "names-by-dns-answer.pcap", "fragments-reordered.pcap", "frames-malformed.pcap", "tunnel-nested.pcap",
    "dns-over-tcp.pcap",
]  # fmt: skip
FILES = ["flows.parquet", "windows.parquet", "findings.jsonl", "metrics.prom", "embeddings.jsonl"]


def replayed(root: Path, captures: list[Path], out: Path, workers: int) -> dict[str, bytes]:
    """What a replay leaves, by file."""
    command = [sys.executable, "-m", "monitor.cli", "replay", *map(str, captures)]
    subprocess.run(
        [*command, "--out", str(out), "--workers", str(workers)],
        check=True,
        cwd=root,
        env={**os.environ, "PYTHONPATH": str(root)},
        stdout=subprocess.DEVNULL,
        timeout=300,
    )
    results = {name: (out / name).read_bytes() for name in FILES if (out / name).exists()}
    summary = json.loads((out / "summary.json").read_text(encoding="utf-8"))
    del summary["seconds"]
    return {**results, "summary.json": json.dumps(summary).encode()}


def assert_same(root: Path, captures: list[Path], folder: Path) -> None:
    alone = replayed(root, captures, folder / "1", 1)
    assert json.loads(alone["summary.json"])["packets"] > 0
    for workers in (2, 4):
        spread = replayed(root, captures, folder / str(workers), workers)
        assert set(spread) == set(alone)
        for name, content in alone.items():
            assert spread[name] == content, f"{name} of {workers} workers"


def test_the_campus_day(root: Path, tmp_path: Path) -> None:
    assert_same(root, [root / "pcaps" / "campus-day.pcap.zst"], tmp_path)


def new_names_at_the_end(path: Path) -> None:
    """20,000 lookups of 100 hosts for names that nobody asked for before, all open when the capture ends."""
    chance = np.random.default_rng(5)
    with path.open("wb") as file:
        writer = dpkt.pcap.Writer(file, linktype=dpkt.pcap.DLT_RAW, nano=True)
        for at in range(20_000):
            asked = dpkt.dns.DNS(qd=[dpkt.dns.DNS.Q(name=f"n{chance.integers(2_000)}.example.cn")])
            host = f"10.0.0.{chance.integers(100) + 1}"
            packet = udp(host, 20_000 + at, "192.0.2.53", 53, bytes(asked))
            writer.writepkt(packet, ts=(START + at * 2_000_000) / SECOND)


def test_many_flows_that_end_with_the_capture(root: Path, tmp_path: Path) -> None:
    """More than the flow table gives out at once, of each worker; whose name was new is the same."""
    new_names_at_the_end(tmp_path / "lookups.pcap")
    assert_same(root, [tmp_path / "lookups.pcap"], tmp_path)
    names = pq.read_table(tmp_path / "1" / "windows.parquet")["new_names"].to_numpy()
    assert names.sum() >= 2_000
    assert np.count_nonzero(names) > 50


def test_captures_merged_by_time(root: Path, tmp_path: Path) -> None:
    assert_same(root, [root / "pcaps" / name for name in SMALL], tmp_path)


@pytest.mark.slow
def test_every_real_capture(root: Path, tmp_path: Path, real_captures: Path) -> None:
    for path in sorted(real_captures.glob("*.pcap*")):
        if not path.name.endswith("empty.pcap"):
            assert_same(root, [path], tmp_path / path.name)


@pytest.mark.slow
def test_a_week_of_a_simulated_campus_with_incidents(root: Path, tmp_path: Path) -> None:
    known = Catalogue.of(CatalogueSettings((shipped("configs/catalogue"),)))
    write_capture(scenario(702, 7.0, 0.2, clean=False), known, tmp_path / "week.pcap")
    assert_same(root, [tmp_path / "week.pcap"], tmp_path)
    assert '"forest"' in (tmp_path / "1" / "findings.jsonl").read_text(encoding="utf-8")


def test_what_can_be_read_only_once_is_refused(root: Path) -> None:
    command = [sys.executable, "-m", "monitor.cli", "replay", "-", "--workers", "2"]
    ended = subprocess.run(
        command, cwd=root, env={**os.environ, "PYTHONPATH": str(root)},
        capture_output=True, text=True, timeout=120, input="",
    )  # fmt: skip
    assert ended.returncode in (1, 2)
    assert len(ended.stderr.strip().splitlines()) == 1
