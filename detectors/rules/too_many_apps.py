"""Article 10: numbers are kept in check (控制数量), without needless burden.

Measured: education apps that at least `least_devices` devices used on one local day. Found: more than
`most_apps`. Needs no register. Not seen: which of them the school asked for.
"""

from __future__ import annotations

from collections.abc import Iterator

from detectors.findings import Finding, Subject
from detectors.rules.rule import DayCase, Rule, Words
from detectors.rules.signal import confidence


def _judge(case: DayCase) -> Iterator[Finding]:
    settings = case.known.settings.too_many_apps
    wide = {
        case.known.catalogue.ids[index]: len(app.used)
        for index, app in case.day.apps.items()
        if case.is_education(index) and len(app.used) >= settings.least_devices
    }
    if len(wide) <= settings.most_apps:
        return
    yield case.known.finding(
        TOO_MANY_APPS,
        Subject("campus", case.known.origin.campus),
        (case.day.start_ns, case.day.end_ns),
        confidence(len(wide), settings.most_apps),
        {"apps": len(wide), "most_apps": settings.most_apps, "devices": dict(sorted(wide.items()))},
        Words(
            f"当日有 {len(wide)} 个教育应用各被至少 {settings.least_devices} 台设备使用，"
            f"超过 {settings.most_apps} 个。",
            f"{len(wide)} education apps were each used by {settings.least_devices} devices or more that "
            f"day; the limit is {settings.most_apps}.",
        ),
    )


TOO_MANY_APPS = Rule(
    "too-many-apps",
    ("10",),
    Words("看不到哪些应用是学校要求使用的。", "Which of them the school asked for cannot be seen."),
    _judge,
)
