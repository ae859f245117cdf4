"""Article 7: providers and schools withstand attacks. A service that is used as it never was.

Measured, per service and quarter of an hour: flows, devices, bytes up and down and the share of failed
connections, each in robust standard deviations above the service's own past (service_baseline.py). The
greatest of them is ranked among those of usual windows (usual_deviations.py). Found: a window so rare
that as many a day are found by chance as the operator accepts; until enough windows are known, one of
`least_flows_at_first` with a figure at least `threshold` above. A flood, a scan or password guessing
shows in flows and failures, exfiltration in bytes up.
"""

from __future__ import annotations

from collections.abc import Iterator

from detectors.findings import Finding, Subject
from detectors.findings_text import SERVICE_FIGURES
from detectors.rules.rule import Rule, WindowCase, Words, title
from detectors.rules.service_baseline import Deviation
from detectors.rules.signal import confidence
from detectors.use.link_rows import WINDOW_NS

#: What lies nearer than this to usual is not told, however seldom it is.
_LEAST_DEVIATION = 3.0


def _judge(case: WindowCase) -> Iterator[Finding]:
    settings, window = case.known.settings.anomalous_service, case.window
    greatest = case.greatest
    if greatest is None:
        return
    by_rank = case.usual.threshold(settings.accepted_false_alerts_per_day)
    if by_rank is None and max(window.opened, window.flows) < settings.least_flows_at_first:
        return
    threshold = settings.threshold if by_rank is None else max(by_rank, _LEAST_DEVIATION)
    if greatest < threshold:
        return
    moved = {name: each for name, each in case.deviations.items() if each.z >= threshold}
    names = title(case.known.service(window.service))
    zh = "、".join(_told(name, each, 0) for name, each in moved.items())
    en = ", ".join(_told(name, each, 1) for name, each in moved.items())
    yield case.known.finding(
        ANOMALOUS_SERVICE,
        Subject("service", case.known.service(window.service).id),
        (window.start_ns, window.start_ns + WINDOW_NS),
        confidence(greatest, threshold),
        {
            "deviations": {name: round(each.z, 2) for name, each in moved.items()},
            "usual": {name: round(each.usual, 4) for name, each in moved.items()},
            "windows": len(case.past),
            "flows": window.opened,
            "devices": window.devices,
            "bytes_up": window.up,
            "bytes_down": window.down,
            "failed_share": None if window.failed_share is None else round(window.failed_share, 4),
        },
        Words(
            f"{names.zh}在一刻钟内远高于其自身以往水平：{zh}。",
            f"Within a quarter of an hour {names.en} saw far more than it usually does: {en}.",
        ),
        None if by_rank is None else round(case.usual.p_value(greatest), 9),
    )


def _told(name: str, each: Deviation, language: int) -> str:
    """From usual to seen, in Chinese or English."""
    form = "{:.0%}" if name == "failed_share" else "{:,.0f}"
    seen, usual = form.format(each.seen), form.format(each.usual)
    words = (f"（通常 {usual}）", f" (usually {usual})")
    return f"{SERVICE_FIGURES[name][language]} {seen}{words[language]}"


ANOMALOUS_SERVICE = Rule(
    "anomalous-service",
    ("7",),
    Words(
        "流量看不出意图；考试、放榜等集中使用也会如此。",
        "Traffic shows no intent; an exam or the day of results looks alike.",
    ),
    _judge,
)
