"""Dates and text as people write them."""

from __future__ import annotations

from contextlib import suppress
from datetime import date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from detectors.register.cells import Cell, Period, day_of, is_empty, period_of, text_of
from detectors.register.sheets import injected

MARCH_5 = date(2024, 3, 5)


@pytest.mark.parametrize(
    "cell",
    [
        "2024年3月5日", "2024年03月05日", "2024 年 3 月 5 日", "2024.3.5", "2024．3．5",
        "2024/03/05", "2024-3-5", "20240305",
        "２０２４年３月５日", "二〇二四年三月五日", "2024-03-05 00:00:00", "2024/3/5 9:30",
        "45356", 45356, 45356.0, 20240305,
        datetime(2024, 3, 5, 8), date(2024, 3, 5), "2024年3月5号",
    ],
)  # fmt: skip
def test_a_day_in_every_form(cell: Cell) -> None:
    assert day_of(cell) == MARCH_5


@pytest.mark.parametrize(
    ("cell", "first", "last"),
    [
        ("2024年2月", date(2024, 2, 1), date(2024, 2, 29)),
        ("2023.12", date(2023, 12, 1), date(2023, 12, 31)),
        ("二〇二四年十一月", date(2024, 11, 1), date(2024, 11, 30)),
    ],
)
def test_a_month_is_its_first_or_last_day(cell: str, first: date, last: date) -> None:
    assert (day_of(cell), day_of(cell, end=True)) == (first, last)


@pytest.mark.parametrize("word", ["长期", "长期有效", "至今", "永久"])
def test_open_ends(word: str) -> None:
    assert day_of(word, end=True) is None
    with pytest.raises(ValueError, match="is no date"):
        day_of(word)


@pytest.mark.parametrize(
    "cell",
    [
        *("去年", "2024", "24.3.5", "3月5日", "2024-13-01", "2024年2月30日"),
        *("1/2/2024", "99999", "2024-03-05x", "1850-01-01"),
    ],
)
def test_what_is_no_date_is_refused(cell: str) -> None:
    with pytest.raises(ValueError, match=r"is no date|no day|outside"):
        day_of(cell)


@pytest.mark.parametrize(
    ("cell", "period"),
    [
        ("2024年1月1日至2026年12月31日", Period(date(2024, 1, 1), date(2026, 12, 31))),
        ("2024.1.1-2026.12.31", Period(date(2024, 1, 1), date(2026, 12, 31))),
        ("2024/1/1 - 2026/12/31", Period(date(2024, 1, 1), date(2026, 12, 31))),
        ("自2024年1月1日起至长期", Period(date(2024, 1, 1), None)),
        ("2024-01-01~2026-12-31", Period(date(2024, 1, 1), date(2026, 12, 31))),
        ("2026年12月", Period(None, date(2026, 12, 31))),
        ("2026-12-31", Period(None, date(2026, 12, 31))),
        ("长期", Period(None, None)),
    ],
)
def test_periods(cell: str, period: Period) -> None:
    assert period_of(cell) == period


@given(st.dates(date(1990, 1, 1), date(2099, 12, 31)))
def test_every_day_is_read_back_in_every_form(when: date) -> None:
    serial = (when - date(1899, 12, 30)).days
    chinese = f"{when.year}年{when.month}月{when.day}日"
    forms = [chinese, f"{when:%Y.%m.%d}", f"{when:%Y%m%d}", serial, str(serial)]
    assert [day_of(form) for form in forms] == [when] * len(forms)


@given(st.text(max_size=30) | st.integers() | st.floats() | st.booleans())
def test_anything_is_a_date_or_refused_in_words(cell: Cell) -> None:
    for read in (day_of, period_of):
        with suppress(ValueError):
            assert isinstance(read(cell), date | Period | None)


def test_text_and_emptiness() -> None:
    assert text_of(" 教ＡＰＰ备　１１００号\n") == "教APP备 1100号"
    assert text_of(3.0) == "3"
    assert all(is_empty(cell) for cell in (None, "", " ", "—", "/", "无", "N/A"))
    assert not is_empty("0")


@pytest.mark.parametrize(
    "cell", ["=1+1", "＝cmd()", "@SUM(A1)", "+cmd|' /C calc'!A0", "-2+3*cmd", " =HYPERLINK(1)"]
)
def test_formulas_in_text(cell: str) -> None:
    assert injected(cell)


@pytest.mark.parametrize("cell", ["-", "—", "+86 10 6609-6114", "-3.5", "甲=乙", None, 5, "a@b"])
def test_ordinary_text_is_no_formula(cell: Cell) -> None:
    assert not injected(cell)
