"""The shipped catalogue and its loader: what the traps of the lists must not do."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from publicsuffixlist import PublicSuffixList

from detectors.catalogue.catalogue import Catalogue
from detectors.catalogue.categories import CATEGORIES
from detectors.catalogue.classifier import Classifier
from detectors.catalogue.schema import CatalogueError
from wire.names.strings import StringTable

EXPECTED = {
    "umeng.com": "umeng tracking",
    "utoken.umeng.com": "umeng tracking",
    "notumeng.com": None,
    "umeng.com.evil.example": None,
    "www.zybang.com": "zuoyebang education",
    "syh.zybang.com": "zuoyebang-ads advertising",
    "x.syh.zybang.com": "zuoyebang-ads advertising",
    "dict.youdao.com": "youdao education",
    "a.youdao.com": "youdao-ads advertising",
    "rlogs.youdao.com": "youdao-log tracking",
    "duolingo.com": "duolingo education",
    "ads-api.duolingo.com": "duolingo-ads advertising",
    "metrics.duolingo.com": "duolingo-analytics tracking",
    "track.hujiang.com": "hujiang-log tracking",
    "log-upload.mihoyo.com": "mihoyo-log tracking",
    "www.mihoyo.com": "mihoyo game",
    "apilocate.amap.com": "amap-location functional",
    "logs.amap.com": "amap-log tracking",
    "api.geetest.com": "geetest functional",
    "sdk.jpush.cn": "jpush functional",
    "id6.me": "carrier-one-key-login functional",
    "oapi.dingtalk.com": "dingtalk platform",
    "meeting.tencent.com": "tencent-meeting platform",
    "player.polyv.net": "polyv platform",
    "open.163.com": "netease-open-courses education",
    "sub.open.163.com": None,  # an exact host
    "www.163.com": None,
    "qq.com": None,
    "www.baidu.com": None,
    "github.com": None,
    "www.pku.edu.cn": None,
    "edu.cn": None,
    "com": None,
    "": None,
    ".": None,
    "..umeng.com": "umeng tracking",
}


@pytest.mark.parametrize(("name", "expected"), EXPECTED.items())
def test_match(catalogue: Catalogue, name: str, expected: str | None) -> None:
    match = catalogue.match(name)
    found = f"{catalogue.ids[match.service]} {CATEGORIES[match.category]}" if match else None
    assert found == expected


def test_sizes(catalogue: Catalogue) -> None:
    counts = {category: 0 for category in CATEGORIES}
    for service in catalogue.services:
        counts[service.category] += 1
    assert counts["education"] >= 180
    assert counts["advertising"] >= 75
    assert counts["tracking"] + counts["functional"] >= 100
    assert counts["game"] >= 60
    assert counts["platform"] >= 5
    assert counts["general"] == counts["unknown"] == 0


def test_no_entry_is_a_public_suffix_or_a_whole_portal(catalogue: Catalogue) -> None:
    suffixes = PublicSuffixList()
    portals = {"qq.com", "baidu.com", "github.com", "163.com", "weixin.qq.com", "taobao.com", "google.com"}
    for match in catalogue.entries():
        assert suffixes.privatesuffix(match.entry) is not None, match
        assert match.entry not in portals


def test_a_match_tells_its_line(catalogue: Catalogue, tmp_path: Path) -> None:
    match = catalogue.match("syh.zybang.com")
    assert match is not None
    lines = (Path(__file__).parents[2] / "configs" / "catalogue" / match.file).read_text().splitlines()
    assert match.entry in lines[match.line - 1]


def test_explain_tells_what_was_overruled(catalogue: Catalogue) -> None:
    assert [match.entry for match in catalogue.explain("x.syh.zybang.com")] == [
        "syh.zybang.com",
        "zybang.com",
    ]


LABEL = st.text("abcdefgh-0123", min_size=1, max_size=4)


@given(
    st.lists(LABEL, min_size=1, max_size=5).map(".".join),
    st.sets(st.lists(LABEL, min_size=2, max_size=3).map(".".join), max_size=12),
)
def test_longest_suffix_wins_as_a_plain_search_says(name: str, suffixes: set[str]) -> None:
    catalogue = Catalogue.__new__(Catalogue)
    catalogue._hosts = {}
    catalogue._suffixes = dict(zip(suffixes, suffixes, strict=True))  # type: ignore[arg-type]
    plain = [s for s in suffixes if name == s or name.endswith("." + s)]
    assert catalogue.match(name) == max(plain, key=len, default=None)


HEAD = "schema: 1\nservices:\n"
GOOD = """\
  - id: some-app
    name: {zh: 某应用, en: Some App}
    operator: ""
    category: game
    suffixes: [some.example]
    source: a test
    checked: 2026-11-24
