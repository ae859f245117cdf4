"""The shipped catalogue and its loader: what the traps of the lists must not do."""

from __future__ import annotations

from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from publicsuffixlist import PublicSuffixList

from detectors.catalogue.catalogue import Catalogue
from detectors.catalogue.categories import CATEGORIES
from detectors.catalogue.classifier import Classifier
from detectors.catalogue.host_names import host_name, shown
from detectors.catalogue.schema import CatalogueError, Service
from detectors.catalogue.settings import CatalogueSettings
from tests.detectors.conftest import CATALOGUE
from wire.flows.records import FLOW_ROW, IPV4_MAPPED
from wire.names.facts import FACTS, SOURCE_ADDRESS_RANGE
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
    labels = {label for service in catalogue.services for label in service.labels}
    for match in catalogue.entries():
        if match.entry in labels:
            continue
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


def made(id_: str, category: str = "advertising", **fields: Any) -> Service:
    """A service as a file would hold it; a line for every name."""
    names = (*fields.get("suffixes", ()), *fields.get("hosts", ()))
    given = {"suffixes": (), "hosts": (), "path": f"{id_}.yaml", **fields}
    return Service(
        id=id_, name_zh=id_, name_en=id_, operator="", category=category, kind=None, source="a test",
        checked="2026-11-24", file=given["path"], line=1, lines=tuple(range(1, len(names) + 1)), **given,
    )  # fmt: skip


LABEL = st.text("abcdefgh-0123", min_size=1, max_size=4)


@given(
    st.lists(LABEL, min_size=1, max_size=5).map(".".join),
    st.sets(st.lists(LABEL, min_size=2, max_size=3).map(".".join), max_size=12),
)
def test_longest_suffix_wins_as_a_plain_search_says(name: str, suffixes: set[str]) -> None:
    catalogue = Catalogue([made("some", suffixes=tuple(suffixes))])
    plain = [s for s in suffixes if name == s or name.endswith("." + s)]
    match = catalogue.match(name)
    assert (match.entry if match else None) == max(plain, key=len, default=None)


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
    "top_level_domain": (HEAD + GOOD.replace("some.example", "cn"), "7: `cn` is a public suffix"),
    "public_suffix": (HEAD + GOOD.replace("some.example", "com.cn"), "7: `com.cn` is a public suffix"),
    "shared_host": (HEAD + GOOD.replace("some.example", "github.io"), "7: `github.io` is a public suffix"),
    "a_url": (
        HEAD + GOOD.replace("some.example", "https://some.example/"),
        "is no host name; write it without",
    ),
    "an_address": (HEAD + GOOD.replace("some.example", "192.0.2.1"), "7: `192.0.2.1` is no host name"),
    "bad_network": (HEAD + GOOD + "    addresses: [192.0.2.1/24]\n", "10: `192.0.2.1/24` is no network"),
    "wide_network": (HEAD + GOOD + "    addresses: [0.0.0.0/0]\n", "10: `0.0.0.0/0` is no one's alone"),
    "bad_ports": (HEAD + GOOD + "    addresses: [192.0.2.0/24]\n    ports: [9-1]\n", "11: `9-1` is no port"),
    "ports_alone": (HEAD + GOOD + "    ports: [9]\n", "10: `ports` narrows `addresses`, which is missing"),
    "bad_ja4": (HEAD + GOOD + "    addresses: [192.0.2.0/24]\n    ja4: [t13]\n", "11: `ja4`: `t13` is not"),
    "deep": ("[" * 100_000, "nest"),
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


def test_unicode_and_punycode_are_one_name(tmp_path: Path) -> None:
    (tmp_path / "x.yaml").write_text(HEAD + GOOD.replace("some.example", "应用.example"))
    loaded = Catalogue.load([tmp_path])
    name = host_name("下载.应用.EXAMPLE.")
    assert name == "下载.应用.example".encode("idna").decode()  # the interpreter's own
    match = loaded.match(name)
    assert match is not None
    assert shown(match.entry) == "应用.example"


@pytest.mark.parametrize(
    "text", ["", ".", "a b.com", "1.2.3.4", "::1", "a..b", "-a.com", "a" * 64 + ".com", "*.a.com"]
)
def test_what_is_no_host_name(text: str) -> None:
    assert host_name(text) is None


