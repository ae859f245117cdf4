"""Article 16: negative list (负面清单) and blacklist (黑名单).

Measured: any traffic of a campus device to a service that is on either list that day.
"""

from __future__ import annotations

from collections.abc import Iterator

from detectors.findings import Finding
from detectors.register.statuses import STATUS_WORDS
from detectors.rules.rule import DayCase, Rule, Words, banned_or_missing, title

_LISTS = ("blacklist", "negative-list")


def _judge(case: DayCase) -> Iterator[Finding]:
    for index, app in case.day.apps.items():
        states = {status: case.state(index, status) for status in _LISTS}
        if not any(state.known for state in states.values()):
            case.known.unknown(BLACKLISTED_APP)
        on = {status: state for status, state in states.items() if state.has("yes")}
        if not on:
            continue
        names, devices = title(case.known.service(index)), len(app.devices)
        zh = "、".join(STATUS_WORDS[status][0] for status in on)
        en = " and ".join(STATUS_WORDS[status][1] for status in on)
        text = Words(
            f"{names.zh}已列入{zh}，当日仍有 {devices} 台设备与其通信。",
            f"{names.en} is on the {en}; {devices} devices still talked to it that day.",
        )
        yield banned_or_missing(case, BLACKLISTED_APP, index, devices, on, text)


BLACKLISTED_APP = Rule(
    "blacklisted-app",
    ("16",),
    Words(
        "看不到通信是由人发起还是由残留的应用自动发起。",
        "Whether a person or a leftover app on the device began the traffic cannot be seen.",
    ),
    _judge,
)
