"""Lists as offices make them: workbooks with merged titles, CSV in the code pages of Windows."""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

from openpyxl import Workbook
from openpyxl.styles import Font

from detectors.catalogue.catalogue import Catalogue
from detectors.catalogue.schema import Service
from detectors.register.files import read_lists
from detectors.register.lists import RegisterList, Told

HEADING = ("序号", "教育移动应用名称", "备案号", "服务域名", "备案日期", "有效期至")


def workbook(path: Path, rows: Sequence[Sequence[Any]], title: str, merges: Sequence[str] = ()) -> Path:
    """An XLSX with a merged title row, an empty row, and `rows` below."""
    book = Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.append([title])
    sheet.merge_cells(start_row=1, end_row=1, start_column=1, end_column=6)
    sheet["A1"].font = Font(bold=True, size=18)
    sheet.append([])
    for row in rows:
        sheet.append(list(row))
    for merge in merges:
        sheet.merge_cells(merge)
    book.save(path)
    return path


def table(path: Path, text: str, encoding: str = "utf-8-sig") -> Path:
    path.write_bytes(text.encode(encoding))
    return path


def rezipped(path: Path, member: str, content: bytes) -> Path:
    """The same workbook with one part replaced or added."""
    with zipfile.ZipFile(path) as old:
        parts = {name: old.read(name) for name in old.namelist()}
    parts[member] = content
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as new:
        for name, each in parts.items():
            new.writestr(name, each)
    return path


def service(ident: str, zh: str, *suffixes: str, category: str = "education") -> Service:
    lines = tuple(range(len(suffixes)))
    kind = "resources" if category == "education" else None
    return Service(ident, zh, ident, "", category, kind, suffixes, (), "test", "2024-01-01", "t", 1, lines)


CATALOGUE = Catalogue(
    [
        service("jia", "甲学堂", "jia.example"),
        service("yi", "乙作业/乙辅导", "yi.example"),
        service("bing", "丙课堂(丙丙教育平台)", "bing.example"),
        service("ding", "丁丁", "ding.example", category="platform"),
        service("wu-1", "戊学", "wu.example"),
        service("wu-2", "戊学", "wu2.example"),
    ]
)


def made(tmp_path: Path, text: str, name: str = "l.csv", **told: Any) -> RegisterList:
    """A list from the text of a CSV."""
    (only,) = read_lists(table(tmp_path / name, text), Told(**told))
    return only


def day(text: str) -> date:
    return date.fromisoformat(text)
