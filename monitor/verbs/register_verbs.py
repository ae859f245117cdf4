"""The verbs of `campuswatch register` and their options."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from monitor.errors import user_errors
from monitor.verbs.options import ConfigFile

register = typer.Typer(no_args_is_help=True, help="名单与备案 · lists, and the standing of apps")

_Store = Annotated[
    Path | None,
    typer.Option("--store", metavar="DIR", help="存放目录 · folder of imports, not the configured one"),
]


@register.command("import", help="导入名单 · import a list: CSV, XLSX, or a YAML that names several")
def take(
    file: Annotated[Path, typer.Argument(metavar="FILE")],
    status: Annotated[
        str | None, typer.Option("--status", help="名单类型 · which list, where its title does not say")
    ] = None,
    first: Annotated[
        str | None, typer.Option("--from", metavar="DATE", help="生效日期 · the day from which it holds")
    ] = None,
    last: Annotated[
        str | None, typer.Option("--until", metavar="DATE", help="终止日期 · the last day on which it holds")
    ] = None,
    complete: Annotated[
        bool | None,
        typer.Option("--complete/--not-complete", help="完整名单 · what is not on it has not the status"),
    ] = None,
    document: Annotated[str | None, typer.Option("--document", help="文号 · the source document")] = None,
    issuer: Annotated[str | None, typer.Option("--issuer", help="发布单位 · who published it")] = None,
    school: Annotated[str | None, typer.Option("--school", help="学校 · whose list it is")] = None,
    sample: Annotated[bool | None, typer.Option("--sample", help="样例 · not real")] = None,
    store: _Store = None,
    config: ConfigFile = None,
) -> int:
    """Import a list."""
    with user_errors():
        from monitor.register import take as work

        told = {
            "status": status,
            "from": first,
            "until": last,
            "complete": complete,
            "document": document,
            "issuer": issuer,
            "school": school,
            "sample": sample,
        }
        return work(file, told, store, config)


@register.command(help="人工认定名称、备案号或域名属于哪个服务 · decide which service a name in lists is")
def bind(
    words: Annotated[str, typer.Argument(metavar="NAME|FILING|HOST")],
    service: Annotated[str, typer.Argument(metavar="SERVICE")],
    store: _Store = None,
    config: ConfigFile = None,
) -> int:
    """Keep a person's decision."""
    with user_errors():
        from monitor.register import bind as work

        return work(words, service, store, config)


@register.command(help="应用在某日的状况 · the standing of an app on a day")
def show(
    app: Annotated[str, typer.Argument(metavar="APP", help="服务标识、名称或域名 · id, name or host")],
    on: Annotated[str | None, typer.Option("--on", metavar="DATE", help="日期 · the day")] = None,
    store: _Store = None,
    config: ConfigFile = None,
) -> int:
    """Show a standing."""
    with user_errors():
        from monitor.register import show as work

        return work(app, on, store, config)


@register.command(help="两日之间的变化 · changes between two days; without days, by the latest list")
def diff(
    first: Annotated[str | None, typer.Option("--from", metavar="DATE")] = None,
    last: Annotated[str | None, typer.Option("--to", metavar="DATE")] = None,
    store: _Store = None,
    config: ConfigFile = None,
) -> int:
    """Show changes."""
    with user_errors():
        from monitor.register import diff as work

        return work(first, last, store, config)
