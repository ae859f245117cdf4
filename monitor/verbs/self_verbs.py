"""The verbs by which a sensor tells of itself: doctor, status, top."""

from __future__ import annotations

from typing import Annotated

import typer

from monitor.errors import user_errors
from monitor.verbs.options import Answer, AnswerFormat, ConfigFile


def doctor(
    interfaces: Annotated[
        list[str] | None,
        typer.Option("--interface", "-i", metavar="NAME", help="镜像口 · the tap; else as configured"),
    ] = None,
    config: ConfigFile = None,
    seconds: Annotated[
        float, typer.Option("--seconds", min=0, max=3_600, help="听多久 · how long to listen; 0: not at all")
    ] = 10,
    form: AnswerFormat = Answer.text,
) -> int:
    """Examine the sensor; 1 when something is bad."""
    with user_errors():
        from monitor.doctor.examine import doctor as work

        return work(config, interfaces or [], seconds, form is Answer.json)


def status(config: ConfigFile = None, form: AnswerFormat = Answer.text) -> int:
    """How the running daemon is; 1 when it is not ready."""
    with user_errors():
        from monitor.health.status import status as work

        return work(config, form is Answer.json)


def top(
    config: ConfigFile = None,
    seconds: Annotated[
        float, typer.Option("--seconds", min=0.2, max=60, help="刷新间隔 · between two looks")
    ] = 1.0,
    count: Annotated[
        int, typer.Option("--count", min=0, help="几次后结束；0：直到 q · looks; 0: until q")
    ] = 0,
) -> int:
    """The running daemon, live."""
    with user_errors():
        from monitor.health.top import top as work

        return work(config, seconds, count)
