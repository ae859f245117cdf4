"""Article 7: providers withstand attacks; the systems behind education apps are protected.

Measured, of education services and of those that a list gives an important business: connections that
negotiated TLS below 1.2 (RFC 8996) or a key exchange by static RSA (RFC 9325), among connections whose
ServerHello was seen. Found: at least `least_connections` of a kind in a day.
"""

from __future__ import annotations

from collections.abc import Iterator

from detectors.findings import Finding, Subject
from detectors.rules.important import is_important
from detectors.rules.rule import DayCase, Rule, Words, title
from detectors.rules.signal import confidence

_WORDS = {
    "obsolete-version": ("TLS 1.2 以下的版本", "TLS below 1.2"),
    "rsa-key-exchange": ("静态 RSA 密钥交换", "a key exchange by static RSA"),
    "expired-certificate": ("过期或未生效的证书", "a certificate out of its dates"),
    "mismatched-certificate": ("与域名不符的证书", "a certificate for another name"),
}


def _judge(case: DayCase) -> Iterator[Finding]:
    least = case.known.settings.weak_transport.least_connections
    for index, seen in sorted(case.day.weaknesses.items()):
        if not case.is_education(index) and not is_important(case.state(index, "business")):
            continue
        kinds = {kind: count for kind, count in seen.kinds.items() if count >= least}
        if not kinds:
            continue
        service = case.known.service(index)
        names, most = title(service), max(kinds.values())
        zh = "、".join(f"{_WORDS[kind][0]} {count} 次" for kind, count in kinds.items())
        en = ", ".join(f"{_WORDS[kind][1]} {count} times" for kind, count in kinds.items())
        app = case.day.apps.get(index)
        times = (app.start_ns, app.end_ns) if app else (case.day.start_ns, case.day.end_ns)
        yield case.known.finding(
            WEAK_TRANSPORT,
            Subject("service", service.id),
            times,
            confidence(most, least),
            {"connections": seen.connections, "weak": kinds},
            Words(
                f"{names.zh}当日 {seen.connections} 次加密连接中出现{zh}。",
                f"Of {seen.connections} encrypted connections to {names.en} that day: {en}.",
            ),
        )


WEAK_TRANSPORT = Rule(
    "weak-transport",
    ("7",),
    Words(
        "TLS 1.3 的证书已加密，看不到；旧版本也可能由老旧客户端造成。",
        "Certificates are encrypted in TLS 1.3 and not seen; an old client can also bring an old version.",
    ),
    _judge,
)
