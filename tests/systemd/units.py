"""The units as they stand in systemd/: their lines, and what they run."""

from __future__ import annotations

import shlex
from pathlib import Path

PROGRAM = "/opt/campuswatch/bin/campuswatch"
SERVICES = ("campuswatch.service", "campuswatch@.service", "campuswatch-warm.service")
CAPTURES = SERVICES[:2]


def lines_of(unit: Path) -> list[tuple[str, str]]:
    """The settings of a unit, in order, comments left out."""
    text = unit.read_text(encoding="utf-8")
    return [
        (key, value)
        for key, is_setting, value in (line.partition("=") for line in text.splitlines())
        if is_setting and not key.startswith("#")
    ]


def values(unit: Path, key: str) -> list[str]:
    """All values of one key, in order."""
    return [value for name, value in lines_of(unit) if name == key]


def command(unit: Path, key: str, program: list[str], configuration: Path) -> list[str]:
    """The unit's own command line, with the program and the configuration where they are here."""
    (line,) = values(unit, key)
    words = shlex.split(line)
    assert words[0] == PROGRAM
    return [*program, *(str(configuration) if word.startswith("/etc/") else word for word in words[1:])]
