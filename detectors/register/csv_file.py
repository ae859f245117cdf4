"""CSV as offices save it: UTF-8 with or without BOM, UTF-16, GB18030; comma, tab or semicolon."""

from __future__ import annotations

import csv
import io
from pathlib import Path

from detectors.register.errors import RegisterError
from detectors.register.sheets import (
    MAX_CELL_CHARACTERS,
    MAX_COLUMNS,
    MAX_ROWS,
    Row,
    Sheet,
    column_name,
    injected,
)

MAX_BYTES = 32 << 20
MAX_LINE_BYTES = 256 << 10
_DELIMITERS = (",", "\t", ";", "，")


def read_csv(path: Path) -> Sheet:
    """The rows of a CSV file. Raises RegisterError."""
    text = _text(path, _bytes(path))
    rows: list[Row] = []
    errors: list[str] = []
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=_delimiter(text), strict=True)
    first = 1
    try:
        for cells in reader:
            if len(rows) == MAX_ROWS:
                errors.append(f"{path}:{first}: more than {MAX_ROWS:,} rows; split the file")
                break
            errors.extend(_wrong(path, first, cells))
            rows.append(Row(first, tuple(cells)))
            first = reader.line_num + 1
    except csv.Error as error:
        errors.append(f"{path}:{first}: not CSV ({error}); look for an unclosed quotation mark")
    if errors:
        raise RegisterError(errors)
    return Sheet("", tuple(rows))


def _wrong(path: Path, number: int, cells: list[str]) -> list[str]:
    errors = []
    if len(cells) > MAX_COLUMNS:
        errors.append(f"{path}:{number}: {len(cells):,} columns, at most {MAX_COLUMNS} are read")
    for at, cell in enumerate(cells[:MAX_COLUMNS]):
        if len(cell) > MAX_CELL_CHARACTERS:
            errors.append(f"{path}:{number}: column {column_name(at)} has {len(cell):,} characters")
        elif injected(cell):
            errors.append(
                f"{path}:{number}: column {column_name(at)} begins as a formula does; write it as plain text"
            )
    return errors


def _bytes(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise RegisterError([f"{path}:0: cannot be read: {error.strerror or error}"]) from None
    if len(content) > MAX_BYTES:
        raise RegisterError([f"{path}:0: larger than {MAX_BYTES >> 20} MiB; split the file"])
    return content


def _text(path: Path, content: bytes) -> str:
    """Decoded by its mark, else as UTF-8, else as GB18030, which holds GBK and GB2312."""
    if content[:2] in (b"\xff\xfe", b"\xfe\xff"):
        tried = ["utf-16"]
    else:
        tried = ["utf-8-sig", "gb18030"]
    for encoding in tried:
        try:
            text = content.decode(encoding)
        except UnicodeDecodeError:
            continue
        _refuse_long_lines(path, text)
        return text
    raise RegisterError([f"{path}:0: neither UTF-8 nor GB18030 text; save it again as CSV UTF-8"])


def _refuse_long_lines(path: Path, text: str) -> None:
    errors = []
    for number, line in enumerate(text.splitlines(), 1):
        if len(line) > MAX_LINE_BYTES:
            errors.append(f"{path}:{number}: a line of {len(line):,} characters; is this a CSV file?")
        elif "\0" in line:
            errors.append(f"{path}:{number}: holds a NUL; is this a CSV file?")
    if errors:
        raise RegisterError(errors)


def _delimiter(text: str) -> str:
    """The delimiter that stands most often in the first lines; a comma when there is none."""
    head = text[:8192]
    return max(_DELIMITERS, key=lambda each: (head.count(each), each == ","))
