"""XLSX: looked through as a ZIP archive first, in bounded memory, and only then given to openpyxl.

Refused: members that unfold beyond their bound (zip bombs, also those that nest), XML with a DOCTYPE
(entities that unfold), macros, encrypted files, formulas (their value is a program's, not a person's).
"""

from __future__ import annotations

import lzma
import re
import struct
import warnings
import zipfile
import zlib
from collections.abc import Iterator
from datetime import date, datetime
from pathlib import Path
from typing import Any

from detectors.register.cells import Cell
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

MAX_FILE_BYTES = 32 << 20
MAX_MEMBERS = 512
MAX_SHEETS = 64
MAX_UNFOLDED_BYTES = 96 << 20
#: Parts that openpyxl holds as objects, many times their size.
_MAX_PART_BYTES = {"xl/sharedStrings.xml": 16 << 20, "xl/styles.xml": 4 << 20, "xl/workbook.xml": 1 << 20}
_MAX_SHEET_BYTES = 64 << 20
_MAX_MERGES = 20_000
_SHEET_ROWS = 1_048_576  # the format has no more; a file may claim what it likes
_CHUNK = 1 << 16
_OVERLAP = 256
_MERGE = re.compile(rb'<(?:\w+:)?mergeCell\s+ref="([A-Z]{1,3})(\d{1,7}):([A-Z]{1,3})(\d{1,7})"')
#: What zipfile raises on archives that are none: its own, its decompressors', and of names and numbers.
_UNREADABLE = (
    zipfile.BadZipFile, zlib.error, lzma.LZMAError, struct.error, EOFError, NotImplementedError,
    OverflowError, RuntimeError, ValueError, OSError,
)  # fmt: skip
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"


def read_xlsx(path: Path) -> list[Sheet]:
    """The visible worksheets that hold anything, one at least. Raises RegisterError."""
    merges = _inspect(path)
    with warnings.catch_warnings():  # openpyxl tells of styles and extensions that it leaves out
        warnings.simplefilter("ignore")
        try:
            return _read(path, merges)
        except RegisterError:
            raise
        except Exception as error:  # openpyxl raises what its parsers do, of any kind
            told = " ".join(str(error).split())[:200]
            raise RegisterError(
                [f"{path}:0: not a readable XLSX ({type(error).__name__}: {told}); save it again"]
            ) from None


def _inspect(path: Path) -> dict[str, list[tuple[int, int, int, int]]]:
    """Look through the archive without unfolding more than a chunk at a time.

    Returns the merged ranges of each worksheet part: first column, first row, last column, last row.
    """
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            start = file.read(8)
    except OSError as error:
        raise RegisterError([f"{path}:0: cannot be read: {error.strerror or error}"]) from None
    if size > MAX_FILE_BYTES:
        raise RegisterError([f"{path}:0: larger than {MAX_FILE_BYTES >> 20} MiB; split the file"])
    if start == _OLE:
        raise RegisterError(
            [f"{path}:0: an old .xls or an encrypted workbook; save it as .xlsx without a password"]
        )
    try:
        with zipfile.ZipFile(path) as archive:
            return _look_through(path, archive)
    except RegisterError:
        raise
    except _UNREADABLE as error:
        raise RegisterError([f"{path}:0: not a readable XLSX ({error}); save it again as .xlsx"]) from None


def _look_through(
    path: Path, archive: zipfile.ZipFile
) -> dict[str, list[tuple[int, int, int, int]]]:
    members = archive.infolist()
    if len(members) > MAX_MEMBERS:
        raise RegisterError([f"{path}:0: {len(members):,} parts; an ordinary workbook has few"])
    errors = []
    names = [member.filename for member in members]
    if len(set(names)) != len(names):
        errors.append(f"{path}:0: two parts of one name; no ordinary workbook")
    if any(name.lower().endswith("vbaproject.bin") for name in names):
        errors.append(f"{path}:0: holds macros; save it as .xlsx without them")
    if sum(member.file_size for member in members) > MAX_UNFOLDED_BYTES:
        errors.append(f"{path}:0: unfolds to more than {MAX_UNFOLDED_BYTES >> 20} MiB (a zip bomb?)")
    if errors:
        raise RegisterError(errors)
    merges: dict[str, list[tuple[int, int, int, int]]] = {}
    for member in members:
        if member.filename.endswith((".xml", ".rels")):
            merges[member.filename] = _look_at_part(path, archive, member)
    return merges


def _look_at_part(
    path: Path, archive: zipfile.ZipFile, member: zipfile.ZipInfo
) -> list[tuple[int, int, int, int]]:
    allowed = _MAX_PART_BYTES.get(member.filename, _MAX_SHEET_BYTES)
    merges: list[tuple[int, int, int, int]] = []
    seen, tail = 0, b""
    with archive.open(member) as part:
        while chunk := part.read(_CHUNK):
            seen += len(chunk)
            if seen > allowed:
                raise RegisterError(
                    [f"{path}:0: `{member.filename}` unfolds to more than {allowed >> 20} MiB (a zip bomb?)"]
                )
            text = tail + chunk
            if b"<!DOCTYPE" in text or b"<!ENTITY" in text:
                told = f"{path}:0: `{member.filename}` declares entities; no ordinary workbook does"
                raise RegisterError([told])
            done = 0
            for match in _MERGE.finditer(text):
                if len(merges) < _MAX_MERGES:
                    first, top, last, bottom = match.groups()
                    merges.append((_column(first), int(top), _column(last), int(bottom)))
                done = match.end()
            tail = text[max(done, len(text) - _OVERLAP) :]
    return merges


