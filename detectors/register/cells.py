"""What stands in a cell, as people write it: full-width digits, odd spaces, dates in Chinese forms."""

from __future__ import annotations

import math
import re
import unicodedata
from dataclasses import dataclass
from datetime import date, datetime, timedelta

#: A cell of a file: text, a number or a date of a spreadsheet, or nothing.
Cell = str | int | float | bool | date | datetime | None

#: Days before the first day of Excel's calendar, whose 1900 had a 29 February.
_EXCEL_EPOCH = date(1899, 12, 30)
_FIRST_YEAR, _LAST_YEAR = 1990, 2100
_SERIALS = range((date(_FIRST_YEAR, 1, 1) - _EXCEL_EPOCH).days, (date(_LAST_YEAR, 1, 1) - _EXCEL_EPOCH).days)
_OPEN = frozenset(("长期", "长期有效", "至今", "永久", "永久有效", "无固定期限", "无期限", "今"))
_EMPTY = frozenset(("", "-", "--", "---", "—", "——", "/", "\\", "无", "暂无", "n/a", "空", "#n/a"))
_DIGITS = str.maketrans("〇○零一二三四五六七八九", "000123456789")
_CHINESE_NUMBER = re.compile(r"[〇○零一二三四五六七八九十]+")
_FORM = re.compile(
    r"(?P<year>\d{4})(?:年|[-/.．。])(?P<month>\d{1,2})(?:(?:月|[-/.．。])(?:(?P<day>\d{1,2})[日号]?)?)?"
    r"(?:[ T]?\d{1,2}:\d{2}(?::\d{2}(?:\.\d+)?)?)?"
)
_COMPACT = re.compile(r"(\d{4})(\d{2})(\d{2})")
_RANGE = re.compile(
    r"^(?:自|从)?(?P<first>.*?\d.*?)(?:起)?"
    r"(?:至|到|—+|–|~|～|\s-\s|(?<=[日号])-|-(?=\d{4}))(?P<last>.+?)止?$"
)


def text_of(cell: Cell) -> str:
    """The cell as text: full-width forms made half-width (NFKC), spaces squeezed."""
    if cell is None:
        return ""
    if isinstance(cell, float) and cell.is_integer():
        cell = int(cell)
    if isinstance(cell, datetime):
        cell = cell.date()
    text = unicodedata.normalize("NFKC", str(cell))
    return " ".join(text.replace("\ufeff", "").replace("\u200b", "").split())


def is_empty(cell: Cell) -> bool:
    """Nothing, or one of the marks that people put for nothing."""
    return text_of(cell).lower() in _EMPTY


@dataclass(frozen=True, slots=True)
class Period:
    """Days from `first` to `last`, both included; None is open."""

    first: date | None
    last: date | None


def day_of(cell: Cell, end: bool = False) -> date | None:
    """The day that a cell names; `end`: a month or its last day, 长期 and 至今 are None.

    Raises ValueError with words for the person who wrote it.
    """
    if isinstance(cell, datetime):
        return _checked(cell.date())
    if isinstance(cell, date):
        return _checked(cell)
    text = text_of(cell)
    if isinstance(cell, int | float) and math.isfinite(cell) and int(cell) in _SERIALS:
        return _EXCEL_EPOCH + timedelta(days=int(cell))
    if end and text in _OPEN:
        return None
    return _day_of_text(text, end)


def period_of(cell: Cell) -> Period:
    """The period that a 有效期 cell names: two days, or its last day alone. Raises ValueError."""
    text = text_of(cell)
    if isinstance(cell, str) and text not in _OPEN:
        both = _RANGE.match(text)
        if both is not None:
            return Period(day_of(both["first"].strip()), day_of(both["last"].strip(), end=True))
    return Period(None, day_of(cell, end=True))


def _day_of_text(text: str, end: bool) -> date:
    plain = _CHINESE_NUMBER.sub(_arabic, text).replace(" 年", "年").replace("年 ", "年")
    plain = plain.replace(" 月", "月").replace("月 ", "月").replace(" 日", "日")
    compact = _COMPACT.fullmatch(plain)
    if compact is not None:
        return _made(int(compact[1]), int(compact[2]), int(compact[3]), text)
    if plain.isdecimal() and int(plain) in _SERIALS:
        return _EXCEL_EPOCH + timedelta(days=int(plain))
    form = _FORM.fullmatch(plain)
    if form is None:
        raise ValueError(f"`{text[:40]}` is no date; write it as 2024-03-05 or 2024年3月5日")
    year, month = int(form["year"]), int(form["month"])
    if form["day"] is not None:
        return _made(year, month, int(form["day"]), text)
    if not end:
        return _made(year, month, 1, text)
    following = _made(year + month // 12, month % 12 + 1, 1, text)
    return following - timedelta(days=1)


def _arabic(match: re.Match[str]) -> str:
    """二〇二四 is 2024, 十五 is 15, 二十 is 20, 三十一 is 31."""
    word = match[0]
    if "十" not in word:
        return word.translate(_DIGITS)
    tens, _, ones = word.partition("十")
    return str(int((tens or "一").translate(_DIGITS)) * 10 + int((ones or "零").translate(_DIGITS)))


def _made(year: int, month: int, day: int, text: str) -> date:
    try:
        return _checked(date(year, month, day))
    except ValueError:
        raise ValueError(f"`{text[:40]}` is no day of the calendar") from None


def _checked(day: date) -> date:
    if not _FIRST_YEAR <= day.year < _LAST_YEAR:
        raise ValueError(f"{day} lies outside {_FIRST_YEAR} to {_LAST_YEAR}")
    return day
