"""Adblock rules, as far as a host name alone can answer to them (AdGuard's DNS filtering syntax).

Taken: `||name^` (the name and below), a bare `name` (itself), `@@` exceptions, `$important`. A rule
with any other option is counted and left out: what it would mean without the option is a guess.
"""

from __future__ import annotations

import re
from typing import BinaryIO

from detectors.catalogue.entries import EXCEPTION, HOST, IMPORTANT, SUFFIX
from detectors.catalogue.lists.harvest import Harvest
from detectors.catalogue.lists.text_lines import text_lines
from detectors.catalogue.settings import ListSettings

_COSMETIC = re.compile(r"#(?:@|\?|\$|%|@\?|@\$|@%)?#|#\?#|\$\$|\$@\$|#\$\?#")
_BLOCKING = ("0.0.0.0 ", "127.0.0.1 ", ":: ", "::1 ")


def read(file: BinaryIO, settings: ListSettings, harvest: Harvest) -> None:
    """Read a list."""
    for line, text in text_lines(file, harvest):
        if text[0] == "!" or (text[0] == "[" and text.endswith("]")):
            continue
        if _COSMETIC.search(text):
            harvest.skip("cosmetic", line)
        elif text[0] == "#":
            continue
        else:
            _rule(text, line, harvest)


def _rule(text: str, line: int, harvest: Harvest) -> None:
    exception = EXCEPTION if text.startswith("@@") else 0
    pattern = text[2:] if exception else text
    if pattern.startswith("/") and pattern.rstrip("/") != "":
        harvest.skip("expression" if pattern.endswith("/") or "/$" in pattern else "path", line)
        return
    pattern, dollar, options = pattern.partition("$")
    flags = exception
    if dollar:
        if options != "important":
            harvest.skip("unsupported_option", line)
            return
        flags |= IMPORTANT
    if pattern.startswith(_BLOCKING):  # a hosts line among rules
        for name in pattern.partition("#")[0].split()[1:]:
            harvest.name(name, HOST | flags, line)
        return
    _name(pattern, flags, line, harvest)


def _name(pattern: str, flags: int, line: int, harvest: Harvest) -> None:
    """The name in a pattern that has no option left."""
    anchored = pattern.startswith("||")
    bare = pattern[2:] if anchored else pattern
    bare = bare.removesuffix("|")
    closed = bare.endswith("^")
    bare = bare.removesuffix("^")
    if "*" in bare:
        harvest.skip("wildcard", line)
    elif "/" in bare or "?" in bare or "=" in bare or ":" in bare:
        harvest.skip("path", line)
    elif "^" in bare or "|" in bare or " " in bare:
        harvest.skip("unsupported_rule", line)
    elif anchored and (closed or "." in bare):
        harvest.name(bare, SUFFIX | flags, line)
    elif not anchored and not closed and "." in bare.strip("."):
        harvest.name(bare, HOST | flags, line)
    else:
        harvest.skip("unsupported_rule", line)
