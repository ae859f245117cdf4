"""The verbs of `campuswatch model` and their options."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from monitor.errors import user_errors
from monitor.verbs.options import ConfigFile

model = typer.Typer(no_args_is_help=True, help="异常模型 · models of what is usual")

_Why = Annotated[str, typer.Option("--why", help="缘由 · the reason, for the history")]


@model.command(help="从抓包学习 · learn from captures")
def train(
    captures: Annotated[list[str], typer.Argument(metavar="CAPTURE...", help="as for replay")],
    file: Annotated[Path, typer.Option("--model", metavar="FILE.npz", help="模型文件 · the model file")],
    truth: Annotated[
        Path | None, typer.Option("--truth", metavar="T.json", help="已知事件不学 · leave its incidents out")
    ] = None,
    config: ConfigFile = None,
) -> int:
    """Learn a model."""
    with user_errors():
        from monitor.models.model import train as work

        return work(captures, file, truth, config)


@model.command(help="查看模型 · what a model file says of itself; the one in use without a file")
def show(
    file: Annotated[Path | None, typer.Argument(metavar="FILE.npz")] = None, config: ConfigFile = None
) -> int:
    """Describe a model."""
    with user_errors():
        from monitor.models.model import show as work

        return work(file, config)


@model.command(help="比较模型 · may a model take the place of another? Exit code 0 if so")
def compare(
    challenger: Annotated[Path, typer.Argument(metavar="FILE.npz")],
    windows: Annotated[
        Path, typer.Option("--windows", metavar="windows.parquet", help="近期窗口 · recent usual windows")
    ],
    champion: Annotated[
        Path | None, typer.Option("--champion", metavar="FILE.npz", help="现用 · the one in use without it")
    ] = None,
    config: ConfigFile = None,
) -> int:
    """Compare two models."""
    with user_errors():
        from monitor.models.model import compare as work

        return work(challenger, champion, windows, config)


@model.command(help="启用模型 · take a model into use")
def promote(
    file: Annotated[Path, typer.Argument(metavar="FILE.npz")], why: _Why = "", config: ConfigFile = None
) -> int:
    """Promote a model."""
    with user_errors():
        from monitor.models.model import promote as work

        return work(file, why, config)


@model.command(help="退回上一模型 · back to the model before")
def rollback(why: _Why = "", config: ConfigFile = None) -> int:
    """Roll back."""
    with user_errors():
        from monitor.models.model import rollback as work

        return work(why, config)
