"""What carried a finding of a replay that learned from its own halves."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from detectors.host_rows import AS_CLIENT, HOST_ROW
from detectors.kept_rows import KeptRows
from detectors.rules.signal import Signal
from detectors.window_features import MINUTE_NS
from monitor.cli import run

HOST = (0, 0xFFFF_0A00_0001)


def minute(number: int, port: int) -> np.ndarray:
    """A flow each of three hosts."""
    rows = np.zeros(3, HOST_ROW)
    rows["window_start_ns"] = number * MINUTE_NS
    rows["host_lo"] = HOST[1] + np.arange(3)
    rows["peer_lo"], rows["protocol"], rows["role"], rows["opened"] = 7, 6, AS_CLIENT, 1
    rows["server_port"] = port + np.arange(3)
    return rows


def sign(first: int, last: int) -> Signal:
    return Signal(HOST, first * MINUTE_NS, last * MINUTE_NS, 0.9)


def test_each_sign_gets_the_places_of_its_host_and_time() -> None:
    kept = KeptRows(1_000)
    for number in range(130):
        kept.add(minute(number, 1_000 + number))
    carried = kept.carried([sign(125, 126), sign(3, 3), sign(59, 60)])
    assert [sorted(each["port"] for each in signal.flows) for signal in carried] == [
        [1_125, 1_126], [1_003], [1_059, 1_060],
    ]  # fmt: skip


def test_of_places_alike_the_same_are_told_in_whichever_order_rows_come() -> None:
    rows = np.zeros(60, HOST_ROW)
    rows["window_start_ns"], rows["host_lo"] = MINUTE_NS, HOST[1]
    rows["peer_lo"], rows["protocol"], rows["role"] = 7 + np.arange(60) % 2, 6, AS_CLIENT
    rows["opened"], rows["failed"], rows["bytes_out"] = 1, 1, 132
    rows["server_port"] = 1_000 + np.arange(60)
    told = set()
    for seed in range(5):
        kept = KeptRows(1_000)
        kept.add(rows[np.random.default_rng(seed).permutation(60)])
        (carried,) = kept.carried([sign(1, 1)])
        told.add((carried.peers, tuple(each["port"] for each in carried.flows)))
    assert told == {(("::7",) * 5, (1_000, 1_002, 1_004, 1_006, 1_008))}


@pytest.mark.parametrize("loose_bytes", [0, 5_000, 1 << 20])
def test_the_oldest_rows_go_first(loose_bytes: int) -> None:
    kept = KeptRows(30, loose_bytes)
    for number in range(20):
        kept.add(minute(number, 80))
    early, late = kept.carried([sign(2, 3), sign(18, 19)])
    assert early.flows == ()
    assert sum(each["opened"] for each in late.flows) == 2


@pytest.fixture(scope="module")
def found(root: Path, tmp_path_factory: pytest.TempPathFactory) -> list[dict]:
    """The shipped day; with so many false alerts accepted that a hundred host-hours calibrate enough."""
    folder = tmp_path_factory.mktemp("replay")
    (folder / "c.yaml").write_text("anomaly:\n  accepted_false_alerts_per_day: 100\n", encoding="utf-8")
    day = root / "pcaps" / "campus-day.pcap.zst"
    assert run(["replay", str(day), "--config", str(folder / "c.yaml"), "--out", str(folder / "out")]) == 0
    lines = (folder / "out" / "findings.jsonl").read_text(encoding="utf-8").splitlines()
    return [told for told in map(json.loads, lines) if "forest" in told["evidence"]]


def test_a_replay_that_learned_from_its_halves_names_what_carried_its_findings(found: list[dict]) -> None:
    first = {told["evidence"]["forest"]["flows"][0]["port"]: told for told in found}
    assert "brute-force" in first[22]["patterns"]
    assert "beacon" in first[8443]["patterns"]
    assert first[8443]["evidence"]["peers"] == ["203.0.114.7"]


def test_every_one_of_them_has_reasons_and_flows(found: list[dict]) -> None:
    assert len(found) >= 3
    assert all(told["evidence"]["forest"]["flows"] for told in found)
    assert all(told["evidence"]["forest"]["reasons"] for told in found)
