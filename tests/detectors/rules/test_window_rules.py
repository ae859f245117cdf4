"""Each rule that judges a window of a service against its own past."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, NoReturn

import numpy as np
import pytest

from detectors.rules.anomalous_service import ANOMALOUS_SERVICE
from detectors.rules.important_service_degraded import IMPORTANT_SERVICE_DEGRADED
from detectors.rules.rule import Knowledge, WindowCase
from detectors.rules.usual_deviations import UsualDeviations
from detectors.use.windows import ServiceWindow
from tests.detectors.rules.cases import found, knowledge, on_list, window

APP = "sample-baoming"
DAY_NS = 86_400_000_000_000
IMPORTANT = [on_list(APP, "business", "exam-registration")]


def case(known: Knowledge, past: int, before: dict[str, Any] | None = None, **now: Any) -> WindowCase:
    """`past` ordinary windows that differ a little, and one now."""
    earlier = [
        window(known, APP, at, **{"opened": 90 + at % 20, "devices": 18 + at % 5, **(before or {})})
        for at in range(past)
    ]
    return WindowCase(window(known, APP, past, **now), earlier, known)


@pytest.mark.parametrize(
    ("now", "deviates"),
    [
        ({"opened": 20_000}, "flows"),
        ({"devices": 2_000}, "devices"),
        ({"up": 900_000_000}, "bytes_up"),
        ({"failed": 60}, "failed_share"),
        ({}, None),
        ({"opened": 300, "devices": 40, "down": 3_000_000}, None),  # a busy quarter of an hour
        ({"opened": 0, "devices": 0}, None),  # silence is no attack
        ({"failed": 5}, None),
    ],
)
def test_anomalous_service(now: dict[str, Any], deviates: str | None) -> None:
    findings = found(ANOMALOUS_SERVICE, case(knowledge(), 12, **now))
    assert [list(each.evidence["deviations"]) for each in findings] == ([[deviates]] if deviates else [])


def test_anomalous_service_needs_a_past_and_enough_to_say() -> None:
    known = knowledge()
    assert found(ANOMALOUS_SERVICE, case(known, 11, opened=20_000)) == []
    assert found(ANOMALOUS_SERVICE, case(known, 12, opened=49, flows=49, failed=40)) == []


def test_the_past_of_a_service_that_is_hardly_used_is_not_looked_at() -> None:
    class Untouched(list[ServiceWindow]):
        def __iter__(self) -> NoReturn:
            raise AssertionError("made for nothing")

    known = knowledge(IMPORTANT)
    past = Untouched([window(known, APP, at) for at in range(12)])
    quiet = WindowCase(window(known, APP, 12, opened=4, flows=4, failed=4), past, known)
    for rule in (ANOMALOUS_SERVICE, IMPORTANT_SERVICE_DEGRADED):
        assert found(rule, quiet) == []


def test_anomalous_service_knows_the_time_of_day() -> None:
    known = knowledge()
    days = [
        window(known, APP, at + 96 * day, opened=3_000 if 32 <= at < 40 else 10)
        for day in range(5)
        for at in range(96)
    ]
    morning = window(known, APP, 96 * 5 + 34, opened=3_300)
    night = window(known, APP, 96 * 5 + 8, opened=3_300)
    assert found(ANOMALOUS_SERVICE, WindowCase(morning, days, known)) == []
    assert found(ANOMALOUS_SERVICE, WindowCase(night, days, known))


def ranked(days: int, a_day: int = 200, seed: int = 1) -> UsualDeviations:
    """What a campus knows after some days: most windows deviate little, some more."""
    draw, usual = np.random.default_rng(seed), UsualDeviations()
    for day in range(days):
        usual.begin(day * DAY_NS)
        for at in range(a_day):
            usual.add(day * DAY_NS + at, float(draw.exponential(0.8)))
    usual.begin(days * DAY_NS)
    return usual


def test_the_accepted_number_of_false_alerts_decides_once_enough_is_known() -> None:
    """Six deviations of a small service: too little at first, rare enough later."""
    known, days = knowledge(), ranked(10)
    small = case(known, 12, {"opened": 5, "devices": 4}, opened=40, devices=4, flows=0)
    assert found(ANOMALOUS_SERVICE, small) == []
    (finding,) = found(ANOMALOUS_SERVICE, replace(small, usual=days))
    assert finding.p_value is not None
    assert finding.p_value <= 0.5 / 200
    assert list(finding.evidence["deviations"]) == ["flows"]
    assert "flows 40 (usually 5)" in finding.text["en"]
    assert "连接数 40（通常 5）" in finding.text["zh"]


def test_as_many_usual_windows_are_found_as_are_accepted() -> None:
    usual, draw = ranked(30), np.random.default_rng(2)
    threshold = usual.threshold(0.5)
    assert threshold is not None
    fresh = draw.exponential(0.8, 400_000)
    assert 0.5 < np.mean(fresh >= threshold) * 200 / 0.5 < 1.5
    assert usual.p_value(threshold + 0.01) <= 0.5 / 200 < usual.p_value(threshold - 0.1)


def test_too_few_usual_windows_say_nothing() -> None:
    assert ranked(2).threshold(0.5) is None
    assert ranked(3).threshold(0.5) is not None
    assert ranked(2).p_value(100.0) == 1.0


def test_what_is_usual_survives_a_restart() -> None:
    usual, again = ranked(5), UsualDeviations()
    usual.add(5 * DAY_NS + 1, 2.0)
    again.restore({name: value.copy() for name, value in usual.state().items()})
    assert again.threshold(0.5) == usual.threshold(0.5)
    usual.begin(6 * DAY_NS)
    again.begin(6 * DAY_NS)
    assert again.threshold(0.5) == usual.threshold(0.5)
    assert len(again.state()["kept"]) == 1_001
    older = UsualDeviations()
    older.restore({})
    assert older.threshold(0.5) is None


@pytest.mark.parametrize(
    ("now", "worse"),
    [
        ({"failed": 12}, "failed_share"),
        ({"failed": 10}, None),  # a tenth, but not a tenth more than usual
        ({"rtt_ms": 70.0}, "rtt_ms"),
        ({"rtt_ms": 69.0}, None),
        ({"retransmissions": 140}, "retransmitted_share"),
        ({"retransmissions": 139}, None),
        ({"flows": 19, "failed": 19}, None),
        ({}, None),
    ],
)
def test_important_service_degraded(now: dict[str, Any], worse: str | None) -> None:
    findings = found(IMPORTANT_SERVICE_DEGRADED, case(knowledge(IMPORTANT), 8, **now))
    assert [list(each.evidence["worse"]) for each in findings] == ([[worse]] if worse else [])


def test_what_was_always_bad_has_not_degraded() -> None:
    known = knowledge(IMPORTANT)
    always = {"failed": 40, "rtt_ms": 300.0}
    assert found(IMPORTANT_SERVICE_DEGRADED, case(known, 20, always, failed=45)) == []


def test_important_service_needs_a_past_and_a_business() -> None:
    bad = {"failed": 80}
    assert found(IMPORTANT_SERVICE_DEGRADED, case(knowledge(IMPORTANT), 7, **bad)) == []
    teaching = knowledge([on_list(APP, "business", "teaching")])
    assert found(IMPORTANT_SERVICE_DEGRADED, case(teaching, 20, **bad)) == []
    assert teaching.silent == {}
    nobody = knowledge()
    assert found(IMPORTANT_SERVICE_DEGRADED, case(nobody, 20, **bad)) == []
    assert nobody.silent == {"important-service-degraded": 1}
