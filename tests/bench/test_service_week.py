"""The simulated days of apps hold what they say."""

from __future__ import annotations

from collections import Counter

from tests.bench.service_week import _FORMS, _form, scenario


def test_every_form_comes_once_a_day_and_the_clean_days_have_none() -> None:
    week, clean = (scenario(713, quiet) for quiet in (False, True))
    happened = [
        ({"id": f"{each.kind}-{app.service}-{number}", "subject": app.service}, each)
        for app in week.apps
        for number, each in enumerate(app.incidents, 1)
    ]
    forms = Counter((_form(week, entry), int(each.start_hours // 24)) for entry, each in happened)
    assert forms == {(name, day): 1 for name, _ in _FORMS for day in (3, 4, 5)}
    for _, each in happened:
        hour = each.start_hours % 24
        at_night = each.kind == "surge" and each.devices == 10
        assert 2 <= hour <= 4 if at_night else 9 <= hour <= 21
        assert each.start_hours + each.minutes / 60 < week.hours
    assert all(app.incidents == () for app in clean.apps)
    assert clean.model_copy(update={"apps": week.apps}) == week