@given(st.text(max_size=300))
def test_a_comparable_name_stays_what_it_is(text: str) -> None:
    name = host_name(text)
    assert name is None or host_name(name) == name


def overriding(tmp_path: Path, text: str) -> Catalogue:
    own = tmp_path / "own.yaml"
    own.write_text(HEAD + text)
    return Catalogue.of(CatalogueSettings((CATALOGUE,), overrides=(own,)))


def test_the_campus_s_own_wins_over_longer_entries(tmp_path: Path) -> None:
    ours = overriding(tmp_path, GOOD.replace("some.example", "zybang.com"))
    found = ours.explain("x.syh.zybang.com")
    assert [match.entry for match in found] == ["zybang.com", "syh.zybang.com", "zybang.com"]
    assert ours.ids[found[0].service] == "some-app"
    assert found[0].file == "own.yaml"


def test_the_campus_can_add_to_a_service_and_take_names_out(tmp_path: Path) -> None:
    addition = GOOD.replace("some-app", "chaoxing").replace("game", "education\n    kind: lms")
    ours = overriding(tmp_path, addition.replace("some.example", "mooc.school.edu.cn"))
    match = ours.match("mooc.school.edu.cn")
    assert match is not None
    assert ours.ids[match.service] == "chaoxing"
    out = overriding(tmp_path, GOOD.replace("game", "general").replace("some.example", "syh.zybang.com"))
    match = out.match("syh.zybang.com")
    assert match is not None
    assert CATEGORIES[match.category] == "general"


def flow(address: str, port: int = 443, protocol: int = 6) -> np.void:
    made_row = np.zeros(1, FLOW_ROW)
    number = int(ip_address(address)) | (IPV4_MAPPED if ":" not in address else 0)
    made_row["server_hi"], made_row["server_lo"] = number >> 64, number & (1 << 64) - 1
    made_row["server_port"], made_row["protocol"] = port, protocol
    return made_row[0]


def unnamed(count: int) -> np.ndarray:
    facts = np.zeros(count, FACTS)
    for name in ("name", "alpn", "parameters", "dns_chain_end"):
        facts[name] = -1
    return facts


def networks(*texts: str) -> tuple[Any, ...]:
    return tuple(ip_network(text) for text in texts)


def test_address_ranges_are_the_last_resort() -> None:
    catalogue = Catalogue(
        [
            made("wide", addresses=networks("198.51.100.0/24", "2001:db8::/32")),
            made("narrow", addresses=networks("198.51.100.128/25"), ports=((7000, 7010),)),
            made("named", suffixes=("named.example",)),
        ]
    )
    strings = StringTable(10, 100)
    rows = np.array(
        [
            flow("198.51.100.1"),
            flow("198.51.100.200", 7005),
            flow("198.51.100.200", 7011),
            flow("198.51.101.0"),
            flow("198.51.99.255"),
            flow("2001:db8:ffff::1"),
            flow("198.51.100.1", protocol=1),
            flow("198.51.100.1"),
        ]
    )
    facts = unnamed(len(rows))
    facts["name"][7], facts["name_source"][7] = strings.add(b"a.named.example"), 1
    classes = Classifier(catalogue, strings).classify_flows(facts, rows)
    found = [catalogue.ids[index] if index >= 0 else None for index in classes.service.tolist()]
    assert found == ["wide", "narrow", "wide", None, None, "wide", None, "named"]
    by_address = facts["name_source"] == SOURCE_ADDRESS_RANGE
    assert by_address.tolist() == [True, True, True, False, False, True, False, False]
    assert (facts["name_confidence"][by_address] > 0).all()
    assert (facts["name"][:7] == -1).all()


def test_alpn_and_ja4_narrow_an_address_range() -> None:
    catalogue = Catalogue([made("push", addresses=networks("192.0.2.0/24"), alpn=("mqtt", "x-push"))])
    strings = StringTable(10, 100)
    rows = np.array([flow("192.0.2.1")] * 3)
    facts = unnamed(3)
    facts["alpn"] = [strings.add(b"\x02h2\x06x-push"), strings.add(b"\x02h2"), -1]
    classes = Classifier(catalogue, strings).classify_flows(facts, rows)
    assert classes.service.tolist() == [0, -1, -1]
    other = Catalogue(
        [made("app", addresses=networks("192.0.2.0/24"), ja4=("t00i000000_" + "0" * 12 + "_" + "0" * 12,))]
    )
    assert Classifier(other, strings).classify_flows(unnamed(3), rows).service.tolist() == [-1, -1, -1]


