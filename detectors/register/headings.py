"""Where the heading of a table stands: in one row, or in two, as where 有效期 stands over 起 and 止."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from detectors.register.cells import Cell, is_empty, text_of
from detectors.register.columns import Columns, known_heading
from detectors.register.sheets import Row

WITHIN_ROWS = 40
_LONGEST = 16  # characters of a heading's cell; what is longer is text
_AROUND = ("信息", "情况", "资料")  # `应用信息` over `名称` is 应用名称


@dataclass(frozen=True, slots=True)
class Heading:
    """Rows [first, end) of a sheet, and what their columns mean."""

    first: int
    end: int
    columns: Columns


def find_heading(rows: Sequence[Row]) -> Heading | None:
    """The first heading of a table of apps, None without one.

    Two rows are one heading when together they tell more columns than either does, and the lower one
    holds headings alone.
    """
    for at, row in enumerate(rows[:WITHIN_ROWS]):
        upper = Columns(row.cells)
        if at + 1 < len(rows):
            lower = Columns(rows[at + 1].cells)
            told = _together(row.cells, rows[at + 1].cells)
            both = Columns(told)
            more = len(both.at) > max(len(upper.at), len(lower.at))
            if both.names_apps and more and _only_headings(rows[at + 1].cells, told):
                return Heading(at, at + 2, both)
        if upper.names_apps:
            return Heading(at, at + 1, upper)
    return None


def _together(upper: Sequence[Cell], lower: Sequence[Cell]) -> list[Cell]:
    """One heading for each column; a cell above holds for the empty ones right of it."""
    found: list[Cell] = []
    over = ""
    for column in range(max(len(upper), len(lower))):
        above, below = (text_of(row[column]) if column < len(row) else "" for row in (upper, lower))
        over = above or over
        if not below or below == above:
            found.append(above)
        else:
            found.append(next(filter(known_heading, _joined(over, below)), below))
    return found


def _joined(over: str, below: str) -> list[str]:
    """What a cell can mean below another, the likelier first."""
    shorter = [over.removesuffix(word) for word in _AROUND if over.endswith(word)]
    return [each + below for each in (over, *shorter)]


def _only_headings(lower: Sequence[Cell], told: Sequence[Cell]) -> bool:
    """Whether a row below a heading is its second row: short words, at least half of them known."""
    at = [column for column, cell in enumerate(lower) if not is_empty(cell)]
    if not all(isinstance(lower[column], str) and len(text_of(lower[column])) <= _LONGEST for column in at):
        return False
    return sum(known_heading(text_of(told[column])) for column in at) * 2 >= len(at) > 0
