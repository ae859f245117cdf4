"""From a sheet to a list: the title above, the heading, and each row's facts."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta

from detectors.register.cells import Cell, Period, day_of, is_empty, period_of, text_of
from detectors.register.columns import COLUMN_NAMES, IDENTIFYING, Columns
from detectors.register.errors import RegisterError
from detectors.register.headings import WITHIN_ROWS, Heading, find_heading
from detectors.register.lists import Entry, Fact, RegisterList, Told
from detectors.register.names import filing_number, host_of
from detectors.register.sheets import Row, Sheet
from detectors.register.statuses import (
    AUDIENCE_PHRASES,
    AUDIENCE_WORDS,
    BUSINESS_WORDS,
    FILING_WORDS,
    FILINGS,
    FLAG_WORDS,
    STATUS_WORDS,
    STATUSES,
)
from detectors.register.titles import list_status, told_above

_SEVERAL = re.compile(r"[、;；,，\n|]+|\s+")
_PARTS = re.compile(r"[、;；,，\n|]+")
_FOOTER = re.compile(r"^(注|备注|说明|合计|总计|共计|共\d+|填表|制表|审核人|联系人)")


def read_table(path: str, digest: str, sheet: Sheet, told: Told) -> RegisterList:
    """The list that a sheet holds; `told` wins over what the file says of itself. Raises RegisterError."""
    head = _heading(path, sheet)
    at, columns = head.first, head.columns
    source = path.rpartition("/")[2]
    title, above = told_above(path, sheet.rows[:at], (sheet.name, source))
    whole = told.or_else(above).or_else(Told(complete=False, sample=False, document="", issuer="", school=""))
    notes = [f"{path}:{sheet.rows[at].number}: {note}" for note in columns.notes]
    reader = _Reader(path, columns, whole, notes)
    if whole.status is None and "list" not in columns.at:
        known = "、".join(words for words, _ in STATUS_WORDS.values())
        reader.errors.append(
            f"{path}:0: what list is this? name one of {known} in the title, or say --status (one of "
            f"{', '.join(STATUSES)})"
        )
    if whole.complete and whole.first is None:
        reader.errors.append(f"{path}:0: a complete list must say from what day it holds; say --from DATE")
    entries = [entry for row in sheet.rows[head.end :] if (entry := reader.entry(row)) is not None]
    if not entries and not reader.errors:
        reader.errors.append(f"{path}:0: no row below the heading; an empty list is not taken")
    if reader.errors:
        raise RegisterError(sorted(reader.errors, key=_row_of))
    return RegisterList(whole, source, digest, title, tuple(entries), tuple(notes))


def _row_of(error: str) -> int:
    number = error.split(": ", 1)[0].rpartition(":")[2]
    return int(number) if number.isdecimal() else 0


def _heading(path: str, sheet: Sheet) -> Heading:
    head = find_heading(sheet.rows)
    if head is not None:
        return head
    seen = [text_of(cell) for row in sheet.rows[:3] for cell in row.cells if not is_empty(cell)][:8]
    wanted = "、".join(COLUMN_NAMES[each][0] for each in ("name", "filing", "host"))
    raise RegisterError(
        [
            f"{path}:0: no heading in the first {WITHIN_ROWS} rows; it needs one of {wanted} and another "
            f"known column; seen: {'、'.join(seen) or 'nothing'}"
        ]
    )


@dataclass(slots=True)
class _Reader:
    """Reads rows below a heading; what is wrong is added to `errors`, what is odd to `notes`."""

    path: str
    columns: Columns
    whole: Told
    notes: list[str]
    errors: list[str] = field(default_factory=list)

    def entry(self, row: Row) -> Entry | None:
        """The entry of a row; None for an empty row, a footer and a row with errors."""
        if all(is_empty(cell) for cell in row.cells):
            return None
        before = len(self.errors)
        name = self._text(row, "name")
        filings = tuple(filing_number(each) for each in _split_phrases(self._text(row, "filing")))
        service = self._text(row, "service")
        hosts = tuple(self._hosts(row))
        if not (name or filings or hosts or service):
            first = next(text_of(cell) for cell in row.cells if not is_empty(cell))
            if _FOOTER.match(first):
                return None
            wanted = "、".join(COLUMN_NAMES[each][0] for each in IDENTIFYING if each in self.columns.at)
            self._wrong(row, f"names no app; fill in {wanted}, or delete the row")
        elif name and _FOOTER.match(name) and len([c for c in row.cells if not is_empty(c)]) == 1:
            return None
        facts = tuple(self._facts(row))
        if len(self.errors) > before:
            return None
        return Entry(
            row.number,
            name,
            tuple(_split_phrases(self._text(row, "alias"))),
            filings,
            hosts,
            service,
            self._text(row, "operator"),
            self._school(row),
            self._text(row, "document") or self.whole.document or "",
            facts,
        )

    def _facts(self, row: Row) -> Iterator[Fact]:
        period = self._period(row)
        status = self._status(row)
        if status in FILINGS:
            yield from self._filing(row, status, period)
        elif status in ("audience", "business"):
            if status not in self.columns.at:
                self._wrong(row, f"a list of {status} needs a column `{COLUMN_NAMES[status][0]}`")
        elif status is not None:
            yield Fact(status, "yes", period.first, period.last)
        for flag in ("uniform", "recommended", "selected"):
            word = self._text(row, flag)
            if word and flag != status:
                value = FLAG_WORDS.get(word.lower())
                if value is None:
                    self._wrong(row, f"`{COLUMN_NAMES[flag][0]}`: `{word[:40]}` is neither 是 nor 否")
                else:
                    yield Fact(flag, value, period.first, period.last)
        for many, values in (("audience", self._audience(row)), ("business", self._business(row))):
            for each in values:
                yield Fact(many, each, period.first, period.last)

    def _filing(self, row: Row, status: str, period: Period) -> Iterator[Fact]:
        """Filed from its day on, and from the day of its end revoked."""
        word = self._text(row, "state")
        value = FILING_WORDS.get(word, "") if word else "filed"
        revoked = self._day(row, "revoked")
        if not value:
            heading = COLUMN_NAMES["state"][0]
            self._wrong(row, f"`{heading}`: `{word[:40]}` is not known; write 已备案 or 已撤销")
        elif revoked is not None:
            if period.first is not None and period.first < revoked:
                yield Fact(status, "filed", period.first, revoked - timedelta(days=1))
            yield Fact(status, "revoked", revoked, None)
        elif value == "revoked" and "revoked" in self.columns.at:
            self._wrong(row, f"revoked without a day; fill in `{COLUMN_NAMES['revoked'][0]}`")
        elif value == "revoked":
            # The list says that it is revoked, not since when: it is so from the list's own day on.
            if self.whole.first is None:
                self._wrong(row, "revoked without a day; add a column 撤销日期, or say --from DATE")
            yield Fact(status, "revoked", self.whole.first or period.first, None)
        else:
            yield Fact(status, value, period.first, period.last)

    def _status(self, row: Row) -> str | None:
        word = self._text(row, "list")
        if not word:
            if self.whole.status is None and "list" in self.columns.at:
                self._wrong(row, f"`{COLUMN_NAMES['list'][0]}` is empty; say which list this row is on")
            return self.whole.status
        status = list_status(word)
        if status is None:
            self._wrong(row, f"`{word[:40]}` is no list; one of {', '.join(STATUSES)} or its Chinese name")
        return status

    def _period(self, row: Row) -> Period:
        """The row's own days; the list's where it has none."""
        first = self._day(row, "from")
        last: date | None = self.whole.last
        cell = self.columns.value(row.cells, "until")
        if not is_empty(cell):
            try:
                told = period_of(cell)
                first, last = first or told.first, told.last
            except ValueError as error:
                self._wrong(row, f"`{COLUMN_NAMES['until'][0]}`: {error}, or 长期")
        first = first or self.whole.first
        if first is None and is_empty(self.columns.value(row.cells, "from")):
            self._wrong(row, "from what day? fill in a date column such as 备案日期, or say --from DATE")
        elif first is not None and last is not None and last < first:
            self._wrong(row, f"ends on {last}, before it begins on {first}; correct one of them")
        return Period(first, last)

    def _day(self, row: Row, meaning: str) -> date | None:
        cell = self.columns.value(row.cells, meaning)
        if is_empty(cell):
            return None
        try:
            return day_of(cell)
        except ValueError as error:
            self._wrong(row, f"`{COLUMN_NAMES[meaning][0]}`: {error}")
            return None

    def _hosts(self, row: Row) -> Iterator[str]:
        for word in _split(self._text(row, "host")):
            host = host_of(word)
            if host is None:
                self._wrong(row, f"`{word[:60]}` is no host name or address of a page; correct or delete it")
            else:
                yield host

    def _school(self, row: Row) -> str:
        school = self._text(row, "school")
        return school or self.whole.school or ""

    def _audience(self, row: Row) -> list[str]:
        word = self._text(row, "audience").lower()
        found: list[str] = []
        for phrase, values in AUDIENCE_PHRASES:
            if phrase in word:
                found.extend(values)
                word = word.replace(phrase, " ")
        found.extend(value for part, value in AUDIENCE_WORDS if part in word)
        return self._understood(row, "audience", found)

    def _business(self, row: Row) -> list[str]:
        word = self._text(row, "business").lower()
        return self._understood(row, "business", [value for part, value in BUSINESS_WORDS if part in word])

    def _understood(self, row: Row, meaning: str, found: list[str]) -> list[str]:
        word = self._text(row, meaning)
        if word and not found:
            self.notes.append(
                f"{self.path}:{row.number}: {COLUMN_NAMES[meaning][0]} `{word[:40]}` says none of "
                f"{', '.join(STATUSES[meaning])}; left out"
            )
        return list(dict.fromkeys(found))

    def _text(self, row: Row, meaning: str) -> str:
        cell: Cell = self.columns.value(row.cells, meaning)
        is_flag = meaning in ("uniform", "recommended", "selected")  # where 无 says no
        return "" if is_empty(cell) and not is_flag else text_of(cell)

    def _wrong(self, row: Row, what: str) -> None:
        self.errors.append(f"{self.path}:{row.number}: {what}")


def _split(text: str) -> list[str]:
    return [part for part in _SEVERAL.split(text) if part]


def _split_phrases(text: str) -> list[str]:
    return [part.strip() for part in _PARTS.split(text) if part.strip()]