def test_a_first_party_alias_of_a_tracker_is_classed_by_both(catalogue: Catalogue) -> None:
    strings = StringTable(10, 1000)
    facts = unnamed(4)
    facts["name"] = [
        strings.add(b"metrics.zybang.com"), strings.add(b"www.school.example"), strings.add(b"a.umeng.com"),
        strings.add(b"www.zybang.com"),
    ]  # fmt: skip
    facts["dns_chain_end"] = [
        strings.add(b"x.sc.omtrdc.net"), strings.add(b"cname.appsflyer.com"), strings.add(b"b.umeng.com"),
        strings.add(b"www.zybang.com.cdn.example"),
    ]  # fmt: skip
    classes = Classifier(catalogue, strings).classify_flows(facts, np.array([flow("192.0.2.1")] * 4))
    assert [CATEGORIES[code] for code in classes.category] == [
        "education",
        "general",
        "tracking",
        "education",
    ]
    behind = [catalogue.ids[index] if index >= 0 else None for index in classes.cloaked_service.tolist()]
    assert behind == ["adobe-experience-cloud", "appsflyer", None, None]
    assert [CATEGORIES[code] for code in classes.cloaked_category[:2]] == ["tracking", "tracking"]


def test_a_reload_keeps_indices_and_forgets_answers() -> None:
    first = Catalogue([made("b", suffixes=("b.example",)), made("c", suffixes=("c.example",))])
    strings = StringTable(10, 100)
    names = np.array(
        [strings.add(b"b.example"), strings.add(b"c.example"), strings.add(b"a.example")], np.int32
    )
    classifier = Classifier(first, strings)
    assert classifier.classify(names)[0].tolist() == [0, 1, -1]
    second = Catalogue(
        [made("a", suffixes=("a.example",)), made("b", "game", suffixes=("b.example",))], keep_ids=first.ids
    )
    classifier.replace(second)
    service, category = classifier.classify(names)
    assert service.tolist() == [0, -1, 2]
    assert second.ids == ("b", "c", "a")
    assert [CATEGORIES[code] for code in category] == ["game", "general", "advertising"]


SELF_NAMED = {
    "ads.example.com": "self-named-ads",
    "stat.example.com.cn": "self-named-analytics",
    "ad.zuoyebang.com": "self-named-ads",  # of an education brand
    "log.aliyun.com": "self-named-analytics",  # a known domain, of which other hosts are entries
    "stats.jpush.cn": "jpush",  # an entry for the host itself goes before
    "www.ads.example.com": None,
    "ads.example": None,
    "ads.com.cn": None,
    "ads.com": None,
    "log.github.io": None,
    "ads.umeng.com.evil.org": None,
    "log.notumeng.com": None,
    "log.umeng.com.cn": None,
    "log.u-meng.com": None,
    "log.umemg.com": None,
    "ads.doub1eclick.net": None,
    "ads.doubleclickk.net": None,
    "log.xn--umng-5pa.com": None,
}


@pytest.mark.parametrize(("name", "service"), SELF_NAMED.items())
def test_hosts_that_name_themselves(catalogue: Catalogue, name: str, service: str | None) -> None:
    match = catalogue.match(name)
    assert (catalogue.ids[match.service] if match else None) == service


def test_no_lookalike_of_any_entry_is_accepted(catalogue: Catalogue) -> None:
    for entry in catalogue.entries():
        if "." not in entry.entry:
            continue
        for fake in (
            f"not{entry.entry}",
            f"x-{entry.entry}",
            f"{entry.entry}.evil-{entry.line}.example.org",
            f"{entry.entry}.evil.org",
            f"ads.{entry.entry}.evil.org",
        ):
            match = catalogue.match(fake)
            assert match is None or match.entry in fake.split(".", 1)[1], (fake, match)
