"""Articles 8 and 10: who selects an app answers for it; only collectively selected ones may be required.

Measured: an education app in wide use, on at least `least_devices` devices and `least_share` of the
devices that used any education app that day, which the school's complete selection list does not
hold. Not seen: whether its use was required.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from detectors.findings import Finding, Subject
from detectors.rules.rule import DayCase, Rule, Words, listed, title
from detectors.rules.signal import confidence


def _judge(case: DayCase) -> Iterator[Finding]:
    settings = case.known.settings.unselected_app
    apps = {index: app for index, app in case.day.apps.items() if case.is_education(index)}
    users = _devices([app.used for app in apps.values()])
    least = max(settings.least_devices, settings.least_share * users)
    for index, app in apps.items():
        devices = len(app.used)
        if devices < least:
            continue
        selected = case.state(index, "selected")
        if not selected.known:
            case.known.unknown(UNSELECTED_APP)
        if selected.value not in ("none", "no"):
            continue
        service = case.known.service(index)
        names = title(service)
        yield case.known.finding(
            UNSELECTED_APP,
            Subject("app", service.id),
            (app.start_ns, app.end_ns),
            confidence(devices, least),
            {"devices": devices, "devices_of_all_apps": users, "standing": {"selected": listed(selected)}},
            Words(
                f"应用{names.zh}不在本校选用名单中，当日有 {devices} 台设备使用"
                f"（使用教育应用的设备共 {users} 台）。",
                f"{names.en} is not on the school's selection list; {devices} of the {users} devices that "
                "used education apps that day used it.",
            ),
        )


def _devices(uses: list[np.ndarray]) -> int:
    """Distinct devices."""
    if not uses:
        return 0
    pairs = np.concatenate([np.stack([use["device_hi"], use["device_lo"]], axis=1) for use in uses])
    return len(np.unique(pairs, axis=0))


UNSELECTED_APP = Rule(
    "unselected-app",
    ("8", "10"),
    Words("看不到是否要求学生使用。", "Whether its use was required cannot be seen."),
    _judge,
)
