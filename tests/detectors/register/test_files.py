"""Lists as offices make them, and files that are not lists."""

from __future__ import annotations

import io
import tracemalloc
import zipfile
from contextlib import suppress
from datetime import datetime
from pathlib import Path

import pytest
from openpyxl import Workbook
from openpyxl.styles import Font

from detectors.register import csv_file, xlsx_file
from detectors.register.errors import RegisterError
from detectors.register.files import read_lists
from detectors.register.lists import Fact, Told
from tests.detectors.register.office import HEADING, day, made, rezipped, table, workbook

ROWS = [
    HEADING,
    (1, "甲学堂", "教ＡＰＰ备０００１号", "www.jia.example", datetime(2024, 3, 5), "长期"),
    (2, "乙作业", "教APP备0002号", "https://yi.example/app", 45356, datetime(2026, 12, 31)),
    (3, "丙课堂", "教APP备0003号", None, "2024年3月5日", "至今"),
]
TITLE = "某省教育移动应用提供者备案名单"


def refused(path: Path, told: Told | None = None) -> list[str]:
    with pytest.raises(RegisterError) as caught:
        read_lists(path, told or Told())
    assert all(error.startswith(f"{path}:") for error in caught.value.errors)
    return caught.value.errors


def test_a_workbook_with_merged_title_and_dates_of_three_kinds(tmp_path: Path) -> None:
    (got,) = read_lists(workbook(tmp_path / "a.xlsx", ROWS, TITLE), Told())
    assert (got.told.status, got.told.complete, got.title) == ("provider-filing", False, TITLE)
    assert [entry.row for entry in got.entries] == [4, 5, 6]
    numbers = [f"教app备000{number}号" for number in (1, 2, 3)]
    assert [entry.filings for entry in got.entries] == [(number,) for number in numbers]
    assert [entry.hosts for entry in got.entries] == [("www.jia.example",), ("yi.example",), ()]
    assert got.entries[1].facts == (Fact("provider-filing", "filed", day("2024-03-05"), day("2026-12-31")),)
    assert [entry.facts[0].first for entry in got.entries] == [day("2024-03-05")] * 3
    assert got.notes == ()


def test_cells_merged_downwards_hold_for_every_row(tmp_path: Path) -> None:
    rows = [
        ("学校", "应用名称", "选用日期"),
        ("甲中学", "甲学堂", "2024.2.1"),
        (None, "乙作业", None),
        ("乙中学", "丙课堂", "2024.2.2"),
    ]
    path = workbook(tmp_path / "a.xlsx", rows, "教育移动应用选用名单", ["A4:A5", "C4:C5"])
    (got,) = read_lists(path, Told())
    assert [(entry.school, entry.facts[0].first) for entry in got.entries] == [
        ("甲中学", day("2024-02-01")),
        ("甲中学", day("2024-02-01")),
        ("乙中学", day("2024-02-02")),
    ]


TWO_ROWS = [
    ("序号", "应用信息", None, "备案信息", None, "有效期", None, "备注"),
    (None, "名称", "官网", "备案号", "备案日期", "起", "止", None),
    (1, "甲学堂", "www.jia.example", "教APP备0001号", "2024年3月5日", "2024.3.5", "2026.12.31", None),
    (2, "乙作业", None, "教APP备0002号", "2024年3月6日", "2024.3.6", "长期", "新"),
]


def two_rows(path: Path) -> None:
    (got,) = read_lists(path, Told())
    assert [entry.name for entry in got.entries] == ["甲学堂", "乙作业"]
    assert [entry.hosts for entry in got.entries] == [("www.jia.example",), ()]
    assert [entry.filings for entry in got.entries] == [("教app备0001号",), ("教app备0002号",)]
    assert got.entries[0].facts == (Fact("provider-filing", "filed", day("2024-03-05"), day("2026-12-31")),)
    assert got.entries[1].facts[0].last is None


def test_a_heading_of_two_rows_in_a_workbook(tmp_path: Path) -> None:
    merges = ["A3:A4", "H3:H4", "B3:C3", "D3:E3", "F3:G3"]
    two_rows(workbook(tmp_path / "a.xlsx", TWO_ROWS, TITLE, merges))


def test_a_heading_of_two_rows_in_csv(tmp_path: Path) -> None:
    lines = [",".join("" if cell is None else str(cell) for cell in row) for row in TWO_ROWS]
    two_rows(table(tmp_path / "a.csv", f"{TITLE},,,,,,,\n" + "\n".join(lines) + "\n", "gb18030"))


