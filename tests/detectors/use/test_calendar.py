"""Days, school days and curfews, in the campus's time zone."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from typing import Any

import pytest
import yaml
from pydantic import ValidationError

from detectors.rules.settings import CalendarSettings, RuleSettings
from detectors.use.calendar import Calendar


def calendar(zone: str = "Asia/Shanghai", **settings: Any) -> Calendar:
    return Calendar(CalendarSettings.model_validate(settings), zone)


def ns(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * 1_000_000_000


def clock(minute: int) -> str:
    return datetime.fromtimestamp(minute * 60, UTC).isoformat(timespec="minutes")[:16]


def test_days_begin_at_local_midnight() -> None:
    here = calendar()
    assert here.day_of(ns("2024-05-05T15:59:59")) == date(2024, 5, 5)
    assert here.day_of(ns("2024-05-05T16:00:00")) == date(2024, 5, 6)
    assert here.start_ns(date(2024, 5, 6)) == ns("2024-05-05T16:00:00")
    assert here.end_ns(date(2024, 5, 6)) == ns("2024-05-06T16:00:00")


def test_a_day_of_summer_time_has_its_own_length() -> None:
    berlin = calendar("Europe/Berlin")
    day = date(2024, 3, 31)
    assert berlin.end_ns(day) - berlin.start_ns(day) == 23 * 3_600_000_000_000


def test_school_days() -> None:
    here = calendar(
        holidays=["2024-05-03", {"first": "2024-07-10", "last": "2024-08-31"}],
        workdays=["2024-05-11", "2024-07-12"],
    )
    days = {
        "2024-05-02": True, "2024-05-03": False, "2024-05-04": False, "2024-05-11": True, "2024-07-09": True,
        "2024-07-10": False, "2024-07-12": True, "2024-08-31": False, "2024-09-02": True,
    }  # fmt: skip
    assert {day: here.is_school_day(date.fromisoformat(day)) for day in days} == days


def test_a_night_follows_the_day_that_comes_after_it() -> None:
    here = calendar(
        curfew={"start": "22:00", "end": "06:00"},
        curfew_before_free_days={"start": "23:30", "end": "05:00"},
    )
    friday = [tuple(map(clock, part)) for part in here.curfew_minutes(date(2024, 5, 10))]
    assert friday == [("2024-05-09T16:00", "2024-05-09T22:00"), ("2024-05-10T15:30", "2024-05-10T16:00")]
    sunday = [tuple(map(clock, part)) for part in here.curfew_minutes(date(2024, 5, 12))]
    assert sunday == [("2024-05-11T16:00", "2024-05-11T21:00"), ("2024-05-12T14:00", "2024-05-12T16:00")]


def test_a_curfew_within_one_day() -> None:
    here = calendar(curfew={"start": "12:00", "end": "14:00"})
    (part,) = here.curfew_minutes(date(2024, 5, 7))
    assert tuple(map(clock, part)) == ("2024-05-07T04:00", "2024-05-07T06:00")


@pytest.mark.parametrize("text", ["22:30", '"22:30"', "22:30:00", "'22:30:00'"])
def test_a_time_of_the_clock_with_and_without_quotes(text: str) -> None:
    told = yaml.safe_load(f"curfew: {{start: {text}, end: 06:00}}")
    curfew = CalendarSettings.model_validate(told).curfew
    assert (curfew.start, curfew.end) == (time(22, 30), time(6, 0))


@pytest.mark.parametrize(
    "bad",
    [
        {"holidays": [{"first": "2024-05-05", "last": "2024-05-01"}]},
        {"holidays": ["yesterday"]},
        {"curfew": {"start": "25:00"}},
        {"curfews": {}},
    ],
)
def test_calendars_that_are_none(bad: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        RuleSettings.model_validate({"calendar": bad})
