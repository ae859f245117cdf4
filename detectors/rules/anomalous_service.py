"""Article 7: providers and schools withstand attacks. A service that is used as it never was.

Measured, per service and quarter of an hour: flows, devices, bytes up and down (as logarithms) and the
share of failed connections, against the service's own earlier windows: at the same time of day (an
hour around) where there are enough of them, else all. Found: a figure at least `threshold` robust
standard deviations above its median. A flood, a scan or password guessing shows in flows and failures,
exfiltration in bytes up.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator

from detectors.findings import Finding, Subject
from detectors.rules.rule import Rule, WindowCase, Words, title
from detectors.rules.service_baseline import robust_z
from detectors.rules.signal import confidence
from detectors.use.link_rows import WINDOW_NS
from detectors.use.windows import ServiceWindow

#: A spread below a third (of a logarithm), or two in a hundred connections, is no spread.
_LOG_FLOOR, _SHARE_FLOOR = 0.3, 0.02
_DAY_NS, _NEAR_NS = 86_400_000_000_000, 3_600_000_000_000
_WORDS = {
    "flows": ("连接数", "flows"),
    "devices": ("设备数", "devices"),
    "bytes_up": ("上行字节", "bytes up"),
    "bytes_down": ("下行字节", "bytes down"),
    "failed_share": ("失败占比", "share of failed connections"),
}


def _figures(window: ServiceWindow) -> dict[str, tuple[float, float]]:
    """Each figure as compared, and the floor of its spread."""
    figures = {
        "flows": (math.log1p(window.opened), _LOG_FLOOR),
        "devices": (math.log1p(window.devices), _LOG_FLOOR),
        "bytes_up": (math.log1p(window.up), _LOG_FLOOR),
        "bytes_down": (math.log1p(window.down), _LOG_FLOOR),
    }
    if window.failed_share is not None:
        figures["failed_share"] = (window.failed_share, _SHARE_FLOOR)
    return figures


def _comparable(case: WindowCase) -> Collection[ServiceWindow]:
    """Earlier windows at the same time of day, where there are enough; else all."""
    least = case.known.settings.anomalous_service.least_windows
    start = case.window.start_ns
    near = [each for each in case.past if _apart(each.start_ns, start) <= _NEAR_NS]
    return near if len(near) >= 2 * least else case.past


def _apart(one_ns: int, other_ns: int) -> int:
    """How far two times of the day lie apart."""
    apart = abs(one_ns - other_ns) % _DAY_NS
    return min(apart, _DAY_NS - apart)


def _judge(case: WindowCase) -> Iterator[Finding]:
    settings, window = case.known.settings.anomalous_service, case.window
    if max(window.opened, window.flows) < settings.least_flows:
        return  # before a look at the past, which may be a week long
    past = _comparable(case)
    if len(past) < settings.least_windows:
        return
    earlier = [_figures(each) for each in past]
    moved = {}
    for name, (value, floor) in _figures(window).items():
        usual = [figures[name][0] for figures in earlier if name in figures]
        if len(usual) >= settings.least_windows:
            z = robust_z(value, usual, floor)
            if z >= settings.threshold:
                moved[name] = round(z, 2)
    if not moved:
        return
    service = case.known.service(window.service)
    names = title(service)
    zh = "、".join(_WORDS[name][0] for name in moved)
    en = ", ".join(_WORDS[name][1] for name in moved)
    yield case.known.finding(
        ANOMALOUS_SERVICE,
        Subject("service", service.id),
        (window.start_ns, window.start_ns + WINDOW_NS),
        confidence(max(moved.values()), settings.threshold),
        {
            "deviations": moved,
            "windows": len(past),
            "flows": window.opened,
            "devices": window.devices,
            "bytes_up": window.up,
            "bytes_down": window.down,
            "failed_share": None if window.failed_share is None else round(window.failed_share, 4),
        },
        Words(
            f"{names.zh}在一刻钟内的{zh}远高于其自身以往水平。",
            f"Within a quarter of an hour {names.en} saw far more than it ever does: {en}.",
        ),
    )


ANOMALOUS_SERVICE = Rule(
    "anomalous-service",
    ("7",),
    Words(
        "流量看不出意图；考试、放榜等集中使用也会如此。",
        "Traffic shows no intent; an exam or the day of results looks alike.",
    ),
    _judge,
)
