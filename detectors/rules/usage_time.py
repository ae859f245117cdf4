"""Article 5: apps that mainly serve minors limit the time of their use.

Measured: active minutes (detectors/use/sessions.py) of each device with one app on one local day,
for apps whose audience a list gives as minors. Found: devices at or above the limit, which is one for
school days and one for free days. Not seen: who holds the device; use without traffic.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from detectors.findings import Finding, Subject
from detectors.rules.rule import DayCase, Rule, Words, title
from detectors.rules.signal import confidence
from detectors.window_features import MINUTE_NS


def _judge(case: DayCase) -> Iterator[Finding]:
    settings, school_day = case.known.settings.usage_time, case.day.is_school_day
    limit = settings.limit_minutes if school_day else settings.limit_minutes_free_days
    for index, app in case.day.apps.items():
        if not case.is_education(index):
            continue
        long = app.devices[app.devices["active"] >= limit]
        if len(long) == 0:
            continue
        audience = case.state(index, "audience")
        if not audience.known:
            case.known.unknown(USAGE_TIME)
        if not audience.has("minors"):
            continue
        service = case.known.service(index)
        names, longest = title(service), int(long["active"].max())
        yield case.known.finding(
            USAGE_TIME,
            Subject("app", service.id),
            (int(long["first_active"].min()) * MINUTE_NS, (int(long["last_active"].max()) + 1) * MINUTE_NS),
            confidence(longest, limit),
            {
                "devices": len(long),
                "devices_in_use": int(np.count_nonzero(app.devices["active"] > 0)),
                "limit_minutes": limit,
                "longest_minutes": longest,
                "median_minutes": float(np.median(long["active"])),
                "school_day": school_day,
            },
            Words(
                f"面向未成年人的应用{names.zh}当日有 {len(long)} 台设备使用达到 {limit} 分钟，"
                f"最长 {longest} 分钟。",
                f"{len(long)} devices used {names.en}, an app for minors, for {limit} min or more that "
                f"day; the longest {longest} min.",
            ),
        )


USAGE_TIME = Rule(
    "usage-time",
    ("5",),
    Words(
        "看不到设备由谁使用、屏幕上是什么；不产生流量的使用不计。",
        "Who holds a device and what it shows cannot be seen; use without traffic is not counted.",
    ),
    _judge,
)