"""

WRONG = {
    "unknown_key": (HEAD + GOOD + "    colour: red\n", "10: unknown key `colour`"),
    "missing_key": (HEAD + GOOD.replace("    source: a test\n", ""), "3: `source` is missing"),
    "bad_id": (HEAD + GOOD.replace("some-app", "Some_App"), "3: `id`"),
    "bad_category": (HEAD + GOOD.replace("game", "fun"), "6: `category`"),
    "unknown_is_no_entry": (HEAD + GOOD.replace("game", "unknown"), "6: `category`"),
    "kind_missing": (HEAD + GOOD.replace("game", "tracking"), "3: `kind` is missing"),
    "kind_without_meaning": (HEAD + GOOD + "    kind: push\n", "10: `kind` has no meaning"),
    "top_level_domain": (HEAD + GOOD.replace("some.example", "cn"), "7: `cn` is a whole top-level domain"),
    "upper_case": (HEAD + GOOD.replace("some.example", "Some.example"), "7: `Some.example` is no host name"),
    "unicode": (HEAD + GOOD.replace("some.example", "应用.cn"), "7: `应用.cn` is no host name"),
    "twice": (HEAD + GOOD + GOOD.replace("some-app", "zz"), "`some.example` stands already in x.yaml:7"),
    "id_twice": (HEAD + GOOD + GOOD.replace("some.ex", "other.ex"), "id `some-app` stands already"),
    "not_yaml": ("services: [", "not YAML"),
    "no_schema": ("services: []\n", "`schema` must be 1"),
    "other_schema": ("schema: 2\nservices: []\n", "1: `schema` must be 1"),
    "empty": ("", "1: empty"),
    "a_list": ("- 1\n", "1: a catalogue file must be a mapping"),
    "key_twice": (HEAD + GOOD + "    id: again\n", "10: `id` stands twice"),
}


@pytest.mark.parametrize(("text", "error"), WRONG.values(), ids=WRONG.keys())
def test_errors_name_file_and_line(tmp_path: Path, text: str, error: str) -> None:
    (tmp_path / "x.yaml").write_text(text)
    with pytest.raises(CatalogueError) as caught:
        Catalogue.load([tmp_path])
    assert "x.yaml:" in str(caught.value)
    assert error in str(caught.value)


def test_all_errors_come_at_once(tmp_path: Path) -> None:
    (tmp_path / "x.yaml").write_text(HEAD + GOOD.replace("game", "fun") + GOOD.replace("some-app", "Q"))
    with pytest.raises(CatalogueError) as caught:
        Catalogue.load([tmp_path])
    assert len(caught.value.errors) == 2


def test_aliases_that_multiply_are_not_followed(tmp_path: Path) -> None:
    bomb = "schema: 1\na: &a [x, x]\n" + "".join(
        f"b{i}: &b{i} [{', '.join(['*' + ('a' if i == 0 else f'b{i - 1}')] * 9)}]\n" for i in range(12)
    )
    (tmp_path / "x.yaml").write_text(bomb + "services: *b11\n")
    with pytest.raises(CatalogueError):
        Catalogue.load([tmp_path])


def test_classifier_gives_each_name_its_class(catalogue: Catalogue) -> None:
    strings = StringTable(100, 1000)
    umeng, other = strings.add(b"a.umeng.com"), strings.add(b"nothing.example")
    service, category = Classifier(catalogue, strings).classify(np.array([umeng, -1, other, umeng], np.int32))
    assert service.tolist() == [catalogue.ids.index("umeng"), -1, -1, catalogue.ids.index("umeng")]
    assert [CATEGORIES[code] for code in category] == ["tracking", "unknown", "general", "tracking"]


def test_classifier_grows_with_the_table(catalogue: Catalogue) -> None:
    strings = StringTable(5000, 100_000)
    ids = np.array([strings.add(f"{i}.duolingo.com".encode()) for i in range(3000)], np.int32)
    classifier = Classifier(catalogue, strings)
    classifier.classify(ids[:1])
    service, _ = classifier.classify(ids)
    assert set(service.tolist()) == {catalogue.ids.index("duolingo")}
