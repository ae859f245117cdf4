"""Plain lists: a name a line, `#` comments; `.name` and `+.name` with, `*.name` without the name itself."""

from __future__ import annotations

from typing import BinaryIO

from detectors.catalogue.entries import BELOW, HOST, SUFFIX
from detectors.catalogue.lists.harvest import Harvest
from detectors.catalogue.lists.text_lines import text_lines
from detectors.catalogue.settings import ListSettings


def read(file: BinaryIO, settings: ListSettings, harvest: Harvest) -> None:
    """Read a list. A bare name holds for what is below it too, unless the settings say `exact`."""
    bare = HOST if settings.exact else SUFFIX
    for line, text in text_lines(file, harvest):
        if text[0] not in "#;!*+." and "#" not in text and "*" not in text:  # nearly every line
            harvest.name(text, bare, line)
        elif text[0] not in "#;!":
            _unusual(text.partition("#")[0].rstrip(), bare, line, harvest)


def _unusual(text: str, bare: int, line: int, harvest: Harvest) -> None:
    """A line with a prefix or a comment behind the name."""
    if text.startswith("*."):
        harvest.name(text[2:], BELOW, line)
    elif "*" in text:
        harvest.skip("wildcard", line)
    elif text.startswith(("+.", ".")):
        harvest.name(text.lstrip("+."), SUFFIX, line)
    else:
        harvest.name(text, bare, line)
