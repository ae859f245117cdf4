"""Figures that two articles of the opinion ask for, as plotly takes them."""

from __future__ import annotations

from collections.abc import Sequence

from detectors.use.app_day import AppDay
from detectors.use.entrance import Entrance
from sinks.reports.figures import LAYOUT, Figure

_LISTED = (
    ("yes", "在推荐名单 recommended", "#009e73"),
    ("none", "不在名单 not on the list", "#d55e00"),
    ("unknown", "没有完整名单 no complete list", "#c3cad2"),
)
_ENTRANCES = (
    ("first", "先进国家平台 national platform first", "#0072b2"),
    ("later", "当日后来使用 used it later", "#9ec5e3"),
    ("never", "当日未使用 did not use it", "#c3cad2"),
)


def recommended(days: Sequence[AppDay]) -> Figure | None:
    """Article 9: active minutes of each day, by whether the app is on a recommendation list."""
    minutes: dict[str, dict[str, int]] = {}
    for day in days:
        told = day.standing.get("recommended", "unknown")
        of_day = minutes.setdefault(day.date.isoformat(), dict.fromkeys((key for key, _, _ in _LISTED), 0))
        of_day[told if told in ("yes", "unknown") else "none"] += sum(day.minutes)
    if not any(sum(each.values()) for each in minutes.values()):
        return None
    dates = sorted(minutes)
    columns = [[minutes[date][key] for date in dates] for key, _, _ in _LISTED]
    return _shares(dates, columns, _LISTED, "活跃分钟占比 share of active minutes")


def entrances(days: Sequence[Entrance]) -> Figure | None:
    """Article 12: devices of each day, by whether they came by the national public service system."""
    if not days:
        return None
    ordered = sorted(days, key=lambda each: each.date)
    columns = [[int(getattr(day, key)) for day in ordered] for key, _, _ in _ENTRANCES]
    dates = [day.date.isoformat() for day in ordered]
    return _shares(dates, columns, _ENTRANCES, "设备占比 share of devices")


def _shares(
    dates: list[str],
    columns: list[list[int]],
    words: tuple[tuple[str, str, str], ...],
    title: str,
) -> Figure:
    totals = [max(sum(column), 1) for column in zip(*columns, strict=True)]
    data = [
        {
            "type": "bar", "name": name, "x": dates, "marker": {"color": colour},
            "y": [count / total for count, total in zip(column, totals, strict=True)],
            "customdata": column,
            "hovertemplate": f"%{{x}}<br>%{{y:.0%}} · %{{customdata}}<extra>{name}</extra>",
            "text": [_percent(count, total) for count, total in zip(column, totals, strict=True)],
            "textposition": "inside",
        }
        for (_, name, colour), column in zip(words, columns, strict=True)
    ]  # fmt: skip
    axis = {"title": {"text": title}, "tickformat": ".0%", "range": [0, 1]}
    layout = {**LAYOUT, "height": 320, "barmode": "stack", "yaxis": axis, "bargap": 0.35}
    return {"data": data, "layout": layout | {"xaxis": {"type": "category"}}}


def _percent(count: int, total: int) -> str:
    return f"{count / total:.0%}" if count else ""
