"""Article 5: apps that mainly serve minors limit the time of their use; at night they should rest.

Measured: active minutes of each device with one app within the curfew of one local day (its early
morning and its evening), for apps whose audience a list gives as minors. The calendar of the
configuration says which nights are before school days. Found: devices with at least `least_minutes`.
"""

from __future__ import annotations

from collections.abc import Iterator

from detectors.findings import Finding, Subject
from detectors.rules.rule import DayCase, Rule, Words, title
from detectors.rules.signal import confidence
from detectors.window_features import MINUTE_NS


def _judge(case: DayCase) -> Iterator[Finding]:
    least = case.known.settings.curfew_use.least_minutes
    for index, app in case.day.apps.items():
        if not case.is_education(index):
            continue
        late = app.devices[app.devices["curfew"] >= least]
        if len(late) == 0:
            continue
        audience = case.state(index, "audience")
        if not audience.known:
            case.known.unknown(CURFEW_USE)
        if not audience.has("minors"):
            continue
        service = case.known.service(index)
        names, longest = title(service), int(late["curfew"].max())
        yield case.known.finding(
            CURFEW_USE,
            Subject("app", service.id),
            (int(late["first_curfew"].min()) * MINUTE_NS, (int(late["last_curfew"].max()) + 1) * MINUTE_NS),
            confidence(longest, least),
            {
                "devices": len(late),
                "least_minutes": least,
                "longest_minutes": longest,
                "minutes": int(late["curfew"].sum()),
                "school_day": case.day.is_school_day,
            },
            Words(
                f"面向未成年人的应用{names.zh}在夜间休息时段有 {len(late)} 台设备使用，最长 {longest} 分钟。",
                f"{len(late)} devices used {names.en}, an app for minors, during the night's curfew; the "
                f"longest {longest} min.",
            ),
        )


CURFEW_USE = Rule(
    "curfew-use",
    ("5",),
    Words(
        "看不到设备由谁使用；宿舍共用地址时一个地址可能是多台设备。",
        "Who holds a device cannot be seen; behind a shared address there may be several devices.",
    ),
    _judge,
)
