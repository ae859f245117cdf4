"""What stands above the heading: the title, and lines such as `文号：教技〔2024〕1号` or `完整：是`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date

from detectors.register.cells import Cell, day_of, is_empty, text_of
from detectors.register.errors import RegisterError
from detectors.register.lists import Told
from detectors.register.sheets import Row
from detectors.register.statuses import (
    FLAG_WORDS,
    LOOSE_TITLE_WORDS,
    STATUS_WORDS,
    STATUSES,
    TITLE_WORDS,
)

_KEYS = {
    **dict.fromkeys(("名单类型", "状态", "status"), "status"),
    **dict.fromkeys(("文号", "发文字号", "来源文件", "依据", "document"), "document"),
    **dict.fromkeys(("发布单位", "发布机构", "issuer"), "issuer"),
    **dict.fromkeys(("学校", "学校名称", "使用单位", "school"), "school"),
    **dict.fromkeys(("生效日期", "起始日期", "数据截至", "截至日期", "发布日期", "from"), "first"),
    **dict.fromkeys(("有效期至", "终止日期", "until"), "last"),
    **dict.fromkeys(("完整", "是否完整", "完整名单", "complete"), "complete"),
    **dict.fromkeys(("样例", "示例", "sample"), "sample"),
}
_LINE = re.compile(r"^([^:：]{1,12})[:：]\s*(.+)$")
_AS_OF = re.compile(
    r"截[至止](?:日期)?[:：]?\s*(\d{4}\s*年\s*\d{1,2}\s*月\s*\d{1,2}\s*日|\d{4}[-/.]\d{1,2}[-/.]\d{1,2})"
)
_DOCUMENT = re.compile(r"[\u4e00-\u9fff]{1,12}[〔\[(（]\d{4}[〕\])）]\s*\d+\s*号")


def told_above(path: str, rows: Sequence[Row], names: Sequence[str]) -> tuple[str, Told]:
    """The title, and what these rows say of the whole list. Raises RegisterError.

    names: what else may name the list, the better first: its worksheet, its file.
    """
    found: dict[str, str | date | bool | None] = {}
    errors: list[str] = []
    lines = []
    for row in rows:
        cells = [cell for cell in row.cells if not is_empty(cell)]
        pairs = [_LINE.match(text_of(cell)) for cell in cells]
        if len(cells) == 2 and text_of(cells[0]).strip(":： ").lower() in _KEYS:  # key and value in two cells
            _take(f"{path}:{row.number}", text_of(cells[0]).strip(":： "), cells[1], found, errors)
            continue
        for cell, pair in zip(cells, pairs, strict=True):
            if pair is not None and pair[1].strip().lower() in _KEYS:
                _take(f"{path}:{row.number}", pair[1].strip(), pair[2], found, errors)
            else:
                lines.append(text_of(cell))
    if errors:
        raise RegisterError(errors)
    title = " ".join(lines)[:200]
    document = _DOCUMENT.search(title)
    if document is not None:
        found.setdefault("document", document[0])
    status = next(filter(None, map(title_status, (title, *names))), None)
    if status is not None:
        found.setdefault("status", status)
    if any("样例" in each for each in (title, *names)):
        found.setdefault("sample", True)
    as_of = _AS_OF.search(title)
    if as_of is not None and "first" not in found:
        found["first"] = day_of(as_of[1])
    return title, Told(**found)  # type: ignore[arg-type]


def title_status(title: str) -> str | None:
    """The status that a title names; None when it names none, or several that differ."""
    for word, status in TITLE_WORDS:
        if word in title:
            return status
    named = {status for word, status in LOOSE_TITLE_WORDS if word in title}
    return named.pop() if len(named) == 1 else None


def list_status(word: str) -> str | None:
    """The status that a word names: its id, its Chinese name, or a title's word."""
    plain = word.strip().lower()
    if plain in STATUSES:
        return plain
    for status, (zh, en) in STATUS_WORDS.items():
        if plain in (zh, en):
            return status
    return title_status(word)


def _take(
    where: str, key: str, cell: Cell, found: dict[str, str | date | bool | None], errors: list[str]
) -> None:
    name, text = _KEYS[key.lower()], text_of(cell)
    if name == "status":
        status = list_status(text)
        if status is None:
            errors.append(f"{where}: `{text[:40]}` is no list; one of {', '.join(STATUSES)}")
        found[name] = status
    elif name in ("first", "last"):
        try:
            found[name] = day_of(cell, end=name == "last")
        except ValueError as error:
            errors.append(f"{where}: {key}: {error}")
    elif name in ("complete", "sample"):
        flag = FLAG_WORDS.get(text.lower())
        if flag is None:
            errors.append(f"{where}: {key}: `{text[:40]}` is neither 是 nor 否")
        found[name] = flag == "yes"
    else:
        found[name] = text[:200]
