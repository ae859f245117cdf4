"""Article 11: important services are not one vendor's monopoly; authorities run them themselves.

Measured, per important business (admission, exam registration, score query): each operator's share of
the day's device-minutes of use, and the Herfindahl-Hirschman index, the sum of the squared shares. An
operator is one where the catalogue names one, else the app by itself. Found: an operator that is no
authority, with at least `most_share` on `least_devices` devices. Not seen: exclusive contracts.
"""

from __future__ import annotations

from collections.abc import Iterator

from detectors.catalogue.schema import Service
from detectors.findings import Finding, Subject
from detectors.register.statuses import IMPORTANT_BUSINESS, VALUE_WORDS
from detectors.rules.rule import DayCase, Rule, Words
from detectors.use.day import AppUse


def _judge(case: DayCase) -> Iterator[Finding]:
    by_business: dict[str, list[AppUse]] = {}
    for index, app in case.day.apps.items():
        business = case.state(index, "business")
        if not business.known and case.is_education(index):
            case.known.unknown(SINGLE_VENDOR)
        for each in IMPORTANT_BUSINESS:
            if business.has(each):
                by_business.setdefault(each, []).append(app)
    for name, apps in sorted(by_business.items()):
        yield from _of_business(case, name, apps)


def _of_business(case: DayCase, business: str, apps: list[AppUse]) -> Iterator[Finding]:
    settings = case.known.settings.single_vendor
    minutes: dict[str, int] = {}
    for app in apps:
        operator = _operator_of(case.known.service(app.service))
        minutes[operator] = minutes.get(operator, 0) + app.total("interactive")
    total = sum(minutes.values())
    if total == 0:
        return
    shares = {operator: count / total for operator, count in minutes.items()}
    operator = max(sorted(shares), key=lambda each: shares[each])
    owned = [app for app in apps if _operator_of(case.known.service(app.service)) == operator]
    devices = max(len(app.used) for app in owned)
    by_itself = any(word in operator for word in settings.authorities)
    if by_itself or shares[operator] < settings.most_share or devices < settings.least_devices:
        return
    zh, en = VALUE_WORDS[business]
    hhi = sum(share**2 for share in shares.values())
    percent = f"{100 * shares[operator]:.0f}%"
    yield case.known.finding(
        SINGLE_VENDOR,
        Subject("operator", operator),
        (min(app.start_ns for app in owned), max(app.end_ns for app in owned)),
        min(0.5 + devices / (4.0 * settings.least_devices), 0.99),
        {
            "business": business,
            "share": round(shares[operator], 4),
            "hhi": round(hhi, 4),
            "operators": {each: round(share, 4) for each, share in sorted(shares.items())},
            "apps": sorted(case.known.catalogue.ids[app.service] for app in owned),
            "devices": devices,
            "device_minutes": total,
        },
        Words(
            f"“{zh}”业务的使用有 {percent} 集中于“{operator}”（HHI {hhi:.2f}）。",
            f"{percent} of the use for {en} falls on one operator, {operator} (HHI {hhi:.2f}).",
        ),
    )


def _operator_of(service: Service) -> str:
    """Who runs it; an app of an operator that nobody knows stands for itself."""
    return service.operator or service.id


SINGLE_VENDOR = Rule(
    "single-vendor",
    ("11",),
    Words(
        "看不到收费与排他协议；本校以外的使用不在内。",
        "Fees and exclusive contracts cannot be seen, nor use outside this campus.",
    ),
    _judge,
)
