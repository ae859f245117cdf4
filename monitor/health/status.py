"""`campuswatch status`: one page on the running daemon."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from rich.console import Console, Group
from rich.table import Table
from rich.text import Text

from monitor.config import config_file
from monitor.errors import CUT_OFF, WHOLE
from monitor.health.inspection import Inspection, inspect

_SIGNS = {"bad": ("✗", "red"), "warn": ("!", "yellow"), "info": ("·", "cyan")}
_WIDTH = 110


def status(config_path: Path | None, as_json: bool) -> int:
    """Show it; 1 where the daemon is not ready, or does not answer. Raises CommandEnd."""
    seen = inspect(config_file.load(config_path))
    if as_json:
        sys.stdout.write(json.dumps(seen.told(), ensure_ascii=False, indent=2) + "\n")
    else:
        console = Console(highlight=False, markup=False, width=None if sys.stdout.isatty() else _WIDTH)
        console.print(page(seen))
    return WHOLE if seen.health["ready"] else CUT_OFF


def page(seen: Inspection) -> Group:
    """The page: the verdict, its reasons, processes, what was counted."""
    return Group(verdict(seen), _processes(seen), _counts(seen))


def verdict(seen: Inspection) -> Text:
    """Ready or not, and every reason."""
    health = seen.health
    line = Text()
    if health["ready"]:
        line.append("✓ 就绪 ready", "bold green")
    else:
        line.append("✗ 未就绪 not ready", "bold red")
    if not health["live"]:
        line.append(" · 停滞 stalled", "bold red")
    for reason in health["reasons"]:
        sign, style = _SIGNS[reason["severity"]]
        line.append(f"\n  {sign} {reason['code']}: {reason['zh']} · {reason['en']}", style)
    return line


def _processes(seen: Inspection) -> Table:
    table = Table(box=None, pad_edge=False)
    for name, justify in (("进程 process", "left"), ("pid", "right"), ("重启 restarts", "right")):
        table.add_column(name, justify=justify)  # type: ignore[arg-type]
    table.add_row(f"parent ({seen.daemon['stage']})", str(seen.daemon["pid"]), "")
    for child in seen.daemon["children"]:
        state = "" if child["ready"] else " (starting)"
        table.add_row(f"{child['name']}{state}", str(child["pid"] or "-"), str(child["restarts"]))
    return table


def _counts(seen: Inspection) -> Table:
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column()
    table.add_column(justify="right")
    for name, value in figures(seen).items():
        table.add_row(name, value)
    return table


def figures(seen: Inspection) -> dict[str, str]:
    """What a person asks first, in words and numbers."""
    told: dict[str, Any] = seen.health["figures"]
    return {
        "包/秒 packets/s": f"{told['packets_per_second']:,.0f}",
        "收到 received": f"{told['received']:,}",
        "内核丢弃 dropped by the kernel": f"{told['dropped']:,}",
        "过载舍弃 shed": f"{told['shed']:,}",
        "最近一分钟丢失 lost of late": f"{told['lost_share']:.2%}",
        "镜像副本 copies": f"{told['duplicate_share']:.1%}",
        "单向连接 one way": f"{told['one_way_share']:.1%}",
        "活动流 flows": f"{seen.total('flows_active'):,.0f}",
        "发现 findings": f"{seen.total('findings_total'):,.0f}",
        "主机分钟 host-minutes": f"{seen.total('windows_total'):,.0f}",
    }
