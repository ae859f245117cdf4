"""The verbs of `campuswatch model` and their options."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from monitor.errors import USAGE, CommandEnd, user_errors
from monitor.verbs.options import Answer, AnswerFormat, ConfigFile

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
    incidents: Annotated[
        list[Path] | None,
        typer.Option(
            "--incidents", metavar="FILE.npz", help="另加事件 · beside those shipped and confirmed; repeat"
        ),
    ] = None,
    config: ConfigFile = None,
) -> int:
    """Compare two models."""
    with user_errors():
        from monitor.models.model import compare as work

        return work(challenger, champion, windows, incidents or (), config)


@model.command(help="由抓包制作事件集 · make a set of incidents, on which models are tried, of captures")
def incidents(
    captures: Annotated[list[str], typer.Argument(metavar="CAPTURE...", help="as for replay")],
    truth: Annotated[Path, typer.Option("--truth", metavar="T.json", help="已知事件 · what happened when")],
    out: Annotated[Path, typer.Option("--out", metavar="FILE.npz", help="事件集 · the set of incidents")],
    config: ConfigFile = None,
) -> int:
    """Make a set of incidents."""
    with user_errors():
        from monitor.models.incidents import make as work

        return work(captures, truth, out, config)


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


class _Verdict(StrEnum):
    false_positive = "false-positive"
    true_positive = "true-positive"


@model.command(help="复核异常发现 · review findings: a false one lowers its like of that host or service")
def feedback(
    finding: Annotated[str | None, typer.Argument(metavar="FINDING_ID", help="as in findings.jsonl")] = None,
    verdict: Annotated[_Verdict | None, typer.Option("--verdict", help="结论 · what it was")] = None,
    until: Annotated[
        str | None, typer.Option("--until", metavar="DATE", help="有效至 · holds until; RFC 3339 or a date")
    ] = None,
    days: Annotated[
        float | None, typer.Option("--days", help="有效天数，默认 30 · days from the finding's end; 30")
    ] = None,
    reason: Annotated[str, typer.Option("--reason", help="理由 · for who reads the list")] = "",
    findings: Annotated[
        Path | None,
        typer.Option("--findings", metavar="FILE", help="findings.jsonl; of the state directory without it"),
    ] = None,
    list_: Annotated[bool, typer.Option("--list", help="全部结论及命中 · verdicts and their hits")] = False,
    revert: Annotated[str | None, typer.Option("--revert", metavar="ID", help="撤回 · take one back")] = None,
    answer: AnswerFormat = Answer.text,
    config: ConfigFile = None,
) -> int:
    """Give, list and take back verdicts."""
    with user_errors():
        from monitor.models import review as work

        if list_:
            return work.show(config, answer is Answer.json)
        if revert is not None:
            return work.revert(revert, reason, config)
        if finding is None or verdict is None:
            raise CommandEnd(USAGE, "needs FINDING_ID and --verdict, or --list, or --revert ID")
        return work.give(finding, verdict.value, until, days, reason, findings, config)
