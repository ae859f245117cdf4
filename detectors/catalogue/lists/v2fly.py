"""The text form of v2fly's domain-list-community: kinds of names, attributes, includes.

umeng.com @ads          the name and all below it, with an attribute
full:hm.baidu.com       that very name
include:tencent @ads    of another file in the same folder, what has the attribute; @-ads: has not
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from detectors.catalogue.entries import HOST, SUFFIX
from detectors.catalogue.lists.harvest import Harvest
from detectors.catalogue.lists.text_lines import text_lines
from detectors.catalogue.settings import ListSettings

_FILE = re.compile(r"[a-z0-9!-]{1,64}")
_MOST_DEPTH = 16
_MOST_FILES = 4_096
_FORMS = {"domain": SUFFIX, "full": HOST}


@dataclass(frozen=True, slots=True)
class _Wanted:
    """Attributes that a rule must have, and must not have."""

    has: frozenset[str]
    lacks: frozenset[str]

    def takes(self, attributes: frozenset[str]) -> bool:
        """Whether a rule with these attributes is wanted."""
        return self.has <= attributes and not self.lacks & attributes


def read(file: BinaryIO, settings: ListSettings, harvest: Harvest) -> None:
    """Read a list and what it includes; `groups` of the settings are attributes, one of which is needed."""
    _Reader(settings, harvest).read(file, settings.path, ())


class _Reader:
    def __init__(self, settings: ListSettings, harvest: Harvest) -> None:
        self._groups = frozenset(settings.groups)
        self._harvest = harvest
        self._files = 0
        self._left = settings.max_bytes

    def read(
        self, file: BinaryIO, path: Path, wanted: Sequence[_Wanted], within: tuple[str, ...] = ()
    ) -> None:
        """Read one file; rules must satisfy everyone who includes it."""
        for line, text in text_lines(file, self._harvest):
            words = text.partition("#")[0].split()
            if not words:
                continue
            attributes = frozenset(word[1:] for word in words[1:] if word.startswith("@"))
            kind, colon, value = words[0].partition(":")
            if not colon:
                kind, value = "domain", words[0]
            if kind == "include":
                self._include(value, attributes, path, wanted, within, line)
            elif self._groups and not self._groups & attributes:
                self._harvest.skip("other_group", line)
            elif not all(each.takes(attributes) for each in wanted):
                self._harvest.skip("other_group", line)
            elif kind in _FORMS:
                self._harvest.name(value, _FORMS[kind], line)
            else:
                self._harvest.skip(
                    "expression" if kind in ("regexp", "keyword") else "unsupported_rule", line
                )

    def _include(
        self,
        name: str,
        attributes: frozenset[str],
        path: Path,
        wanted: Sequence[_Wanted],
        within: tuple[str, ...],
        line: int,
    ) -> None:
        if not _FILE.fullmatch(name):
            self._refuse(path, line, f"`{name}` is no file of this folder")
        if name in within or name == path.name:
            self._refuse(path, line, f"`{name}` includes itself")
        if len(within) >= _MOST_DEPTH or self._files >= _MOST_FILES:
            self._refuse(path, line, f"more than {_MOST_DEPTH} includes deep or {_MOST_FILES} in all")
        self._files += 1
        has = frozenset(each for each in attributes if not each.startswith("-"))
        lacks = frozenset(each[1:] for each in attributes if each.startswith("-"))
        other = path.with_name(name)
        try:
            self._left -= other.stat().st_size
            if self._left < 0:
                self._refuse(path, line, "what is included is larger than the limit of the list")
            with other.open("rb") as file:
                self.read(file, other, [*wanted, _Wanted(has, lacks)], (*within, name))
        except OSError as error:
            what = f"`{name}` cannot be read beside this file ({error.strerror}); fetch the whole folder"
            self._refuse(path, line, what)

    def _refuse(self, path: Path, line: int, what: str) -> None:
        raise ValueError(f"{path}:{line}: {what}")