def test_a_row_of_data_is_no_second_row_of_a_heading(tmp_path: Path) -> None:
    text = f"{TITLE}\n应用名称,备案号,备案日期,备注\n网址,教APP备0001号,2024-03-05,官网\n"
    (got,) = read_lists(table(tmp_path / "a.csv", text), Told())
    assert [entry.name for entry in got.entries] == ["网址"]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "utf-16"])
@pytest.mark.parametrize("delimiter", [",", "\t", ";"])
def test_csv_in_every_encoding(tmp_path: Path, encoding: str, delimiter: str) -> None:
    lines = [
        "某省教育移动应用黑名单,,",
        "文号：教技〔2024〕9号,,",
        "应用名称,网址,列入日期",
        "䶮学堂,http://yan.example/x,2024.3.5",
        "注：每季度更新,,",
    ]
    text = "\r\n".join(lines).replace(",", delimiter) + "\r\n"
    (got,) = read_lists(table(tmp_path / "l.csv", text, encoding), Told())
    (entry,) = got.entries
    assert (entry.name, entry.hosts, entry.row) == ("䶮学堂", ("yan.example",), 4)
    assert entry.document == "教技〔2024〕9号"
    assert entry.facts == (Fact("blacklist", "yes", day("2024-03-05"), None),)


def test_what_stands_above_the_heading_speaks_for_the_list(tmp_path: Path) -> None:
    text = "样例名单\n名单类型：负面清单\n完整：是\n生效日期,2024年1月1日\n应用名称,别名\n甲,乙、丙 丁\n"
    got = made(tmp_path, text)
    assert got.told.status == "negative-list"
    assert got.told.complete
    assert got.told.sample
    assert got.told.first == day("2024-01-01")
    assert got.entries[0].aliases == ("乙", "丙 丁")
    assert made(tmp_path, text, complete=False).told.complete is False  # who imports has the last word


def test_states_audiences_businesses_and_flags(tmp_path: Path) -> None:
    text = (
        "应用名称,备案状态,备案日期,撤销日期,适用对象,业务类型,是否统一使用\n"
        "甲,正常,2024-1-1,,高校师生,教务管理,是\n"
        "乙,注销,2024-1-1,2024-2-1,小学、初中学生及家长,课后作业；成绩查询,否\n"
        "丙,审核中,2024-1-1,,学生,娱乐,\n"
    )
    got = made(tmp_path, text, status="provider-filing")
    told = [[(fact.status, fact.value) for fact in entry.facts] for entry in got.entries]
    assert told[0] == [
        ("provider-filing", "filed"), ("uniform", "yes"), ("audience", "university"), ("audience", "staff"),
        ("business", "management"),
    ]  # fmt: skip
    assert told[1] == [
        ("provider-filing", "filed"), ("provider-filing", "revoked"), ("uniform", "no"),
        ("audience", "minors"), ("audience", "parents"),
        ("business", "score-query"), ("business", "homework"),
    ]  # fmt: skip
    assert got.entries[1].facts[0].last == day("2024-01-31")
    assert got.entries[1].facts[1].first == day("2024-02-01")
    assert told[2] == [("provider-filing", "pending")]
    assert len(got.notes) == 2  # 学生 alone tells no age, 娱乐 is no business: a person should look


def test_every_error_at_once_with_its_row_and_a_remedy(tmp_path: Path) -> None:
    text = (
        "备案名单\n应用名称,域名,备案日期,有效期至,备案状态,是否统一使用\n"
        "甲,not a host!,2024-02-30,长期,已备案,\n"
        ",,2024-01-01,,,\n"
        "乙,,2024-05-01,2024-04-01,飞行中,或许\n"
        "丙,,,,已撤销,\n"
    )
    errors = refused(table(tmp_path / "l.csv", text))
    rows = [error.split(":")[1] for error in errors]
    assert rows == sorted(rows)
    assert {row: rows.count(row) for row in rows} == {"3": 4, "4": 1, "5": 3, "6": 2}
    for part in ("correct or delete it", "no day of the", "delete the row", "write 已备案", "fill in"):
        assert part in "".join(errors)


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("", "no heading"),
        ("甲,乙\n丙,丁\n", "no heading"),
        ("应用名称,备案日期\n甲,2024-1-1\n", "what list is this"),
        ("备案名单\n应用名称,备案日期\n", "no row below"),
        ("备案名单\n完整：是\n应用名称,备案日期\n甲,2024-1-1\n", "from what day"),
        ("备案名单\n完整：也许\n应用名称,备案日期\n甲,2024-1-1\n", "neither 是 nor 否"),
        ("备案名单\n应用名称,备案日期\n甲\0,2024-1-1\n", "NUL"),
        ('备案名单\n应用名称,备案日期\n"甲,2024-1-1\n', "not CSV"),
        ("备案名单\n应用名称,备案日期\n=cmd(),2024-1-1\n", "formula"),
        (f"备案名单\n应用名称,备案日期\n{'甲' * 5000},2024-1-1\n", "characters"),
        (f"备案名单\n应用名称,备案日期\n甲{',' * 200}\n", "columns"),
        (f"备案名单\n应用名称,备案日期\n{'甲' * 300_000}\n", "a line of"),
        ("名单类型,应用名称,列入日期\n白名单,甲,2024-1-1\n,乙,2024-1-1\n", "is no list"),
        ("名单类型：适用对象\n应用名称,备案日期\n甲,2024-1-1\n", "needs a column"),
    ],
)
def test_csv_that_is_no_list(tmp_path: Path, text: str, what: str) -> None:
    assert any(what in error for error in refused(table(tmp_path / "l.csv", text)))


