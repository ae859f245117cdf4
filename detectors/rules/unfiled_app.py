"""Article 4: providers file their education apps; schools file what they use.

Measured: an education app in use that day on at least `least_devices` devices, which a complete
register (提供者备案 or 使用者备案) does not hold, or holds as revoked or expired. Without a complete
register the standing is unknown and the rule silent. Not seen: whether a filing is in progress.
"""

from __future__ import annotations

from collections.abc import Iterator

from detectors.findings import Finding
from detectors.register.statuses import FILINGS, STATUS_WORDS, VALUE_WORDS
from detectors.rules.rule import DayCase, Rule, Words, banned_or_missing, title

_UNFILED = ("none", "revoked", "expired")


def _judge(case: DayCase) -> Iterator[Finding]:
    least = case.known.settings.unfiled_app.least_devices
    for index, app in case.day.apps.items():
        devices = len(app.used)
        if not case.is_education(index) or devices < least:
            continue
        states = {status: case.state(index, status) for status in FILINGS}
        covered = {status: state for status, state in states.items() if state.covered}
        if not covered:
            case.known.unknown(UNFILED_APP)
        unfiled = {status: state for status, state in covered.items() if state.value in _UNFILED}
        if not unfiled:
            continue
        names = title(case.known.service(index))
        told = [(STATUS_WORDS[status], VALUE_WORDS[state.value]) for status, state in unfiled.items()]
        zh = "、".join(f"{status[0]}为“{value[0]}”" for status, value in told)
        en = ", ".join(f"{status[1]}: {value[1]}" for status, value in told)
        text = Words(
            f"校内有 {devices} 台设备使用教育应用{names.zh}，登记册中其{zh}。",
            f"{devices} devices on campus used the education app {names.en}; the register has {en}.",
        )
        yield banned_or_missing(case, UNFILED_APP, index, devices, unfiled, text)


UNFILED_APP = Rule(
    "unfiled-app",
    ("4",),
    Words("看不到备案是否正在办理。", "Whether a filing is in progress cannot be seen."),
    _judge,
)
