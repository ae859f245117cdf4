"""JSON lists: a bounded document, and the line on which each name stands."""

from __future__ import annotations

import json
import re
from typing import Any, BinaryIO

_MOST_BYTES = 32 << 20  # a parsed document takes several times its text
_QUOTED = re.compile(r'"([^"\\\n]{1,300})"')


class Document:
    """A parsed document; `line` tells where a text first stands in quotes."""

    def __init__(self, file: BinaryIO) -> None:
        """Raises ValueError with a message that starts with a line number."""
        raw = file.read(_MOST_BYTES + 1)
        if len(raw) > _MOST_BYTES:
            raise ValueError(f"0: larger than {_MOST_BYTES >> 20} MiB, the bound of JSON lists")
        try:
            text = raw.decode("utf-8-sig")
            self.root: Any = json.loads(text)
        except UnicodeDecodeError:
            raise ValueError("1: not UTF-8 text") from None
        except json.JSONDecodeError as error:
            raise ValueError(f"{error.lineno}: not JSON: {error.msg}") from None
        except RecursionError:
            raise ValueError("1: nested too deeply") from None
        self._lines: dict[str, int] = {}
        for number, line in enumerate(text.splitlines(), 1):
            for match in _QUOTED.finditer(line):
                self._lines.setdefault(match[1], number)

    def line(self, text: str) -> int:
        """The line, 1 when it is not found as it is."""
        return self._lines.get(text, 1)

    def mapping(self, value: Any, what: str) -> dict[str, Any]:
        """`value` as a mapping; raises ValueError."""
        if not isinstance(value, dict):
            raise ValueError(f"1: {what} is not an object; is this the right format for the file?")
        return value
