"""Article 6: personal data is protected on its way; none is leaked.

Measured: personal identifiers in cleartext HTTP (address, headers, cookies, form bodies) to an
education app, or to an advertising, tracking or functional service: citizen id with its check digit,
mobile number, IMEI with its check digit, MAC, ICCID, e-mail, precise coordinates, OAID, Android ID and
IDFA under their known parameter names. Kind, host and count are kept, never the value.
"""

from __future__ import annotations

from collections.abc import Iterator

from detectors.findings import Finding, Subject
from detectors.rules.rule import DayCase, Rule, Words, title
from detectors.rules.signal import confidence
from detectors.use.day import Leak

_CATEGORIES = ("education", "advertising", "tracking", "functional")
KIND_WORDS = {
    "citizen-id": ("身份证号", "citizen id"),
    "mobile-number": ("手机号", "mobile number"),
    "imei": ("IMEI", "IMEI"),
    "mac": ("MAC 地址", "MAC address"),
    "iccid": ("ICCID", "ICCID"),
    "email": ("电子邮箱", "e-mail address"),
    "coordinates": ("精确位置", "precise coordinates"),
    "oaid": ("OAID", "OAID"),
    "android-id": ("Android ID", "Android ID"),
    "idfa": ("IDFA", "IDFA"),
}


def _judge(case: DayCase) -> Iterator[Finding]:
    least = case.known.settings.cleartext_personal_data.least_count
    by_service: dict[int, list[Leak]] = {}
    for leak in case.day.leaks:
        if leak.count >= least and case.known.service(leak.service).category in _CATEGORIES:
            by_service.setdefault(leak.service, []).append(leak)
    for index, leaks in sorted(by_service.items()):
        service = case.known.service(index)
        counts: dict[str, int] = {}
        for leak in leaks:
            counts[leak.kind] = counts.get(leak.kind, 0) + leak.count
        names = title(service)
        app = case.day.apps.get(index)
        zh = "、".join(f"{KIND_WORDS[kind][0]} {count} 次" for kind, count in counts.items())
        en = ", ".join(f"{KIND_WORDS[kind][1]} {count} times" for kind, count in counts.items())
        yield case.known.finding(
            CLEARTEXT_PERSONAL_DATA,
            Subject("app" if service.category == "education" else "service", service.id),
            (app.start_ns, app.end_ns) if app else (case.day.start_ns, case.day.end_ns),
            confidence(sum(counts.values()), least),
            {
                "kinds": counts,
                "hosts": {
                    host: {leak.kind: leak.count for leak in leaks if leak.host == host}
                    for host in sorted({leak.host for leak in leaks})
                },
            },
            Words(
                f"发往{names.zh}的明文 HTTP 中出现个人信息：{zh}。",
                f"Personal data in cleartext HTTP to {names.en}: {en}.",
            ),
        )


CLEARTEXT_PERSONAL_DATA = Rule(
    "cleartext-personal-data",
    ("6",),
    Words(
        "只看明文 HTTP 的前部；加密流量中携带什么、是否取得同意都看不到；数字巧合仍有可能。",
        "Only the beginning of cleartext HTTP is seen, neither what encrypted flows carry nor consent; a "
        "number can match by chance.",
    ),
    _judge,
)
