"""`campuswatch explain` and `catalogue` as a user calls them."""

from __future__ import annotations

import json
from pathlib import Path

from tests.end_to_end.conftest import Command

KEYS = ["host", "service", "category", "entry", "source", "line", "overruled"]


def test_json_has_a_line_for_every_name(campuswatch: Command, root: Path) -> None:
    names = "x.syh.zybang.com\n\nnotumeng.com\nUMENG.com.\nnot a name\n有道.例子.cn\n".encode()
    names += b"\xff\xfe.cn\n" + b"x" * 20_000
    done = campuswatch("explain", "-", "--format", "json", given=names)
    assert done.returncode == 0, done.stderr
    told = [json.loads(line) for line in done.stdout.splitlines()]
    assert [list(each) for each in told] == [KEYS] * 7
    classes = ["advertising", "general", "tracking", "unknown", "general", "unknown", "unknown"]
    assert [each["category"] for each in told] == classes
    first = told[0]
    assert (first["host"], first["service"], first["entry"]) == (
        "x.syh.zybang.com",
        "zuoyebang-ads",
        "syh.zybang.com",
    )
    line = Path(first["source"]).read_text("utf-8").splitlines()[first["line"] - 1]
    assert "syh.zybang.com" in line
    assert [(each["entry"], each["category"]) for each in first["overruled"]] == [("zybang.com", "education")]
    assert "3 个不是主机名" in done.stderr


def test_a_campus_s_own_list_and_overrides(campuswatch: Command, tmp_path: Path) -> None:
    (tmp_path / "own.txt").write_text("tracker.school.example\n")
    (tmp_path / "over.yaml").write_text(
        "schema: 1\nservices:\n  - id: ours\n    name: {zh: 本校, en: Ours}\n    operator: ''\n"
        "    category: education\n    kind: lms\n    suffixes: [zybang.com]\n    source: us\n"
        "    checked: 2026-11-24\n"
    )
    config = tmp_path / "c.yaml"
    config.write_text(
        "catalogue:\n  overrides: [over.yaml]\n"
        "  lists:\n    - {id: own, format: plain, category: tracking, kind: analytics, path: own.txt}\n"
    )
    done = campuswatch("explain", "a.tracker.school.example", "syh.zybang.com", "--config", config)
    assert done.returncode == 0, done.stderr
    assert "tracking (analytics)  list-own" in done.stdout
    assert f"{tmp_path / 'own.txt'}:1" in done.stdout
    assert "education (lms)  ours" in done.stdout
    assert "盖过 overruled: syh.zybang.com" in done.stdout


def test_mistakes_in_lists_are_told_all_at_once(campuswatch: Command, tmp_path: Path) -> None:
    (tmp_path / "page.txt").write_text("<html>")
    (tmp_path / "strict.txt").write_text("a.example\nno name\nnor this\n")
    config = tmp_path / "c.yaml"
    config.write_text(
        "catalogue:\n  lists:\n"
        "    - {id: page, format: plain, category: advertising, path: page.txt}\n"
        "    - {id: strict, format: plain, category: advertising, path: strict.txt, strict: true}\n"
    )
    done = campuswatch("config", "check", config)
    assert done.returncode == 2
    assert "page.txt:1: a web page, not a list" in done.stderr
    assert "strict.txt:2: no host name" in done.stderr
    assert "strict.txt:3: no host name" in done.stderr


def test_a_list_without_its_kind_is_refused(campuswatch: Command, tmp_path: Path) -> None:
    config = tmp_path / "c.yaml"
    config.write_text("catalogue:\n  lists:\n    - {id: a, format: plain, category: tracking, path: a.txt}\n")
    done = campuswatch("explain", "a.example", "--config", config)
    assert done.returncode == 2
    assert "kind: needs one of analytics" in done.stderr
