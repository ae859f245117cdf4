"""The whole of the detectors on made traffic: one planted scan among ordinary hosts."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from detectors.catalogue.settings import CatalogueSettings
from detectors.forest.isolation import ForestSettings
from detectors.forest.model_file import save
from detectors.judge import Detectors
from detectors.networks import address_text
from detectors.settings import DetectorSettings
from detectors.track import Judged
from detectors.window_features import COLD, MINUTE_SECONDS, SCORE
from tests.detectors.conftest import CATALOGUE
from tests.detectors.made_deltas import MINUTE, SILENT, START, deltas, facts, no_queries
from wire.names.strings import StringTable

MINUTES = 60
#: 150 calibration windows can't give a p-value below 1/151, so ten false alerts a day are accepted.
SETTINGS = DetectorSettings(
    CatalogueSettings((CATALOGUE,)),
    b"key",
    forest=ForestSettings(trees=80),
    accepted_false_alerts_per_day=10.0,
)


def campus(client: str = "10.0.0.{}", scans_from: int = 55) -> list[NDArray[np.void]]:
    """A list of deltas a minute: ten hosts with some web flows, host 3 scanning slowly at the end."""
    random = np.random.default_rng(2)
    minutes = []
    for minute in range(MINUTES):
        flows: list[dict[str, Any]] = [
            {
                "minute": minute,
                "client": client.format(host),
                "server": f"203.0.113.{random.integers(1, 60)}",
                "packets_c2s": int(random.integers(4, 40)),
                "bytes_c2s": int(random.integers(400, 9000)),
                "bytes_s2c": int(random.integers(2000, 90_000)),
            }
            for host in range(1, 11)
            for _ in range(int(random.integers(3, 9)))
        ]
        if minute >= scans_from:
            flows += [
                {"minute": minute, "client": client.format(3), "server": f"198.51.{minute}.{at}", **SILENT}
                for at in range(24)
            ]
        made = deltas(*flows)
        made["flow"] += 1000 * minute
        minutes.append(made)
    return minutes


def judged(detectors: Detectors, blocks: list[NDArray[np.void]]) -> Judged:
    """All that comes out, whenever it does."""
    parts = []
    for block in blocks:
        known = facts(block)
        detectors.take(block, known, detectors.classify(known, block), no_queries(block))
        parts.append(detectors.advance(int(block["window_start_ns"].max()) + MINUTE))
    parts.append(detectors.finish())
    findings = {finding.id: finding for part in parts for finding in (*part.findings, *part.updates)}
    return Judged(np.concatenate([part.windows for part in parts]), list(findings.values()))


def new(settings: DetectorSettings = SETTINGS) -> Detectors:
    return Detectors(settings, StringTable(1000, 10_000))


def test_a_replay_finds_the_planted_scan_and_nothing_else() -> None:
    detectors = new()
    got = judged(detectors, campus())
    assert len(minutes(got)) == 10 * MINUTES
    assert not detectors.hosts_are_clients
    assert not any(detectors.counters.values())
    (finding,) = got.findings
    assert finding.subject.value == "10.0.0.3"
    assert finding.patterns == ("scan-horizontal",)
    assert START + 53 * MINUTE <= finding.start_ns <= START + 55 * MINUTE  # the forest may add two
    assert finding.end_ns == START + 60 * MINUTE
    # Twenty host-hours promise nothing about one in a thousand: the pattern alone speaks.
    assert finding.p_value is None
    ours = minutes(got)[minutes(got)["phase"] == SCORE]
    strangest = ours[np.argsort(-ours["score"], kind="stable")[:5]]
    assert {address_text(int(w["host_hi"]), int(w["host_lo"])) for w in strangest} == {"10.0.0.3"}


def minutes(got: Judged) -> NDArray[np.void]:
    """The windows of a minute; hours stand beside them."""
    return got.windows[got.windows["seconds"] == MINUTE_SECONDS]


def test_the_cut_into_blocks_changes_nothing() -> None:
    whole = np.concatenate(campus())
    cuts = [
        campus(),
        [whole],
        [whole[at : at + 97] for at in range(0, len(whole), 97)],
    ]
    results = [judged(new(), blocks) for blocks in cuts]
    told = [(got.windows.tobytes(), [finding.to_json() for finding in got.findings]) for got in results]
    assert told[0] == told[1] == told[2]


def test_clients_are_the_hosts_while_no_address_is_inside() -> None:
    detectors = new()
    outside = campus(client="198.18.0.{}")
    got = judged(detectors, outside)
    assert detectors.hosts_are_clients
    assert len(minutes(got)) == 10 * MINUTES
    assert [finding.subject.value for finding in got.findings] == ["198.18.0.3"]

    detectors = new()
    inside = deltas({"minute": MINUTES, "client": "10.0.0.1"})
    got = judged(detectors, [*outside, inside])
    assert not detectors.hosts_are_clients
    assert len(minutes(got)) == 1
    assert got.findings == []


def test_live_running_collects_and_still_tells_loud_patterns() -> None:
    live = replace(SETTINGS, learn_from_replay=False, clients_may_be_hosts=False)
    got = judged(new(live), campus())
    assert len(minutes(got)) == 10 * MINUTES
    assert np.isnan(got.windows["score"]).all()
    assert [(f.subject.value, f.patterns, f.p_value) for f in got.findings] == [
        ("10.0.0.3", ("scan-horizontal",), None)
    ]
    assert judged(new(live), campus(client="198.18.0.{}")).windows.size == 0


@pytest.mark.parametrize("client", ["10.0.0.{}", "198.18.0.{}"])
def test_a_model_file_scores_every_window(tmp_path: Path, client: str) -> None:
    teacher = new()
    judged(teacher, campus(scans_from=MINUTES))
    model = teacher._hosts._scorer.model
    assert model is not None
    save(model, tmp_path / "m.npz")
    got = judged(new(replace(SETTINGS, model_file=tmp_path / "m.npz")), campus(client))
    assert len(minutes(got)) == 10 * MINUTES
    assert (minutes(got)["phase"] == SCORE).all()
    assert {finding.subject.value for finding in got.findings} == {client.format(3)}


def test_a_short_replay_is_cold() -> None:
    got = judged(new(), campus()[:20])
    assert (got.windows["phase"] == COLD).all()
    assert got.findings == []


def test_nothing_in_nothing_out() -> None:
    detectors = new()
    got = judged(detectors, [])
    assert len(got.windows) == 0
    assert got.findings == []
    detectors = new()
    empty = deltas()
    detectors.take(empty, facts(empty), detectors.classify(facts(empty), empty), no_queries(empty))
    assert len(detectors.finish().windows) == 0


def test_dns_counts_are_taken_once_over_the_minutes_of_a_flow() -> None:
    strings = StringTable(1000, 100_000)
    names = np.array([strings.add(b"a" * 60 + b"%03d.tunnel.example" % at) for at in range(40)], np.int32)
    detectors = Detectors(SETTINGS, strings)
    for minute, asked in enumerate((25, 25, 40)):
        made = deltas({"flow": 5, "minute": minute, "opened": minute == 0, "server_port": 53, "protocol": 17})
        known = facts(made)
        known["dns_query_count"], known["dns_nxdomain"] = asked, asked // 5
        detectors.take(made, known, detectors.classify(known, made), (np.array([0, asked]), names[:asked]))
        detectors.advance(START + (minute + 1) * MINUTE)
    got = detectors.finish()
    assert minutes(got)["features"][:, 10].tolist() == [25, 0, 15]
    assert [finding.patterns for finding in got.findings] == [("dns-tunnel",)]
    assert got.findings[0].evidence["dns-tunnel"]["names"] == 40
