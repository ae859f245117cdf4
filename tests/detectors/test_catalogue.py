"""The shipped catalogue: what a name is, and what the traps of the lists must not do."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from publicsuffixlist import PublicSuffixList

from detectors.catalogue.catalogue import Catalogue
from detectors.catalogue.categories import CATEGORIES
from detectors.catalogue.lookalikes import KnownDomains
from detectors.catalogue.public_suffixes import is_registrable, registrable_domain
from tests.detectors.made_services import made

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
    pools = sum(service.kind == "mining-pool" for service in catalogue.services)
    # BitTorrent's trackers, the other words of labels, known domains that resemble another
    assert counts["general"] == 4 + pools
    assert counts["unknown"] == 0


def test_no_entry_is_a_public_suffix_or_a_whole_portal(catalogue: Catalogue) -> None:
    suffixes = PublicSuffixList()
    portals = {"qq.com", "baidu.com", "github.com", "163.com", "weixin.qq.com", "taobao.com", "google.com"}
    labels = {label for service in catalogue.services for label in (*service.labels, *service.words)}
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


SELF_NAMED = {
    "ads.example.com": "self-named-ads",
    "stat.example.com.cn": "self-named-analytics",
    "ad.zuoyebang.com": "self-named-ads",  # of an education brand
    "log.aliyun.com": "self-named-analytics",  # a known domain, of which other hosts are entries
    "stats.jpush.cn": "jpush",  # an entry for the host itself goes before
    "www.ads.example.com": "self-named-ads",
    "log.node.game.example.com": "self-named-analytics",
    "dc1.ad.example.com": None,  # a directory
    "ad-img2.example.com": "self-named-ads",
    "stage-cs-rtb.example.com": "self-named-ads",
    "adlog.example.com": "self-named-ads",  # of two telling words the advertising one
    "userlogs07.example.com": "self-named-analytics",
    "sdkcrashreport.example.com": "self-named-crash",
    "catalog.example.com": None,
    "login.example.com": None,
    "log-in.example.com": None,
    "uploads.example.com": None,
    "status.example.com": None,
    "order-tracking.example.com": None,
    "3ad212.example.com": None,  # a number that begins a word is part of it
    "dc1.ad3.example.com": None,
    "stat.example.edu.cn": None,  # a department
    "tracker.opentrackr.org": "bittorrent-trackers",
    "ads.example": None,
    "ads.com.cn": None,
    "ads.com": None,
    "log.github.io": None,
    "x-analytics.us-east-1.amazonaws.com": None,  # anyone's, right below a public suffix
    "affiliate.example.com": "self-named-ads",
    "stape-server2.example.com": "self-named-analytics",
    "click.mail.example.com": "self-named-analytics",
    "click-shop.example.com": None,  # as a part it tells nothing
    "click-ads.example.com": "self-named-ads",
    "ads.umeng.com.evil.org": None,
    "ads.umeng.evil.org": None,
    "umeng.com.ads.evil.org": None,
    "log-umeng.evil.org": None,
    "ads.101.com.evil.org": None,
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


def test_of_small_networks_only_long_brands_are_imitated() -> None:
    known = KnownDomains(["flurry.com"], lambda brand: False, obscure=["pixmg.com", "subjectivepoint.com"])
    assert known.imitated_by("flury.com")
    assert not known.imitated_by("pixm.com")
    assert not known.imitated_by("pixmgallery.com")
    assert known.imitated_by("subjectivepoint.net")
    assert known.imitated_by("subjectivpoint.com")
    assert known.shown_in(["ads", "pixmg", "com"], [])
    assert not known.imitated_by("pixmg.com")


def registrable(name: str) -> str:
    while not is_registrable(name):
        name = name.partition(".")[2]
    return name


def test_no_lookalike_of_any_entry_is_accepted(catalogue: Catalogue) -> None:
    for entry in catalogue.entries():
        if "." not in entry.entry:
            continue
        domain = registrable(entry.entry)
        assert registrable_domain(entry.entry) == domain
        for fake in (
            f"not{entry.entry}",
            f"{entry.entry.removesuffix(domain)}x-{domain}",
            f"{entry.entry}.evil-{entry.line}.example.org",
            f"{entry.entry}.evil.org",
            f"ads.{entry.entry}.evil.org",
        ):
            if registrable(fake) == domain:
                continue  # a name that only the domain's owner can give
            match = catalogue.match(fake)
            assert match is None or match.entry in fake.split(".", 1)[1], (fake, match)