def test_neither_utf8_nor_gb18030(tmp_path: Path) -> None:
    path = tmp_path / "l.csv"
    path.write_bytes(b"\xff\x00\x81\xfe\xff,\x80")
    assert "neither UTF-8 nor GB18030" in refused(path)[0]


def test_formulas_errors_and_text_that_acts_as_a_formula(tmp_path: Path) -> None:
    rows = [HEADING, (1, "甲", "=A1", None, "2024-1-1", None), (2, "乙", "@SUM(1)", None, "#REF!", None)]
    errors = refused(workbook(tmp_path / "a.xlsx", rows, TITLE))
    assert [error.split(": ")[1].split(" ")[1] for error in errors] == ["C4", "C5", "E5"]


def test_a_stray_cell_far_away(tmp_path: Path) -> None:
    book = Workbook()
    sheet = book.active
    assert sheet is not None
    for row in (("备案名单",), ("应用名称", "备案日期"), ("甲", "2024-1-1")):
        sheet.append(row)
    sheet.cell(1_048_576, 1).font = Font(bold=True)  # an empty one is harmless
    sheet.column_dimensions["XFD"].width = 3
    book.save(tmp_path / "a.xlsx")
    (only,) = read_lists(tmp_path / "a.xlsx", Told())
    assert len(only.entries) == 1
    sheet.cell(200_000, 1).value = "x"
    book.save(tmp_path / "a.xlsx")
    assert "stray cells" in refused(tmp_path / "a.xlsx")[0]


def test_hidden_sheets_are_not_read(tmp_path: Path) -> None:
    workbook(tmp_path / "a.xlsx", ROWS, TITLE)
    book = Workbook()
    hidden, shown = book.active, book.create_sheet("推荐名单")
    assert hidden is not None
    hidden.append(["隐藏"])
    hidden.sheet_state = "hidden"
    for row in (("应用名称", "推荐日期"), ("甲", "2024-1-1")):
        shown.append(row)
    book.save(tmp_path / "a.xlsx")
    (got,) = read_lists(tmp_path / "a.xlsx", Told())
    assert got.told.status == "recommended"  # from the worksheet's name
    assert len(got.entries) == 1


def test_every_worksheet_is_a_list_of_its_own(tmp_path: Path) -> None:
    book = Workbook()
    first, second, about = book.active, book.create_sheet("推荐（中学）"), book.create_sheet("填表说明")
    assert first is not None
    first.title = "推荐（小学）"
    for sheet, app in ((first, "甲"), (second, "乙")):
        sheet.append(["某省教育移动应用（截至2024年3月1日）"])
        sheet.append(["序号", "应用名称", "提供者名称"])
        sheet.append([1, app, "某公司"])
    about.append(["请如实填写"])
    book.save(tmp_path / "a.xlsx")
    lists = read_lists(tmp_path / "a.xlsx", Told())
    assert [each.source for each in lists] == ["a.xlsx[推荐（小学）]", "a.xlsx[推荐（中学）]"]
    assert [each.told.status for each in lists] == ["recommended", "recommended"]
    assert [each.entries[0].facts for each in lists] == [
        (Fact("recommended", "yes", day("2024-03-01"), None),)
    ] * 2
    assert "填表说明" in lists[0].notes[0]
    second.append([2, None, "某公司"])
    book.save(tmp_path / "a.xlsx")
    with pytest.raises(RegisterError, match=r"a.xlsx\[推荐（中学）\]:4: names no app"):
        read_lists(tmp_path / "a.xlsx", Told())