def _column(letters: bytes) -> int:
    """A is 1."""
    number = 0
    for letter in letters:
        number = number * 26 + letter - 64
    return number


def _read(path: Path, merges: dict[str, list[tuple[int, int, int, int]]]) -> list[Sheet]:
    import openpyxl  # takes a third of a second, and only an import needs it

    book = openpyxl.load_workbook(path, read_only=True, data_only=False, keep_links=False)
    sheets: list[Sheet] = []
    errors: list[str] = []
    try:
        shown = [sheet for sheet in book.worksheets if sheet.sheet_state == "visible"]
        for sheet in shown[:MAX_SHEETS]:
            where = f"{path}[{sheet.title}]" if len(shown) > 1 else str(path)
            try:
                rows = _rows(where, sheet, merges.get(str(sheet._worksheet_path).lstrip("/"), []))
            except RegisterError as error:
                errors.extend(error.errors)
                continue
            if rows:
                sheets.append(Sheet(str(sheet.title), tuple(rows)))
    finally:
        book.close()
    if len(shown) > MAX_SHEETS:
        errors.append(f"{path}:0: {len(shown)} worksheets, at most {MAX_SHEETS}; split the workbook")
    if not sheets and not errors:
        errors.append(f"{path}:0: no visible worksheet holds anything")
    if errors:
        raise RegisterError(errors)
    return sheets


def _rows(path: str, sheet: Any, merges: list[tuple[int, int, int, int]]) -> list[Row]:
    """The rows that hold something; cells merged downwards all get the value that they show."""
    sheet.reset_dimensions()  # what the file claims of its size is not needed
    rows: list[Row] = []
    errors: list[str] = []
    down = _Downwards(merges)
    widest = {"max_row": _SHEET_ROWS, "max_col": MAX_COLUMNS + 1}
    blank: object = None  # openpyxl gives one tuple for all rows that a gap leaves out, up to a million
    for number, cells in enumerate(sheet.iter_rows(**widest), 1):
        if cells is blank:
            continue
        values: list[Cell] = [_value(cell) for cell in cells]
        if all(value is None for value in values):
            blank = cells
            continue
        if number > MAX_ROWS or (len(values) > MAX_COLUMNS and values[MAX_COLUMNS] is not None):
            errors.append(
                f"{path}:{number}: beyond {MAX_ROWS:,} rows or {MAX_COLUMNS} columns; delete stray cells"
            )
            break
        errors.extend(_wrong(path, number, cells))
        values = down.filled(number, values[:MAX_COLUMNS])
        while values and values[-1] is None:
            values.pop()
        if values:
            rows.append(Row(number, tuple(values)))
    if errors:
        raise RegisterError(errors)
    return rows


def _value(cell: Any) -> Cell:
    value = cell.value
    if value is None or isinstance(value, str | bool | int | float | datetime | date):
        return value
    return str(value)


def _wrong(path: str, number: int, cells: Iterator[Any]) -> list[str]:
    errors = []
    for at, cell in enumerate(cells):
        if cell.value is None:
            continue
        where = f"{path}:{number}: cell {column_name(at)}{number}"
        if cell.data_type == "f":
            errors.append(f"{where} holds a formula; copy and paste the column as values")
        elif cell.data_type == "e":
            errors.append(f"{where} holds the error {cell.value}; correct it")
        elif injected(cell.value):
            errors.append(f"{where} begins as a formula does; write it as plain text")
        elif isinstance(cell.value, str) and len(cell.value) > MAX_CELL_CHARACTERS:
            errors.append(f"{where} has {len(cell.value):,} characters")
    return errors


class _Downwards:
    """Values of cells that are merged over several rows. Title rows, merged sideways, are left alone."""

    def __init__(self, merges: list[tuple[int, int, int, int]]) -> None:
        self._starts = {
            (top, column): bottom
            for column, top, last, bottom in merges
            if bottom > top and column == last and column <= MAX_COLUMNS
        }
        self._open: dict[int, tuple[int, Cell]] = {}

    def filled(self, number: int, values: list[Cell]) -> list[Cell]:
        """The row's values, those of merged cells included."""
        for column, (bottom, value) in list(self._open.items()):
            if number > bottom:
                del self._open[column]
            else:
                values += [None] * (column - len(values))
                if values[column - 1] is None:
                    values[column - 1] = value
        for at, value in enumerate(values):
            bottom = self._starts.get((number, at + 1), 0)
            if bottom and value is not None:
                self._open[at + 1] = (bottom, value)
        return values
