"""The page's figures, as plotly takes them: plain data, no code."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from detectors.catalogue.categories import CATEGORIES
from detectors.embedding.embedding import Embedding
from detectors.register.statuses import STATUS_WORDS, VALUE_WORDS
from detectors.use.app_day import AppDay

Figure = dict[str, Any]

#: Category: name and colour (told apart by eyes that do not see red and green).
CATEGORY_WORDS = {
    "education": ("教育 education", "#0072b2"),
    "advertising": ("广告 advertising", "#d55e00"),
    "tracking": ("跟踪 tracking", "#cc79a7"),
    "functional": ("功能 functional", "#56b4e9"),
    "game": ("游戏 game", "#e69f00"),
    "platform": ("平台 platform", "#009e73"),
    "general": ("一般 general", "#8c96a3"),
    "unknown": ("无名 unnamed", "#d3d8de"),
}
VISIBILITY_WORDS = {
    "named": "有名 named",
    "ech_hidden": "ECH 隐藏 hidden by ECH",
    "unnamed": "无名 unnamed",
}
_STANDING = (
    *("provider-filing", "user-filing", "recommended", "selected", "uniform"),
    *("negative-list", "blacklist", "withdrawn"),
)
_BAD, _UNKNOWN, _NEUTRAL, _GOOD = 0.0, 1.0, 2.0, 3.0
_SCALE: Figure = {
    "title": {"text": "每会话分钟<br>min/session"},
    "thickness": 12,
    "lenmode": "pixels",
    "len": 150,
}
_MOST_ROWS, _LONGEST_NAME = 40, 18
LAYOUT: Figure = {
    "font": {"family": "system-ui, 'Noto Sans CJK SC', 'Microsoft YaHei', sans-serif", "size": 13},
    "paper_bgcolor": "rgba(0,0,0,0)",
    "plot_bgcolor": "rgba(0,0,0,0)",
    "margin": {"l": 70, "r": 20, "t": 16, "b": 50},
    "legend": {"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0, "traceorder": "normal"},
}


def traffic(hours: Sequence[tuple[int, Sequence[int]]], timezone: str) -> Figure | None:
    """Bytes by category over the hours, stacked."""
    if not hours:
        return None
    zone = ZoneInfo(timezone)
    moments = [datetime.fromtimestamp(start / 1e9, UTC).astimezone(zone) for start, _ in hours]
    times = [moment.strftime("%Y-%m-%d %H:%M") for moment in moments]
    data = []
    for code, name in enumerate(CATEGORIES):
        words, colour = CATEGORY_WORDS[name]
        sizes = [size[code] / 1e6 for _, size in hours]
        if any(sizes):
            data.append(
                {
                    "type": "bar", "name": words, "x": times, "y": sizes, "marker": {"color": colour},
                    "hovertemplate": "%{x}<br>%{y:.2f} MB<extra>%{fullData.name}</extra>",
                }
            )  # fmt: skip
    axes = {"xaxis": {"title": {"text": f"{timezone}"}}, "yaxis": {"title": {"text": "MB"}}}
    return {"data": data, "layout": {**LAYOUT, "barmode": "stack", "height": 360, **axes}}


def visibility(counts: Mapping[str, int]) -> Figure | None:
    """Flows by what names them, one bar."""
    total = sum(counts.values())
    if total == 0:
        return None
    colours = ("#0072b2", "#d55e00", "#c3cad2")
    data = [
        {
            "type": "bar", "orientation": "h", "name": VISIBILITY_WORDS.get(name, name), "y": [""],
            "x": [100 * count / total], "marker": {"color": colour}, "text": f"{100 * count / total:.1f}%",
            "textposition": "inside", "hovertemplate": f"{count:,} flows<extra>%{{fullData.name}}</extra>",
        }
        for (name, count), colour in zip(counts.items(), colours, strict=False)
    ]  # fmt: skip
    axis = {"range": [0, 100], "ticksuffix": "%"}
    return {"data": data, "layout": {**LAYOUT, "barmode": "stack", "height": 150, "xaxis": axis}}


def standing(days: Sequence[AppDay], names: Mapping[str, str]) -> Figure | None:
    """Education apps by status, as of the last day on which each was used."""
    latest = {day.service: day for day in sorted(days, key=lambda each: each.date)}
    devices = {service: max(len(d.minutes) for d in days if d.service == service) for service in latest}
    rows = sorted(latest, key=lambda each: (-devices[each], each))[:_MOST_ROWS][::-1]
    if not rows:
        return None
    values = [[latest[row].standing.get(status, "unknown") for status in _STANDING] for row in rows]
    text = [[_words(cell) for cell in row] for row in values]
    data = {
        "type": "heatmap",
        "x": [_head(*STATUS_WORDS[status]) for status in _STANDING],
        "y": [f"{_short(names, row)} · {devices[row]}" for row in rows],
        "z": [[_worth(status, v) for status, v in zip(_STANDING, row, strict=True)] for row in values],
        "text": text, "texttemplate": "%{text}", "zmin": 0, "zmax": 3, "showscale": False,
        "xgap": 2, "ygap": 2,
        "colorscale": [[0, "#f2b8a0"], [0.33, "#eceff2"], [0.67, "#dfe7ee"], [1, "#a9d5c3"]],
        "hovertemplate": "%{y}<br>%{x}<br>%{text}<extra></extra>",
    }  # fmt: skip
    layout = {**LAYOUT, "height": 100 + 30 * len(rows), "margin": {"l": 200, "r": 20, "t": 90, "b": 10}}
    top = {"side": "top", "tickangle": 0, "tickfont": {"size": 11}}
    layout |= {"xaxis": top, "yaxis": {"automargin": True}}
    return {"data": [data], "layout": layout}


def matrix(embeddings: Sequence[Embedding], names: Mapping[str, str], apps: set[str]) -> Figure | None:
    """Apps by third parties: what a session adds; a dot where it is held to ride along."""
    pairs = [each for each in embeddings if each.app in apps]
    certain = [each for each in pairs if each.accepted]
    rows = sorted({each.app for each in certain} or {each.app for each in pairs})[:_MOST_ROWS][::-1]
    columns = sorted(
        {each.third_party for each in certain}, key=lambda name: (_category(pairs, name), name)
    )[:_MOST_ROWS]
    if not rows or not columns:
        return None
    known = {(each.app, each.third_party): each for each in pairs}
    cells = [[known.get((row, column)) for column in columns] for row in rows]
    data = {
        "type": "heatmap", "xgap": 2, "ygap": 2, "zmin": 0, "zmax": 1,
        "x": [_short(names, column) for column in columns],
        "y": [_short(names, row) for row in rows],
        "z": [[_depth(cell) for cell in row] for row in cells],
        "text": [["" if c is None else "●" if c.accepted else "·" for c in row] for row in cells],
        "customdata": [["未同现 never together" if c is None else _told(c) for c in row] for row in cells],
        "texttemplate": "%{text}", "hovertemplate": "%{y}<br>%{x}<br>%{customdata}<extra></extra>",
        "colorscale": [[0, "#eef1f4"], [0.02, "#fbe3d2"], [1, "#d55e00"]],
        "colorbar": _SCALE,
    }  # fmt: skip
    layout = {**LAYOUT, "height": 170 + 30 * len(rows), "margin": {"l": 160, "r": 20, "t": 16, "b": 80}}
    layout |= {"xaxis": {"tickangle": 35, "automargin": True}, "yaxis": {"automargin": True}}
    return {"data": [data], "layout": layout}


def usage(days: Sequence[AppDay], names: Mapping[str, str]) -> Figure | None:
    """Active minutes a device and day, a box for each app; the most used first."""
    minutes: dict[str, list[int]] = {}
    for day in days:
        minutes.setdefault(day.service, []).extend(m for m in day.minutes if m > 0)
    chosen = sorted((s for s in minutes if minutes[s]), key=lambda s: (-sum(minutes[s]), s))[:20]
    if not chosen:
        return None
    data = [
        {
            "type": "box", "y": minutes[service], "name": _short(names, service), "showlegend": False,
            "boxpoints": "outliers", "marker": {"color": "#0072b2", "size": 4}, "line": {"width": 1.5},
        }
        for service in chosen
    ]  # fmt: skip
    title = "活跃分钟 active minutes<br>每设备每日 a device and day"
    axis = {"title": {"text": title}, "rangemode": "tozero"}
    layout = {**LAYOUT, "height": 400, "yaxis": axis, "xaxis": {"tickangle": 35, "automargin": True}}
    return {"data": data, "layout": layout}


def _short(names: Mapping[str, str], service: str) -> str:
    """What people call a service, without what stands behind a slash or in brackets."""
    name = names.get(service, service)
    for mark in ("/", " (", "（", "("):
        name = name.split(mark)[0].strip() or name
    return name if len(name) <= _LONGEST_NAME else name[: _LONGEST_NAME - 1] + "…"


def _head(zh: str, en: str) -> str:
    """A column's head: Chinese, then English a word or two a line."""
    words = en.split()
    lines = [" ".join(words[at : at + 2]) for at in range(0, len(words), 2)]
    return "<br>".join([zh, *lines])


def _words(values: str) -> str:
    return "、".join(VALUE_WORDS.get(value, (value, value))[0] for value in values.split(","))


def _depth(pair: Embedding | None) -> float | None:
    """How dark a cell is: only what is held to ride along has a colour."""
    if pair is None:
        return None
    return max(pair.effect, 0.0) if pair.accepted else 0.0


def _category(pairs: Sequence[Embedding], third_party: str) -> str:
    return next(each.category for each in pairs if each.third_party == third_party)


def _told(pair: Embedding) -> str:
    return (
        f"{pair.effect:.3f} [{pair.low:.3f}, {pair.high:.3f}]<br>q = {pair.q_value:.2g}; "
        f"{pair.sessions_with}/{pair.sessions} 会话 sessions; {pair.clients} 设备 clients"
    )


def _worth(status: str, value: str) -> float:
    """How a status is to be seen: good, neutral, unknown, bad."""
    if value == "unknown":
        return _UNKNOWN
    if status in ("negative-list", "blacklist", "withdrawn"):
        return _BAD if value == "yes" else _NEUTRAL
    if value in ("filed", "yes"):
        return _GOOD
    if status in ("provider-filing", "user-filing") and value in ("none", "revoked", "expired"):
        return _BAD
    return _NEUTRAL