@pytest.mark.parametrize(
    ("name", "title", "status"),
    [
        ("名单.csv", "某省教育移动应用备案情况一览表", "provider-filing"),
        ("2024年黑名单.csv", "", "blacklist"),
        ("名单.csv", "某校拟选用教育移动应用汇总", "selected"),
        ("名单.csv", "某省推荐、选用情况", None),  # which of them?
        ("名单.csv", "教育移动应用名单", None),
    ],
)
def test_which_list_it_is_stands_in_its_title_or_name(
    tmp_path: Path, name: str, title: str, status: str | None
) -> None:
    path = table(tmp_path / name, f"{title}\n应用名称,日期\n甲,2024-1-1\n")
    if status is None:
        assert "what list is this" in refused(path)[0]
    else:
        (got,) = read_lists(path, Told())
        assert got.told.status == status


def test_bombs_are_refused_in_bounded_memory(tmp_path: Path) -> None:
    good = workbook(tmp_path / "a.xlsx", ROWS, TITLE).read_bytes()
    zeros = b" " * (1 << 20)
    huge = io.BytesIO()
    with zipfile.ZipFile(huge, "w", zipfile.ZIP_DEFLATED) as archive:
        for at in range(120):
            archive.writestr(f"xl/media/{at}.bin", zeros)
    bomb = tmp_path / "bomb.xlsx"
    strings = b'<sst xmlns="x">' + b"<si><t>a</t></si>" * 1_100_000 + b"</sst>"
    laughs = b'<?xml version="1.0"?><!DOCTYPE lolz [<!ENTITY lol "lol">]><sst><si><t>&lol;</t></si></sst>'
    made_bombs: list[tuple[bytes, str, bytes, str]] = [
        (huge.getvalue(), "", b"", "zip bomb"),
        (good, "xl/sharedStrings.xml", strings, "zip bomb"),
        (good, "xl/sharedStrings.xml", laughs, "entities"),
        (good, "xl/vbaProject.bin", b"x", "macros"),
    ]
    for content, member, part, what in made_bombs:
        bomb.write_bytes(content)
        if member:
            rezipped(bomb, member, part)
        tracemalloc.start()
        errors = refused(bomb)
        assert tracemalloc.get_traced_memory()[1] < 4 << 20
        tracemalloc.stop()
        assert any(what in error for error in errors)


@pytest.mark.parametrize(
    ("name", "content", "what"),
    [
        ("a.xls", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), "old .xls or an encrypted"),
        ("a.xlsm", b"PK\x03\x04", "macros"),
        ("a.xlsx", b"PK\x03\x04" + bytes(100), "not a readable XLSX"),
        ("a.xlsx", b"", "not a readable XLSX"),
    ],
)
def test_workbooks_of_other_kinds(tmp_path: Path, name: str, content: bytes, what: str) -> None:
    (tmp_path / name).write_bytes(content)
    assert what in refused(tmp_path / name)[0]


def test_a_workbook_cut_or_changed_anywhere_never_crashes(tmp_path: Path) -> None:
    good = workbook(tmp_path / "a.xlsx", ROWS, TITLE).read_bytes()
    path = tmp_path / "b.xlsx"
    for at in range(0, len(good), 97):
        for content in (good[:at], good[:at] + bytes([good[at] ^ 0x55]) + good[at + 1 :]):
            path.write_bytes(content)
            with suppress(RegisterError):
                assert read_lists(path, Told())[0].entries


def test_files_that_are_too_large_or_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "cannot be read" in refused(tmp_path / "none.csv")[0]
    monkeypatch.setattr(csv_file, "MAX_BYTES", 10)
    monkeypatch.setattr(xlsx_file, "MAX_FILE_BYTES", 10)
    assert "larger than" in refused(table(tmp_path / "l.csv", "应用名称,备案日期\n"))[0]
    assert "larger than" in refused(workbook(tmp_path / "a.xlsx", ROWS, TITLE))[0]


def test_a_part_whose_name_is_no_text(tmp_path: Path) -> None:
    """The archive says that the name is UTF-8, and it is not."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("\u00e9.xml", "<x/>")
    path = tmp_path / "name.xlsx"
    path.write_bytes(content.getvalue().replace("\u00e9".encode(), b"\xd8 "))
    with pytest.raises(RegisterError, match="not a readable XLSX"):
        read_lists(path, Told())
