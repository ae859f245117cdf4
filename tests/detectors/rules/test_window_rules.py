"""Each rule that judges a window of a service against its own past."""

from __future__ import annotations

from typing import Any, NoReturn

import pytest

from detectors.rules.anomalous_service import ANOMALOUS_SERVICE
from detectors.rules.important_service_degraded import IMPORTANT_SERVICE_DEGRADED
from detectors.rules.rule import Knowledge, WindowCase
from detectors.use.windows import ServiceWindow
from tests.detectors.rules.cases import found, knowledge, on_list, window

APP = "sample-baoming"
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
    quiet = WindowCase(window(known, APP, 12, opened=9, flows=9, failed=9), past, known)
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
