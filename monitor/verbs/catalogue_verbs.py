"""The verbs about what names are, and their options: `explain` and `catalogue`."""

from __future__ import annotations

from typing import Annotated

import typer

from monitor.errors import user_errors
from monitor.verbs.options import Answer, AnswerFormat, ConfigFile

catalogue = typer.Typer(no_args_is_help=True, help="目录与名单 · the catalogue and lists from elsewhere")


def explain(
    hosts: Annotated[
        list[str],
        typer.Argument(metavar="HOST...", help="主机名 · host names; - reads them from standard input"),
    ],
    config: ConfigFile = None,
    form: AnswerFormat = Answer.text,
) -> int:
    """Explain what names are."""
    with user_errors():
        from monitor.lists.explain import explain as work

        return work(hosts, config, form is Answer.json)


@catalogue.command(help="更新名单 · fetch lists, check them whole, swap them in")
def update(
    only: Annotated[
        list[str] | None, typer.Argument(metavar="[ID...]", help="名单代号 · these lists; all without any")
    ] = None,
    confirm: Annotated[
        list[str] | None,
        typer.Option(
            "--confirm", metavar="ID", help="确认暂存 · take a list that was held because it shrank"
        ),
    ] = None,
    config: ConfigFile = None,
    form: AnswerFormat = Answer.text,
) -> int:
    """Update lists."""
    with user_errors():
        from monitor.lists.update import update as work

        return work(only or [], confirm or [], config, form is Answer.json)
