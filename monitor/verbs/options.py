"""Options that several verbs share."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

ConfigFile = Annotated[
    Path | None,
    typer.Option("--config", metavar="FILE", help="配置文件 · configuration; its defaults without one"),
]


class Answer(StrEnum):
    """How an answer is shown: for people, or an object (or one a line) for programs."""

    text = "text"
    json = "json"


AnswerFormat = Annotated[Answer, typer.Option("--format", help="输出格式 · form of the answer")]
