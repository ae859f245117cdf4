"""A sheet: rows of cells with the number that the file's own program shows for each."""

from __future__ import annotations

from dataclasses import dataclass

from detectors.register.cells import Cell, text_of

MAX_ROWS = 100_000
MAX_COLUMNS = 128
MAX_CELL_CHARACTERS = 4_096


@dataclass(frozen=True, slots=True)
class Row:
    """One row. `number` counts from 1, as the spreadsheet or the text editor does."""

    number: int
    cells: tuple[Cell, ...]


@dataclass(frozen=True, slots=True)
class Sheet:
    """What a file holds. `name` is the worksheet's, "" for CSV."""

    name: str
    rows: tuple[Row, ...]


def column_name(index: int) -> str:
    """The letters of a column, A for 0, as spreadsheets show them."""
    letters = ""
    index += 1
    while index:
        index, letter = divmod(index - 1, 26)
        letters = chr(65 + letter) + letters
    return letters


def injected(cell: Cell) -> bool:
    """Whether a spreadsheet that opens this text would run it: it begins as a formula does.

    A lone dash, a number with its sign and a telephone number with + are no formulas.
    """
    if not isinstance(cell, str):
        return False
    text = text_of(cell)
    if text[:1] in ("=", "@"):
        return True
    signed = text[:1] in ("+", "-") and len(text) > 1
    return signed and not all(each.isdigit() or each in "+-. ()" for each in text)
