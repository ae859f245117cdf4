"""Findings and the episodes they come from."""

from __future__ import annotations

import json
from dataclasses import replace

from detectors.findings import Finding, Origin, Subject, rfc3339
from detectors.findings_text import FEATURE_WORDS, LIMITS, PATTERNS
from detectors.rules.anomalous_host import findings
from detectors.rules.episodes import Due, Episodes
from detectors.rules.patterns.watches import PATTERN_NAMES
from detectors.rules.signal import Signal, confidence
from detectors.window_features import FEATURE_NAMES, MINUTE_NS
from tests.detectors.made_deltas import pair

ORIGIN = Origin("school", "gate", b"a key")
HOST = pair("10.0.0.1")


def sign(minute: int, pattern: str = "flood", host: tuple[int, int] = HOST, strength: float = 0.6) -> Signal:
    return Signal(
        host, minute * MINUTE_NS, minute * MINUTE_NS, strength, pattern, {"amount": 5.0}, ("1.2.3.4",)
    )


def test_signs_that_follow_one_another_are_one_episode() -> None:
    episodes = Episodes()
    episodes.add(
        [sign(0), sign(3), sign(3, "beacon", strength=0.9), sign(20), sign(1, host=pair("10.0.0.2"))]
    )
    over = episodes.due(60 * MINUTE_NS).new
    assert [(e.host[1] & 255, e.start_ns // MINUTE_NS, e.last_ns // MINUTE_NS) for e in over] == [
        (1, 0, 3),
        (2, 1, 1),
        (1, 20, 20),
    ]
    assert over[0].minutes == {"flood": 2, "beacon": 1}
    assert episodes.finish() == Due([], [])


def test_an_episode_is_told_at_once_and_again_under_the_same_id_when_it_is_over() -> None:
    episodes = Episodes()
    told: list[Finding] = []
    for minute in range(30):
        episodes.add([sign(minute)])
        due = episodes.due((minute + 1) * MINUTE_NS)
        assert due.grown == []
        told += findings(due.new, ORIGIN, None)
        assert len(told) == 1
    assert episodes.due(34 * MINUTE_NS) == Due([], [])
    over = episodes.due(60 * MINUTE_NS)
    assert over.new == []
    (again,) = findings(over.grown, ORIGIN, None)
    assert again.id == told[0].id
    assert (told[0].end_ns, again.end_ns) == (MINUTE_NS, 30 * MINUTE_NS)
    assert episodes.finish() == Due([], [])


def test_an_episode_that_did_not_grow_is_told_once() -> None:
    episodes = Episodes()
    episodes.add([sign(0)])
    assert len(episodes.due(MINUTE_NS).new) == 1
    assert episodes.due(60 * MINUTE_NS) == Due([], [])


def test_a_told_episode_keeps_its_start() -> None:
    """A sign whose span began before the first one must not change the id."""
    episodes = Episodes()
    episodes.add([sign(5)])
    (first,) = findings(episodes.due(6 * MINUTE_NS).new, ORIGIN, None)
    episodes.add([replace(sign(6, "beacon"), start_ns=2 * MINUTE_NS)])
    (again,) = findings(episodes.finish().grown, ORIGIN, None)
    assert (again.id, again.start_ns, again.patterns) == (first.id, first.start_ns, ("beacon", "flood"))


def test_open_episodes_are_bounded() -> None:
    episodes = Episodes(max_open=10)
    episodes.add([sign(0, host=pair(f"10.0.0.{at}")) for at in range(25)])
    assert len(episodes.due(0).new) == 25
    episodes.add([sign(1, host=pair(f"10.0.0.{at}")) for at in range(15, 25)])
    assert len(episodes.finish().grown) == 10  # the others had to leave, told


def test_the_fields_of_a_finding() -> None:
    episodes = Episodes()
    episodes.add([sign(0), sign(1, "scan-vertical", strength=0.8)])
    (finding,) = findings(episodes.finish().new, ORIGIN, None)
    told = json.loads(json.dumps(finding.to_json(), ensure_ascii=False))
    text = told.pop("text")
    assert told == {
        "schema": 1,
        "id": ORIGIN.finding_id("anomalous-host", Subject("host", "10.0.0.1"), 0),
        "campus": "school",
        "sensor": "gate",
        "rule": "anomalous-host",
        "article": ["7"],
        "subject": {"kind": "host", "value": "10.0.0.1"},
        "start": "1970-01-01T00:00:00.000000000Z",
        "end": "1970-01-01T00:02:00.000000000Z",
        "p_value": None,
        "confidence": 0.8,
        "patterns": ["flood", "scan-vertical"],
        "evidence": {
            "minutes": 2,
            "hosts_touched": 0,
            "flood": {"amount": 5.0},
            "scan-vertical": {"amount": 5.0},
            "peers": ["1.2.3.4"],
        },
        "limits": LIMITS["anomalous-host"],
    }
    assert text["zh"] == "该主机连续 2 分钟内行为异常，表现为洪泛、端口扫描（单一目标）。"
    assert text["en"].startswith("Within 2 min this host behaved unusually, in the manner of a flood and")
    assert "10.0.0.1" not in text["zh"] + text["en"]


def test_ids_depend_on_key_rule_subject_and_start() -> None:
    subject = Subject("host", "10.0.0.1")
    ids = {
        ORIGIN.finding_id("r", subject, 1),
        ORIGIN.finding_id("r", subject, 2),
        ORIGIN.finding_id("q", subject, 1),
        ORIGIN.finding_id("r", Subject("host", "10.0.0.2"), 1),
        Origin("school", "gate", b"other").finding_id("r", subject, 1),
    }
    assert len(ids) == 5
    assert {len(each) for each in ids} == {32}


def test_every_pattern_and_feature_has_its_words() -> None:
    assert set(PATTERNS) == set(PATTERN_NAMES)
    assert set(FEATURE_WORDS) == set(FEATURE_NAMES)


def test_confidence_and_time() -> None:
    assert [confidence(each, 10) for each in (10, 20, 100)] == [0.5, 0.75, 0.95]
    assert rfc3339(1_700_000_000_123_456_789) == "2023-11-14T22:13:20.123456789Z"
    assert rfc3339(-1) == "1969-12-31T23:59:59.999999999Z"


def test_hours_that_follow_one_another_are_one_finding_though_each_comes_an_hour_later() -> None:
    """Signs of hours, told at each hour's end; minutes pass between."""
    episodes = Episodes()
    told: list[Due] = []
    for minute in range(0, 8 * 60):
        hour, rest = divmod(minute, 60)
        if rest == 0 and hour in (2, 3, 4, 7):  # the hours 1, 2 and 3, and 6
            of_hour = replace(sign(minute - 1), start_ns=(minute - 60) * MINUTE_NS, seconds=3_600)
            episodes.add([of_hour])
        told.append(episodes.due(minute * MINUTE_NS))
    told.append(episodes.finish())
    new = [each for due in told for each in due.new]
    assert [each.start_ns // MINUTE_NS for each in new] == [60, 360]
    assert [each.last_ns // MINUTE_NS for due in told for each in due.grown] == [239]
