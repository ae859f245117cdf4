"""The summary for a reader: Chinese first, then English."""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from detectors.catalogue.categories import CATEGORY_WORDS
from detectors.findings import Finding
from detectors.forest.trust import STANDINGS
from sinks.records.findings import finding_object
from sinks.records.pseudonyms import Pseudonyms
from wire.flows.one_way import is_one_way

_SERVICES_SHOWN = 5
#: Columns where there is no terminal to ask.
_WIDTH = 160
_FINDINGS_SHOWN = 20


def write_json(summary: Mapping[str, Any]) -> None:
    """The summary as JSON on standard output."""
    sys.stdout.write(json.dumps(summary, ensure_ascii=False, indent=2, sort_keys=True) + "\n")


def write_table(
    summary: Mapping[str, Any],
    findings: Sequence[Finding],
    out: Path | None,
    pseudonyms: Pseudonyms | None,
) -> None:
    """The summary as text on standard output, with these findings of the run."""
    console = Console(highlight=False, markup=False, width=None if sys.stdout.isatty() else _WIDTH)
    console.print(
        f"{summary['packets']:,} 包 packets · {_size(summary['bytes'])} · "
        f"{summary['flows']:,} 流 flows · {summary['seconds']:.1f} s"
    )
    rejected = {reason: count for reason, count in summary["malformed"].items() if count}
    if rejected:
        told = ", ".join(f"{reason} {count:,}" for reason, count in rejected.items())
        console.print(f"不成流的包 packets without a flow: {told}")
    if summary["duplicates"]:
        console.print(f"镜像重复包，未计入 copies made by a mirror, not counted: {summary['duplicates']:,}")
    if is_one_way(summary["tcp_seen"]["both_ways"], summary["tcp_seen"]["one_way"]):
        console.print(
            f"只看到单方向：{summary['tcp_seen']['one_way']:,} 条 TCP 连接缺少另一方向；请检查镜像是否双向 "
            "one direction only: check that the mirror or the pair of taps shows both"
        )
    if summary["hosts_are_clients"] and summary["flows"]:
        console.print(
            "没有地址属于校园网段，以客户端为主机 "
            "no address lies in the campus networks: the clients are taken as the hosts"
        )
    console.print(_visibility(summary))
    console.print(_categories(summary))
    _write_findings(console, sum(summary["findings"].values()), findings, pseudonyms)
    _write_budget(console, summary["budget"])
    _write_trust(console, summary["forest"])
    if out is not None:
        console.print(f"结果 results: {out}")
    if not summary["complete"]:
        console.print("不完整：抓包未能读完 incomplete: the capture could not be read to its end")


def _visibility(summary: Mapping[str, Any]) -> Table:
    table = Table(title="可见性 visibility", title_justify="left", box=None)
    table.add_column("名称来源 named by")
    table.add_column("流 flows", justify="right")
    hidden = summary["visibility"]["ech_hidden"]
    for source, count in summary["names"].items():
        if count and source != "none":
            table.add_row(source, f"{count:,}")
    table.add_row("加密的名称 hidden by ECH", f"{hidden:,}")
    table.add_row("无名 unnamed (TCP, UDP)", f"{summary['visibility']['unnamed']:,}")
    return table


def _categories(summary: Mapping[str, Any]) -> Table:
    table = Table(title="类别与服务 categories and services", title_justify="left", box=None)
    for heading in ("类别 category", "流 flows", "字节 bytes", "服务 top services"):
        table.add_column(heading, justify="left" if heading[0] in "类服" else "right")
    for name, count in summary["categories"].items():
        volume = sum(summary["category_bytes"][name].values())
        services = summary["top_services"].get(name, [])[:_SERVICES_SHOWN]
        if count or volume:
            told = ", ".join(f"{each['service']} {each['flows']:,}" for each in services)
            table.add_row(f"{CATEGORY_WORDS[name]} {name}", f"{count:,}", _size(volume), told)
    return table


def _write_findings(
    console: Console, count: int, findings: Sequence[Finding], pseudonyms: Pseudonyms | None
) -> None:
    console.print(f"发现 findings: {count:,}")
    for finding in findings[:_FINDINGS_SHOWN]:
        console.print(finding_text(finding, pseudonyms), soft_wrap=True)
    if len(findings) > _FINDINGS_SHOWN:
        console.print(f"  … {len(findings) - _FINDINGS_SHOWN:,} 项未列出 more")


def _write_budget(console: Console, budget: Mapping[str, Any]) -> None:
    """Findings a day beside the accepted number of false ones, where a day or more was looked at."""
    names = {"hosts": "孤立森林 forest", "services": "服务 services", "patterns": "仅凭模式 patterns alone"}
    told = []
    for kind, name in names.items():
        per_day, accepted = (budget[kind][field] for field in ("per_day", "accepted_per_day"))
        if per_day is not None:
            limit = "" if accepted is None else f" ({accepted:g})"
            told.append(f"{name} {per_day:.2g}{limit}")
    if told:
        console.print(f"每日发现（可接受误报） findings a day (accepted by chance): {' · '.join(told)}")


def _write_trust(console: Console, forest: Mapping[str, Any]) -> None:
    """What the forest's findings are worth, where it has judged."""
    if not forest["expected_false"] and not forest["findings"]:
        return
    rate = forest["false_discovery_rate"]
    told = "" if rate is None else f" · 误报占比至多 false at most {rate:.0%}"
    console.print(
        f"其中孤立森林 of the forest: {forest['findings']:,} · "
        f"预计误报至多 expected by chance at most {forest['expected_false']:.3g}{told}"
    )
    tails = Counter(standing for groups in forest["tails"].values() for standing in groups.values())
    told = ", ".join(f"{standing} {tails[standing]}" for standing in STANDINGS if tails[standing])
    console.print(f"尾部拟合 tail fits: {told}")


def finding_text(finding: Finding, pseudonyms: Pseudonyms | None) -> str:
    """A finding in two lines."""
    told = finding_object(finding, pseudonyms)
    patterns = " ".join(told["patterns"])
    return (
        f"  {told['start'][:19]}Z {told['rule']} {told['subject']['value']} {patterns}\n"
        f"    {told['text']['zh']}\n    {told['text']['en']}"
    )


def _size(size: float) -> str:
    for unit in ("B", "kB", "MB", "GB"):
        if size < 1000:
            return f"{size:,.0f} {unit}" if unit == "B" else f"{size:,.1f} {unit}"
        size /= 1000
    return f"{size:,.1f} TB"
