"""One self-contained page of a replay: plotly inlined, nothing fetched, Chinese and English."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

from detectors.embedding.embedding import Embedding
from detectors.use.app_day import AppDay
from detectors.use.entrance import Entrance
from sinks.reports import article_figures, figures

_POLICY = "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data: blob:"
_MOST_FINDINGS = 500


class ReportError(Exception):
    """The page cannot be made; the message is one line that says why."""


@dataclass(frozen=True, slots=True)
class PageContent:
    """What the page tells. findings: as findings.jsonl has them, pseudonyms and all.

    hours: of Timeline. names: what people call each service, by id. education: ids of education apps.
    """

    summary: Mapping[str, Any]
    hours: Sequence[tuple[int, Sequence[int]]]
    app_days: Sequence[AppDay]
    entrances: Sequence[Entrance]
    embeddings: Sequence[Embedding]
    findings: Sequence[Mapping[str, Any]]
    names: Mapping[str, str]
    education: frozenset[str]
    timezone: str
    campus: str


def page(content: PageContent) -> str:
    """The page as HTML. Raises ReportError when plotly is not installed."""
    plotly = _plotly()
    sections = [
        ("流量 Traffic", "每小时各类别字节数。", "Bytes of each category by hour.",
         figures.traffic(content.hours, content.timezone)),
        ("可见性 Visibility", "连接凭明文名字识别的占比；看不见的照实列出。",
         "Share of connections that show a name; what cannot be seen is told.",
         figures.visibility(content.summary["visibility"])),
        ("教育应用与名单 Education apps and their standing",
         "当日使用过的教育应用在各名单中的状态；“未知”指没有完整名单。应用名后是设备数。",
         "What the lists say of the education apps in use; unknown: no complete list. "
         "The number of devices stands after the name.",
         figures.standing(content.app_days, content.names)),
        ("推荐名单（第9条） Recommended apps, article 9",
         "教育应用的活跃分钟中，落在省级推荐名单内应用的占比；没有完整名单时照实写明。",
         "Share of education apps' active minutes that falls on the province's recommendation list; where no "
         "complete list is known, the page says so.",
         article_figures.recommended(content.app_days)),
        ("国家公共服务体系入口（第12条） National public service system, article 12",
         "当日使用教育应用的设备中，先进入国家智慧教育平台的占比；看不出由哪个链接进入。",
         "Of the devices that used an education app on a day, those whose first was a national platform. "
         "By which link they came is not seen.",
         article_figures.entrances(content.entrances)),
        ("应用中的第三方 Third parties that ride along",
         "颜色：每次会话因该应用而多出的分钟数；● 认定嵌入，· 同现但不能认定。",
         "Colour: minutes that a session adds; ● held to ride along, · seen together, not held to.",
         figures.matrix(content.embeddings, content.names, set(content.education))),
        ("使用时长 Time of use", "每台设备每日的活跃分钟数（不含后台推送与更新）。",
         "Active minutes a device and day, background push and updates left out.",
         figures.usage(content.app_days, content.names)),
    ]  # fmt: skip
    shown = [_section(number, *section) for number, section in enumerate(sections)]
    data = {f"figure{number}": section[3] for number, section in enumerate(sections) if section[3]}
    return _PAGE.format(
        policy=_POLICY,
        style=_STYLE,
        campus=escape(content.campus),
        cards=_cards(content),
        sections="\n".join(shown),
        findings=_findings(content),
        plotly=plotly.replace("</script", "<\\/script"),
        data=json.dumps(data, ensure_ascii=False, allow_nan=False).replace("</", "<\\/"),
        version=escape(str(content.summary["version"])),
    )


def _plotly() -> str:
    try:
        from plotly.offline import get_plotlyjs
    except ImportError:
        raise ReportError(
            "--report needs plotly, which the extra `reports` brings: pip install 'campuswatch[reports]'"
        ) from None
    return str(get_plotlyjs())


def _section(number: int, title: str, zh: str, en: str, figure: figures.Figure | None) -> str:
    body = f'<div id="figure{number}"></div>' if figure else '<p class="none">没有数据 no data</p>'
    return f"<section><h2>{escape(title)}</h2><p>{escape(zh)}<br>{escape(en)}</p>{body}</section>"


def _cards(content: PageContent) -> str:
    summary = content.summary
    apps = {day.service for day in content.app_days}
    cards = (
        ("包 packets", f"{summary['packets']:,}"),
        ("流量 traffic", _size(summary["bytes"])),
        ("流 flows", f"{summary['flows']:,}"),
        ("教育应用 education apps", str(len(apps))),
        ("嵌入关系 embeddings", str(sum(each.accepted for each in content.embeddings))),
        ("发现 findings", str(len(content.findings))),
    )
    return "".join(f"<div><b>{escape(value)}</b><span>{escape(name)}</span></div>" for name, value in cards)


def _size(count: int) -> str:
    value = float(count)
    for unit in ("B", "kB", "MB", "GB"):
        if value < 1_000:
            return f"{value:.3g} {unit}"
        value /= 1_000
    return f"{value:.3g} TB"


def _findings(content: PageContent) -> str:
    if not content.findings:
        return '<p class="none">没有发现 no findings</p>'
    rows = []
    for each in content.findings[:_MOST_FINDINGS]:
        articles = "、".join(f"第{number}条" for number in each["article"])
        rows.append(
            f"<tr><td>{escape(each['start'][:16].replace('T', ' '))}</td>"
            f"<td><code>{escape(each['rule'])}</code><br>{escape(articles)}</td>"
            f"<td>{escape(_subject(each, content.names))}</td>"
            f"<td>{escape(each['text']['zh'])}<br><span>{escape(each['text']['en'])}</span></td>"
            f"<td>{each['confidence']:.2f}</td></tr>"
        )
    more = len(content.findings) - len(rows)
    note = f"<p>另有 {more} 条，见 findings.jsonl · {more} more in findings.jsonl</p>" if more > 0 else ""
    return (
        "<table><thead><tr><th>开始 start (UTC)</th><th>规则与条款 rule, article</th><th>对象 subject</th>"
        "<th>内容 finding</th><th>把握 confidence</th></tr></thead>"
        f"<tbody>{''.join(rows)}</tbody></table>{note}"
    )


def _subject(finding: Mapping[str, Any], names: Mapping[str, str]) -> str:
    return " + ".join(names.get(part, part) for part in str(finding["subject"]["value"]).split(" "))


_STYLE = """
:root { color-scheme: light; --ink: #1d2733; --soft: #5b6876; --line: #e3e8ed; }
* { box-sizing: border-box; }
body { margin: 0; background: #f6f8fa; color: var(--ink);
  font: 15px/1.55 system-ui, "Noto Sans CJK SC", "Microsoft YaHei", sans-serif; }
main { max-width: 1180px; margin: 0 auto; padding: 28px 20px 60px; }
h1 { font-size: 26px; margin: 0 0 2px; }
h2 { font-size: 18px; margin: 0 0 4px; }
header p, section > p, td span { color: var(--soft); margin: 0; font-size: 13px; }
.cards { display: grid; grid-template-columns: repeat(auto-fit, minmax(150px, 1fr)); gap: 12px;
  margin: 20px 0; }
.cards div, section { background: #fff; border: 1px solid var(--line); border-radius: 10px; }
.cards div { padding: 12px 16px; }
.cards b { display: block; font-size: 22px; }
.cards span { color: var(--soft); font-size: 13px; }
section { padding: 18px 20px; margin: 0 0 18px; overflow-x: auto; }
.none { color: var(--soft); padding: 12px 0; }
table { border-collapse: collapse; width: 100%; font-size: 13px; margin-top: 10px; }
th { text-align: left; color: var(--soft); font-weight: 600; border-bottom: 2px solid var(--line); }
th, td { padding: 7px 10px 7px 0; vertical-align: top; }
td { border-bottom: 1px solid var(--line); }
td:nth-child(1) { white-space: nowrap; }
code { font-size: 12px; }
footer { color: var(--soft); font-size: 12px; }
@media print { section { break-inside: avoid; } }
"""

_PAGE = """<!doctype html>
<html lang="zh">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>campuswatch · {campus}</title>
<style>{style}</style>
</head>
<body>
<main>
<header><h1>校园网络应用监测 campuswatch · {campus}</h1>
<p>依据教技函〔2019〕55号 · after the opinion of eight ministries on educational apps</p></header>
<div class="cards">{cards}</div>
{sections}
<section><h2>发现 Findings</h2>
<p>每条注明所依据的条款；由人工复核后才作结论。<br>Each names its article; a person reviews before
anything is concluded.</p>
{findings}</section>
<footer>campuswatch {version}</footer>
</main>
<script>{plotly}</script>
<script>
const figures = {data};
for (const [id, figure] of Object.entries(figures)) {{
  Plotly.newPlot(id, figure.data, figure.layout, {{ responsive: true, displayModeBar: false }});
}}
</script>
</body>
</html>
"""
