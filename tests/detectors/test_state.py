"""Detectors that are put away and taken up again tell what they would have told."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from detectors.catalogue.settings import CatalogueSettings
from detectors.findings import Finding
from detectors.forest.isolation import ForestSettings
from detectors.forest.learner import Schedule
from detectors.forest.model import Model
from detectors.forest.model_file import save
from detectors.judge import Detectors
from detectors.parts import Parts
from detectors.settings import DetectorSettings
from detectors.window_features import FEATURE_AT, FEATURE_NAMES, WINDOW
from tests.detectors.conftest import CATALOGUE
from tests.detectors.made_deltas import MINUTE, START, deltas, facts, no_queries
from tests.detectors.test_judge import campus
from wire.names.strings import StringTable

SETTINGS = DetectorSettings(
    CatalogueSettings((CATALOGUE,)), b"key", learn_from_replay=False, clients_may_be_hosts=False,
    accepted_false_alerts_per_day=10.0, forest=ForestSettings(trees=60),
    schedule=Schedule(collect_seconds=3 * 3600),
)  # fmt: skip


def _tunnel(minute: int, strings: StringTable) -> tuple[NDArray[np.void], NDArray[np.int32]]:
    """A minute of one host asking for many long names of one domain, and their ids."""
    made = deltas(
        {"minute": minute, "client": "10.0.0.9", "server": "10.0.0.53", "server_port": 53, "protocol": 17}
    )
    made["flow"] = 10_000 + minute
    names = [strings.add(f"{minute:02d}{i:03d}{'abcdefgh' * 7}.tunnel.example".encode()) for i in range(80)]
    return made, np.array(names, np.int32)


def _told(stops: list[int], learned_every: int = 1) -> tuple[NDArray[np.void], list[Finding], Detectors]:
    """Windows and findings of an hour, with a restart after each of these minutes, and who told them.

    learned_every: what was learned is put away after so many minutes only.
    """
    strings = StringTable(20_000, 4 << 20)
    detectors = Detectors(SETTINGS, strings)
    windows, findings = [], []
    learned: Parts | None = None
    for minute, block in enumerate(campus()):
        known = facts(block)
        detectors.take(block, known, detectors.classify(known, block), no_queries(block))
        asked, names = _tunnel(minute, strings)
        known = facts(asked)
        known["dns_query_count"] = len(names)
        detectors.take(
            asked, known, detectors.classify(known, asked), (np.array([0, len(names)]), names)
        )
        got = detectors.advance(START + (minute + 1) * MINUTE)
        windows.append(got.windows)
        findings += [*got.findings, *got.updates]
        if minute in stops:
            state = {key: value.copy() for key, value in detectors.state().items()}
        if minute % learned_every == learned_every - 1:
            learned = {key: value.copy() for key, value in detectors.learned().items()}
        if minute in stops:
            strings = StringTable(20_000, 4 << 20)
            strings.add(b"another.name.has.this.id")
            detectors = Detectors(SETTINGS, strings)
            detectors.restore(state)
            if learned is not None:
                detectors.recall(learned)
            detectors.catch_up()
    last = detectors.so_far(START + 70 * MINUTE)
    findings += [*last.findings, *last.updates]
    return np.concatenate([*windows, last.windows]), findings, detectors


@pytest.mark.parametrize("stops", [[30], list(range(50, 60))])
def test_a_restart_changes_nothing(stops: list[int]) -> None:
    windows, findings, _ = _told([])
    again, found_again, _ = _told(stops)
    assert again.tobytes() == windows.tobytes()
    assert [each.to_json() for each in found_again] == [each.to_json() for each in findings]
    patterns = {pattern for each in findings for pattern in each.patterns}
    assert {"dns-tunnel", "scan-horizontal"} <= patterns


@pytest.mark.parametrize("stops", [[11, 30], [29, 49, 57]])
def test_who_is_killed_has_learned_what_the_checkpoint_knew(stops: list[int]) -> None:
    """What was learned is of up to twenty minutes before. New is what a filter of then does not know."""
    windows, findings, whole = _told([])
    again, found_again, killed = _told(stops, learned_every=20)
    new = [FEATURE_AT[name] for name in FEATURE_NAMES if name.startswith("new_")]
    for each in (windows, again):
        each["features"][:, new] = 0
    assert np.array_equal(again["features"], windows["features"])
    assert [(each.id, each.end_ns) for each in found_again] == [(each.id, each.end_ns) for each in findings]
    ours, theirs = killed.learned(), whole.learned()
    for name in ("hosts/context/memory/keys", "hosts/context/memory/count60", "scorer/plain"):
        assert np.array_equal(ours[name], theirs[name]), name
    assert len(ours["hosts/context/memory/keys"]) > 5
    assert killed.learner is not None
    assert whole.learner is not None
    assert len(killed.learner._sample) == len(whole.learner._sample) > 100


def test_what_was_kept_after_the_checkpoint_is_not_told_its_news() -> None:
    """Killed between the two: what was learned holds all that the news would tell."""
    detectors = Detectors(SETTINGS, StringTable(1_000, 10_000))
    for minute, block in enumerate(campus()[:20]):
        known = facts(block)
        detectors.take(block, known, detectors.classify(known, block), no_queries(block))
        detectors.advance(START + (minute + 1) * MINUTE)
    state = {key: value.copy() for key, value in detectors.state().items()}
    learned = {key: value.copy() for key, value in detectors.learned().items()}
    assert len(state["news/hosts/windows/packed"]) > 0
    again = Detectors(SETTINGS, StringTable(1_000, 10_000))
    again.restore(state)
    again.recall(learned)
    again.catch_up()
    assert again.learner is not None
    assert detectors.learner is not None
    assert len(again.learner._sample) == len(detectors.learner._sample) > 0


def test_a_replay_by_a_model_keeps_no_news(tmp_path: Path) -> None:
    """It has no checkpoints, and would keep all its windows."""
    draw = np.random.default_rng(1)
    windows = np.zeros(900, WINDOW)
    windows["features"] = draw.lognormal(0, 0.5, windows["features"].shape)
    save(Model.learn(windows[:500], windows[500:], ForestSettings(trees=5)), tmp_path / "m.npz")
    settings = replace(SETTINGS, learn_from_replay=True, model_file=tmp_path / "m.npz")
    detectors = Detectors(settings, StringTable(1_000, 10_000))
    closed = 0
    for minute, block in enumerate(campus()[:20]):
        known = facts(block)
        detectors.take(block, known, detectors.classify(known, block), no_queries(block))
        closed += len(detectors.advance(START + (minute + 1) * MINUTE).windows)
    assert closed > 0
    assert "windows/packed" not in detectors._hosts.news()


def test_what_was_learned_before_embeddings_were_kept_is_taken_back() -> None:
    learned = Detectors(SETTINGS, StringTable(1_000, 10_000)).learned()
    earlier = {key: value for key, value in learned.items() if not key.startswith("riders/")}
    assert len(earlier) < len(learned)
    Detectors(SETTINGS, StringTable(1_000, 10_000)).recall(earlier)


def test_what_goes_on_is_told_at_a_stop_and_again_when_it_has_grown() -> None:
    detectors = Detectors(SETTINGS, StringTable(1_000, 10_000))

    def scans(minutes: range) -> list[Finding]:
        for block in [campus()[minute] for minute in minutes]:
            known = facts(block)
            detectors.take(block, known, detectors.classify(known, block), no_queries(block))
        judged = detectors.so_far(START + minutes.stop * MINUTE)
        return [*judged.findings, *judged.updates]

    (first,) = scans(range(54, 57))
    assert first.patterns == ("scan-horizontal",)
    state = detectors.state()
    detectors = Detectors(SETTINGS, StringTable(1_000, 10_000))
    detectors.restore(state)
    assert scans(range(57, 57)) == []
    (later,) = scans(range(57, 59))
    assert later.id == first.id
    assert later.end_ns > first.end_ns
