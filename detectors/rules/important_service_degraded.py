"""Article 11: important services (招生录取、考试报名、成绩查询) work when they are needed.

Measured passively, per quarter of an hour, of services that a list gives an important business:
share of failed connections, median round trip of TCP handshakes, share of retransmitted packets; each
against the median of the service's own earlier windows. Found: a share of failures `failure_rise`
above the usual and three times it, a round trip `rtt_ratio` times and `rtt_rise_ms` above, or
retransmissions `retransmission_rise` above and three times the usual.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from detectors.findings import Finding, Subject
from detectors.rules.important import is_important
from detectors.rules.rule import Rule, WindowCase, Words, title
from detectors.rules.signal import confidence
from detectors.use.link_rows import WINDOW_NS

_SHARE_RATIO = 3.0
_WORDS = {
    "failed_share": ("连接失败占比", "share of failed connections"),
    "rtt_ms": ("往返时延（毫秒）", "round trip (ms)"),
    "retransmitted_share": ("重传占比", "share of retransmissions"),
}


def _judge(case: WindowCase) -> Iterator[Finding]:
    settings, window = case.known.settings.important_service_degraded, case.window
    business = case.state("business")
    if not business.known and case.known.service(window.service).category == "education":
        case.known.unknown(IMPORTANT_SERVICE_DEGRADED)
    if not is_important(business) or window.flows < settings.least_flows:
        return
    past = [each for each in case.past if each.flows >= settings.least_flows]
    worse: dict[str, dict[str, float]] = {}
    for name, ratio, rise in (
        ("failed_share", _SHARE_RATIO, settings.failure_rise),
        ("rtt_ms", settings.rtt_ratio, settings.rtt_rise_ms),
        ("retransmitted_share", _SHARE_RATIO, settings.retransmission_rise),
    ):
        usual = _usual([getattr(each, name) for each in past], settings.least_windows)
        seen = getattr(window, name)
        if usual is not None and seen is not None and seen >= max(usual * ratio, usual + rise):
            worse[name] = {
                "seen": round(seen, 4),
                "usual": round(usual, 4),
                "needed": round(max(usual * ratio, usual + rise), 4),
            }
    if not worse:
        return
    service = case.known.service(window.service)
    names = title(service)
    zh = "；".join(f"{_WORDS[n][0]} {w['seen']:.3g}（通常 {w['usual']:.3g}）" for n, w in worse.items())
    en = "; ".join(f"{_WORDS[n][1]} {w['seen']:.3g} (usually {w['usual']:.3g})" for n, w in worse.items())
    yield case.known.finding(
        IMPORTANT_SERVICE_DEGRADED,
        Subject("service", service.id),
        (window.start_ns, window.start_ns + WINDOW_NS),
        max(confidence(each["seen"], each["needed"]) for each in worse.values()),
        {
            "business": list(business.values),
            "worse": worse,
            "connections": window.flows,
            "devices": window.devices,
            "windows": len(past),
        },
        Words(f"重要业务{names.zh}质量下降：{zh}。", f"The important service {names.en} has degraded: {en}."),
    )


def _usual(values: Sequence[float | None], least: int) -> float | None:
    told = [value for value in values if value is not None]
    return float(np.median(told)) if len(told) >= least else None


IMPORTANT_SERVICE_DEGRADED = Rule(
    "important-service-degraded",
    ("11",),
    Words(
        "只看到本校一侧；不能区分服务自身与沿途网络的问题。",
        "Only this campus's side is seen; the service's own fault and the network's on the way look alike.",
    ),
    _judge,
)
