"""Verdicts: what a reviewed false positive lowers, what it does not touch, and how it is taken back."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors import feedback
from detectors.feedback import OF_HOSTS, Feedback, FeedbackError, Review, subjects_of
from detectors.findings import Origin, Subject
from detectors.forest.found import Found
from detectors.parts import of_json
from detectors.rules.signal import Signal, confidence, host_text
from tests.detectors.made_deltas import MINUTE, START, pair

ORIGIN = Origin("school", "sensor", b"k" * 32)
OURS, OTHER = pair("10.0.0.5"), pair("10.0.0.6")
DAY = 1440 * MINUTE


def sign(
    pattern: str | None = "exfiltration", host: tuple[int, int] = OURS, day: float = 1.0, value: float = 1.5
) -> Signal:
    at = START + int(day * DAY) // MINUTE * MINUTE
    return Signal(host, at, at, confidence(value, 1.0), pattern)


def told(path: Path, *signals: Signal, origin: Origin = ORIGIN) -> list[bool]:
    """Which of the signs are told."""
    kept = Feedback(path, origin).told(signals)
    return [signal in kept for signal in signals]


def false_positive(path: Path, signs: tuple[str, ...] = ("exfiltration",), days: float = 30) -> Review:
    finding = ORIGIN.finding_id("anomalous-host", Subject("host", host_text(OURS)), START)
    until = START + int(days * DAY)
    return feedback.add(
        path,
        Review("", finding, "false-positive", signs, START, START + 5 * MINUTE, confidence(1.5, 1.0), until,
               "2026-11-24T00:00:00Z", "the nightly backup"),
    )  # fmt: skip


def test_the_like_of_that_host_is_lowered_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "feedback.jsonl"
    false_positive(path)
    cases = [
        (sign(), False),
        (sign(value=2.9), False),
        (sign(value=3.1), True),  # twice as strong as what was reviewed
        (sign(host=OTHER), True),
        (sign("beacon"), True),
        (sign(None), True),
        (sign(day=29.9), False),
        (sign(day=30.0), True),  # it has ended
    ]
    assert told(path, *(signal for signal, _ in cases)) == [expected for _, expected in cases]


def test_hits_are_counted_and_survive_a_restart(tmp_path: Path) -> None:
    path = tmp_path / "feedback.jsonl"
    review = false_positive(path, ("exfiltration", "forest"))
    running = Feedback(path, ORIGIN)
    running.told([sign(), sign(None), sign("beacon")])
    again = Feedback(path, ORIGIN)
    again.restore(running.state())
    assert again.hits == {review.id: 2}
    assert (again.lowered["exfiltration"], again.lowered["forest"], again.lowered["beacon"]) == (1, 1, 0)
    assert again.in_force(START) == 1
    assert again.in_force(START + 31 * DAY) == 0


def test_taken_back_while_running(tmp_path: Path) -> None:
    path = tmp_path / "feedback.jsonl"
    running = Feedback(path, ORIGIN)
    assert running.told([sign()]) == [sign()]
    review = false_positive(path)
    running.refresh()
    assert running.told([sign()]) == []
    feedback.revert(path, review.id, "it was one after all", "2026-11-25T00:00:00Z")
    running.refresh()
    assert running.told([sign()]) == [sign()]
    assert feedback.read(path).reverted[review.id]["reason"] == "it was one after all"
    with pytest.raises(FeedbackError):
        feedback.revert(path, review.id, "", "2026-11-25T00:00:00Z")


def test_another_key_recognises_nobody(tmp_path: Path) -> None:
    path = tmp_path / "feedback.jsonl"
    false_positive(path)
    assert told(path, sign(), origin=replace(ORIGIN, key=b"x" * 32)) == [True]


def test_no_address_stands_in_the_file(tmp_path: Path) -> None:
    path = tmp_path / "feedback.jsonl"
    false_positive(path)
    assert host_text(OURS) not in path.read_text()


def test_a_line_cut_off_by_a_crash_costs_that_line_alone(tmp_path: Path) -> None:
    path = tmp_path / "feedback.jsonl"
    false_positive(path)
    whole = path.read_bytes()
    path.write_bytes(whole + whole[:40])
    assert len(feedback.read(path).all) == 1
    assert false_positive(path).id != feedback.read(path).all[0].id
    assert len(feedback.read(path).all) == 2


@settings(max_examples=60)
@given(st.binary(max_size=80))
def test_a_file_that_is_none_is_refused_and_what_was_in_force_stays(tmp_path_factory, noise: bytes) -> None:  # type: ignore[no-untyped-def]
    path = tmp_path_factory.mktemp("f") / "feedback.jsonl"
    false_positive(path)
    running = Feedback(path, ORIGIN)
    path.write_bytes(path.read_bytes() + b"{" + noise + b"\n")
    running.refresh()
    assert running.problem is not None
    assert running.told([sign()]) == []


class _Heard:
    def __init__(self) -> None:
        self.acts: list[tuple[str, tuple[int, int]]] = []
        self.withdrawn: list[str] = []

    def confirm(self, host: tuple[int, int], start_ns: int, end_ns: int, name: str) -> None:
        self.acts.append(("confirm", host))

    def withdraw(self, name: str) -> None:
        self.withdrawn.append(name)

    def clear(self, host: tuple[int, int], start_ns: int, end_ns: int) -> None:
        self.acts.append(("clear", host))


def test_a_learner_hears_of_each_verdict_once(tmp_path: Path) -> None:
    path = tmp_path / "feedback.jsonl"
    review = false_positive(path)
    feedback.add(path, replace(review, verdict="true-positive"))
    running, heard = Feedback(path, ORIGIN), _Heard()
    assert running.news
    running.teach(OF_HOSTS, subjects_of([OTHER, OURS]), heard)
    running.teach(OF_HOSTS, subjects_of([OTHER, OURS]), heard)
    assert heard.acts == [("clear", OURS), ("confirm", OURS)]
    assert running.told([sign()]) == []  # a true positive lowers nothing, and takes no false one back


def test_a_learner_hears_of_a_verdict_that_is_taken_back_also_while_it_was_down(tmp_path: Path) -> None:
    path = tmp_path / "feedback.jsonl"
    review = feedback.add(path, replace(false_positive(path), verdict="true-positive"))
    running, heard = Feedback(path, ORIGIN), _Heard()
    running.teach(OF_HOSTS, subjects_of([OURS]), heard)
    feedback.revert(path, review.id, "it was the scanner's day", "2026-11-24T00:00:00Z")
    again = Feedback(path, ORIGIN)
    again.restore(running.state())
    for each in (running, again):
        each.refresh()
        assert OF_HOSTS in each.news
        each.teach(OF_HOSTS, subjects_of([OURS]), heard)
        assert OF_HOSTS not in each.news
    assert heard.withdrawn == [review.id, review.id]


def test_a_state_of_before_services_took_verdicts_tells_what_its_learner_knows(tmp_path: Path) -> None:
    path = tmp_path / "feedback.jsonl"
    review, heard = false_positive(path), _Heard()
    running = Feedback(path, ORIGIN)
    running.restore({"hits": of_json([{review.id: 3}, {}, [review.id]])})
    running.teach(OF_HOSTS, subjects_of([OURS]), heard)
    assert (running.hits, heard.acts) == ({review.id: 3}, [])


def test_what_was_found_can_be_cleared() -> None:
    found = Found([(OURS, START, START + 9 * MINUTE), (OTHER, START, START + MINUTE)])
    found.clear(OURS, START + 3 * MINUTE, START + 5 * MINUTE)
    assert sorted(found.spans()) == sorted(
        [
            (OURS, START, START + 2 * MINUTE),
            (OURS, START + 6 * MINUTE, START + 9 * MINUTE),
            (OTHER, START, START + MINUTE),
        ]
    )
    found.clear(OURS, START, START + 9 * MINUTE)
    assert found.hosts() == {OTHER}
