"""`campuswatch register` as a person types it."""

from __future__ import annotations

from pathlib import Path

import pytest

from monitor.cli import run
from tests.detectors.register.office import table, workbook

SAMPLE = Path(__file__).parents[2] / "configs" / "register" / "sample"
CONFIG = str(SAMPLE / "campuswatch.yaml")
Capture = pytest.CaptureFixture[str]


def command(store: Path, *words: str) -> int:
    return run(["register", *words, "--store", str(store), "--config", CONFIG])


def test_import_show_diff(tmp_path: Path, capsys: Capture) -> None:
    assert command(tmp_path / "r", "import", str(SAMPLE / "lists.yaml")) == 0
    told = capsys.readouterr().out
    assert told.count("已导入 imported") == 4
    assert "8 条 entries, 完整 complete，样例 sample" in told
    assert command(tmp_path / "r", "import", str(SAMPLE / "lists.yaml")) == 0
    assert capsys.readouterr().out.count("已导入过 already imported") == 4
    for app, day, status in (
        ("样例作业", "2024-04-14", "已备案 filed (自 since 2023-09-01"),
        ("sample-zuoye", "2024年4月15日", "已撤销 revoked (自 since 2024-04-15"),
        ("www.zuoye-sample.example", "2023-12-31", "已备案 filed"),
        ("样例练习", "2024-05-01", "提供者备案 provider filing: 无 none"),
        ("样例练习", "2023-12-31", "提供者备案 provider filing: 未知 unknown"),
    ):
        assert command(tmp_path / "r", "show", app, "--on", day) == 0
        assert status in capsys.readouterr().out
    assert command(tmp_path / "r", "diff") == 0
    assert "2024-04-14 → 2024-04-15: 1 处变化" in capsys.readouterr().out
    assert command(tmp_path / "r", "diff", "--from", "2024-02-29", "--to", "2024-03-01") == 0
    assert "sample-heimingdan: 黑名单 blacklist: 未知 unknown → 是 yes" in capsys.readouterr().out


def test_what_does_not_match_is_listed_and_a_person_decides(tmp_path: Path, capsys: Capture) -> None:
    rows = [("应用名称", "选用日期"), ("样例学堂", "2024.2.1"), ("某校自建平台", "2024年2月1日")]
    path = workbook(tmp_path / "选用.xlsx", rows, "某校教育移动应用选用名单")
    assert command(tmp_path / "r", "import", str(path)) == 0
    told = capsys.readouterr().out
    assert "选用.xlsx:5: 某校自建平台: no service" in told
    assert command(tmp_path / "r", "bind", "某校自建平台", "sample-daxue") == 0
    assert command(tmp_path / "r", "show", "sample-daxue", "--on", "2024-03-01") == 0
    assert "学校选用 selected by the school: 是 yes" in capsys.readouterr().out


def test_options_say_what_a_bare_table_does_not(tmp_path: Path, capsys: Capture) -> None:
    path = table(tmp_path / "l.csv", "应用名称\n样例学堂\n样例作业\n", "gb18030")
    assert command(tmp_path / "r", "import", str(path)) == 2
    assert "no heading" in capsys.readouterr().err
    path = table(tmp_path / "l.csv", "序号,应用名称,提供者\n1,样例学堂,甲\n", "gb18030")
    assert command(tmp_path / "r", "import", str(path)) == 2
    told = capsys.readouterr().err
    assert "--status" in told
    assert "--from" in told
    options = ("--status", "recommended", "--from", "2024-01-01", "--complete", "--document", "某教1号")
    assert command(tmp_path / "r", "import", str(path), *options) == 0
    assert command(tmp_path / "r", "show", "样例作业", "--on", "2024-02-01") == 0
    assert "省级推荐名单 provincial recommendation list: 无 none" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("import", "none.csv"), "none.csv:0: cannot be read"),
        (("import", str(SAMPLE / "recommended.csv"), "--status", "white"), "`white` is none of"),
        (("import", str(SAMPLE / "recommended.csv"), "--from", "soon"), "`soon` is no date"),
        (("import", str(SAMPLE / "lists.yaml"), "--complete"), "leave the options out"),
        (("show", "没有这个应用"), "the catalogue knows no app"),
        (("show", "样例作业", "--on", "昨天"), "--on: `昨天` is no date"),
        (("bind", "甲", "nobody"), "no service `nobody`"),
    ],
)
def test_mistakes_are_told_in_a_line(
    tmp_path: Path, capsys: Capture, words: tuple[str, ...], told: str
) -> None:
    assert command(tmp_path / "r", *words) == 2
    error = capsys.readouterr().err
    assert told in error
    assert "Traceback" not in error
    assert not (tmp_path / "r").exists()


def test_a_list_with_errors_leaves_the_store_as_it_was(tmp_path: Path, capsys: Capture) -> None:
    heading = "推荐名单\n应用名称,推荐日期\n"
    good, bad = heading + "样例学堂,2024-1-1\n", heading + "样例学堂,二月\n样例作业,\n"
    table(tmp_path / "good.csv", good)
    table(tmp_path / "bad.csv", bad)
    manifest = tmp_path / "r.yaml"
    manifest.write_text("schema: 1\nlists: [{file: good.csv}, {file: bad.csv}]\n")
    assert command(tmp_path / "r", "import", str(manifest)) == 2
    error = capsys.readouterr().err
    assert "bad.csv:3" in error
    assert "bad.csv:4" in error
    assert not (tmp_path / "r").exists()
