"""The page of a replay: whole in one file, both languages, drawn by a real browser."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from sinks.reports.page import PageContent, page
from tests.end_to_end.conftest import Command


@pytest.fixture(scope="module")
def report(root: Path, campuswatch: Command, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("page") / "day.html"
    done = campuswatch("replay", root / "pcaps" / "campus-day.pcap.zst", "--report", path)
    assert done.returncode == 0, done.stderr
    return path


def test_the_page_stands_alone(report: Path) -> None:
    text = report.read_text(encoding="utf-8")
    own = re.sub(r"<script>.*?</script>", "", text, flags=re.DOTALL)
    assert not re.search(r"<(link|img|iframe|script|object)\b", own)
    assert "default-src 'none'" in own
    assert "http" not in own.replace("http-equiv", "")
    assert report.stat().st_mode & 0o077 == 0, "it holds addresses"


def test_it_tells_what_was_found_in_both_languages(report: Path) -> None:
    text = report.read_text(encoding="utf-8")
    for words in ("第6条", "第7条", "伴随出现第三方跟踪服务", "rides along with the education app"):
        assert words in text
    figures = json.loads(re.search(r"^const figures = (.*);$", text, re.MULTILINE).group(1))
    assert set(figures) == {f"figure{number}" for number in range(7)}
    matrix = figures["figure5"]["data"][0]
    assert sum(cell == "●" for row in matrix["text"] for cell in row) == 10


def test_a_browser_draws_every_figure(report: Path) -> None:
    browser = shutil.which("chromium")
    if browser is None:
        pytest.skip("Debian's chromium is not installed")
    done = subprocess.run(
        [browser, "--headless", "--no-sandbox", "--disable-gpu", "--virtual-time-budget=15000", "--dump-dom",
         report.as_uri()],
        capture_output=True, text=True, timeout=300, check=True,
    )  # fmt: skip
    drawn = re.findall(r'<div id="figure\d+" class="js-plotly-plot">', done.stdout)
    assert len(drawn) == 7
    assert "Refused to" not in done.stderr, "the page's own policy forbids what it needs"


def test_what_comes_from_outside_stays_text() -> None:
    summary = {"packets": 1, "bytes": 1, "flows": 0, "visibility": {"named": 0}, "version": "</p>"}
    finding = {
        "start": "2026-09-01T00:00:00Z", "rule": "unfiled-app", "article": ["4"], "confidence": 0.5,
        "subject": {"kind": "app", "value": "<b>app</b>"},
        "text": {"zh": "<script>alert(1)</script>", "en": "</script>"},
    }  # fmt: skip
    campus = "<script>alert(2)</script>"
    content = PageContent(summary, [(0, [1] * 8)], [], [], [], [finding], {}, frozenset(), "UTC", campus)
    text = page(content)
    assert "<script>alert" not in text
    assert "<b>app</b>" not in text
    assert text.count("</script>") == 2


def test_a_page_that_cannot_be_written_is_told(root: Path, campuswatch: Command, tmp_path: Path) -> None:
    done = campuswatch("replay", root / "pcaps" / "dig.pcap", "--report", tmp_path / "none" / "x.html")
    assert (done.returncode, "cannot write the page" in done.stderr) == (2, True)
