"""Verdicts on services: what lowers a window, what does not, and what a service's past makes of them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from detectors import feedback
from detectors.campus_networks import DEFAULT_NETWORKS
from detectors.feedback import FALSE_POSITIVE, TRUE_POSITIVE, Feedback, FeedbackError, Review
from detectors.findings import Finding, Subject
from detectors.networks import Networks
from detectors.policy import Policy
from detectors.rules.anomalous_service import ANOMALOUS_SERVICE
from detectors.rules.rule import Words
from detectors.rules.signal import confidence
from tests.detectors.rules.cases import knowledge
from tests.detectors.test_policy import EVENING, MINUTE, connections, said

OURS, OTHER = "sample-zuoye", "sample-baoming"
QUARTER = 15 * MINUTE
DAY = 1440 * MINUTE
KNOWN = knowledge()
NOW = "2026-11-24T00:00:00Z"


def strange(
    *figures: str, service: str = OURS, value: float = 2.0, days: float = 1.0, rule: str = "anomalous-service"
) -> Finding:
    """A finding of a quarter of an hour, so many times the threshold, so many days after the first."""
    start = EVENING + int(days * DAY)
    return replace(
        KNOWN.finding(
            ANOMALOUS_SERVICE, Subject("service", service), (start, start + QUARTER), confidence(value, 1.0),
            {"deviations": dict.fromkeys(figures, 9.0)}, Words("甲", "a"),
        ),
        rule=rule,
    )  # fmt: skip


def review(path: Path, finding: Finding, verdict: str = FALSE_POSITIVE, days: float = 30) -> Review:
    until = finding.end_ns + int(days * DAY)
    told = finding.to_json()
    given = feedback.review_of(told, verdict, finding.start_ns, finding.end_ns, until, NOW, "an exam")
    return feedback.add(path, given)


def test_the_like_of_that_service_is_lowered_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "feedback.jsonl"
    review(path, strange("flows", "devices", days=0))
    running = Feedback(path, KNOWN.origin)
    cases = [
        (strange("flows"), True),
        (strange("devices", "flows"), True),
        (strange("flows", value=3.9), True),
        (strange("flows", value=4.1), False),  # twice as strong as what was reviewed
        (strange("failed_share"), False),
        (strange("flows", "failed_share"), False),  # told whole
        (strange("flows", service=OTHER), False),
        (strange("flows", rule="important-service-degraded"), False),
        (strange("flows", days=30), True),
        (strange("flows", days=30.02), False),  # it has ended
    ]
    assert [running.lowers(finding) for finding, _ in cases] == [expected for _, expected in cases]


def test_a_window_is_one_hit_of_a_verdict_and_of_each_figure(tmp_path: Path) -> None:
    path = tmp_path / "feedback.jsonl"
    given = review(path, strange("flows", "devices", days=0))
    beside = review(path, strange("bytes_up", days=0.1))
    running = Feedback(path, KNOWN.origin)
    assert running.lowers(strange("flows", "devices"))
    assert running.lowers(strange("flows", "bytes_up"))
    assert not running.lowers(strange("flows", "failed_share"))
    assert running.hits == {given.id: 2, beside.id: 1}
    figures = ("flows", "devices", "bytes_up", "failed_share")
    assert [running.lowered[name] for name in figures] == [2, 1, 1, 0]
    again = Feedback(path, KNOWN.origin)
    again.restore(running.state())
    assert (again.hits, again.lowered) == (running.hits, running.lowered)


def test_a_true_one_lowers_nothing_and_one_taken_back_neither(tmp_path: Path) -> None:
    path = tmp_path / "feedback.jsonl"
    true = review(path, strange("flows"), TRUE_POSITIVE)
    running = Feedback(path, KNOWN.origin)
    assert not running.lowers(strange("flows"))
    assert running.confirms(strange("flows"))
    assert not running.confirms(strange("flows", days=2))
    false = review(path, strange("flows"))
    running.refresh()
    assert running.lowers(strange("flows"))
    for each in (true, false):
        feedback.revert(path, each.id, "no", NOW)
    running.refresh()
    assert not running.lowers(strange("flows"))
    assert not running.confirms(strange("flows"))


def test_other_rules_and_signs_of_two_kinds_take_no_verdict(tmp_path: Path) -> None:
    with pytest.raises(FeedbackError, match="unfiled-app"):
        review(tmp_path / "f.jsonl", strange("flows", rule="unfiled-app"))
    given = review(tmp_path / "f.jsonl", strange("flows"))
    with pytest.raises(FeedbackError):
        feedback.add(tmp_path / "f.jsonl", replace(given, signs=("flows", "forest")))


def judged(path: Path, failed: dict[int, int], windows: range, made: Policy | None = None) -> Any:
    """Thirty connections a quarter of an hour, of which some fail: what is told, and the policy."""
    if made is None:
        networks = Networks(DEFAULT_NETWORKS)
        made = Policy(
            KNOWN.catalogue, KNOWN.register, KNOWN.settings, "Asia/Shanghai", networks, KNOWN.origin, str,
            Feedback(path, KNOWN.origin),
        )  # fmt: skip
    told = []
    index = KNOWN.catalogue.ids.index(OURS)
    for window in windows:
        rows, facts, service = connections(index, window, 60)
        count = failed.get(window, 0)
        rows["tcp_flags"][:count], rows["payload_bytes"][:count] = [2, 4], 0
        facts["tls"][:count] = 0
        made.take_rows(rows, facts, service)
        told += said(made.advance(EVENING + (window + 2) * QUARTER, all_clients=False))
    starts = [each.start_ns for each in told if each.rule == "anomalous-service"]
    return [(start - EVENING) // QUARTER for start in starts], told, made


def past_of(made: Policy) -> list[int]:
    index = KNOWN.catalogue.ids.index(OURS)
    return [(each.start_ns - EVENING) // QUARTER for each in made._past.of(index)]


def test_a_lowered_window_belongs_to_the_service_and_to_no_ranks(tmp_path: Path) -> None:
    path = tmp_path / "feedback.jsonl"
    found, told, made = judged(path, {14: 40}, range(16))
    assert found == [14]
    assert past_of(made) == [each for each in range(16) if each != 14]
    review(path, next(each for each in told if each.rule == "anomalous-service"))
    found, _, made = judged(path, {14: 40}, range(16))
    assert found == []
    assert past_of(made) == list(range(16))
    # Twelve windows make the first past; of the other four, what was lowered is no rank.
    assert len(made._usual.state()["fresh"]) + len(made._usual.state()["kept"]) == 3


def test_a_running_sensor_hears_of_verdicts(tmp_path: Path) -> None:
    path = tmp_path / "feedback.jsonl"
    found, told, made = judged(path, {14: 40}, range(16))
    (finding,) = (each for each in told if each.rule == "anomalous-service")
    review(path, finding)
    found, _, _ = judged(path, {17: 40}, range(16, 19), made)
    assert found == []
    assert past_of(made) == list(range(19))
    given = review(path, finding, TRUE_POSITIVE)
    judged(path, {}, range(19, 20), made)
    assert past_of(made) == [each for each in range(20) if each != 14]
    feedback.revert(path, feedback.read(path).all[0].id, "no", NOW)
    found, _, _ = judged(path, {21: 40}, range(20, 23), made)
    assert found == [21]
    assert given.id in {each.id for each in feedback.read(path).in_force}


def test_what_goes_on_becomes_usual_unless_people_say_that_it_is_true(tmp_path: Path) -> None:
    path = tmp_path / "feedback.jsonl"
    lasting = dict.fromkeys(range(14, 24), 40)
    found, told, made = judged(path, lasting, range(25))
    assert found == list(range(14, 24))
    assert past_of(made) == [*range(14), 22, 23, 24]
    for each in told:
        if each.rule == "anomalous-service" and each.start_ns >= EVENING + 22 * QUARTER:
            review(path, each, TRUE_POSITIVE)
    again, _, replayed = judged(path, lasting, range(25))
    judged(path, {}, range(25, 26), made)
    assert again == found
    assert past_of(replayed) == [*range(14), 24]
    assert past_of(made) == [*range(14), 24, 25]


def test_what_was_left_out_survives_a_restart(tmp_path: Path) -> None:
    path = tmp_path / "feedback.jsonl"
    _, told, made = judged(path, {14: 40}, range(16))
    second = judged(path, {}, range(0))[2]
    second.restore({name: part.copy() for name, part in made.state().items()})
    review(path, next(each for each in told if each.rule == "anomalous-service"))
    judged(path, {}, range(16, 17), second)
    assert past_of(second) == list(range(17))
    assert np.all(np.diff(past_of(second)) > 0)
