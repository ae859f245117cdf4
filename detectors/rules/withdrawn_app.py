"""Article 16: withdrawal (退出机制).

Measured: any traffic of a campus device to a service that is withdrawn that day, and the days from
the listing to this use.
"""

from __future__ import annotations

from collections.abc import Iterator

from detectors.findings import Finding
from detectors.rules.rule import DayCase, Rule, Words, banned_or_missing, title


def _judge(case: DayCase) -> Iterator[Finding]:
    for index, app in case.day.apps.items():
        state = case.state(index, "withdrawn")
        if not state.known:
            case.known.unknown(WITHDRAWN_APP)
        if not state.has("yes"):
            continue
        names, devices = title(case.known.service(index)), len(app.devices)
        days = (case.day.date - state.since).days if state.since else None
        since_zh = f"（自退出已 {days} 天）" if days is not None else ""
        since_en = f", {days} days after it was withdrawn" if days is not None else ""
        text = Words(
            f"已退出的应用{names.zh}当日仍有 {devices} 台设备与其通信{since_zh}。",
            f"{devices} devices still talked to the withdrawn app {names.en} that day{since_en}.",
        )
        standing = {"withdrawn": state}
        yield banned_or_missing(
            case, WITHDRAWN_APP, index, devices, standing, text, days_since_listing=days
        )


WITHDRAWN_APP = Rule(
    "withdrawn-app",
    ("16",),
    Words(
        "看不到通信是由人发起还是由残留的应用自动发起。",
        "Whether a person or a leftover app on the device began the traffic cannot be seen.",
    ),
    _judge,
)
