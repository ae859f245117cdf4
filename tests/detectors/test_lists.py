"""Lists from elsewhere: what of each format is taken, what is counted, what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from detectors.catalogue.catalogue import Catalogue, Match
from detectors.catalogue.categories import CATEGORIES
from detectors.catalogue.entries import BELOW, EXCEPTION, HOST, IMPORTANT, SUFFIX, Entries
from detectors.catalogue.lists.harvest import REASONS
from detectors.catalogue.lists.reading import ListReport, read_list
from detectors.catalogue.schema import CatalogueError
from detectors.catalogue.settings import LIST_FORMATS, CatalogueSettings, ListSettings
from tests.detectors.conftest import CATALOGUE

Found = dict[tuple[str, int], int]


def settings(path: Path, form: str, **more: object) -> ListSettings:
    return ListSettings("some", form, "advertising", path, **more)  # type: ignore[arg-type]


def read(folder: Path, form: str, text: str | bytes, **more: object) -> tuple[Found, ListReport, list[str]]:
    """Entries as {(name, flags): line}, the report, the errors."""
    path = folder / "list"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    entries, errors = Entries(), []
    report = read_list(settings(path, form, **more), entries, 0, 0, errors)
    found = {(entries.name(at).decode(), entries.flags[at]): entries.lines[at] for at in range(len(entries))}
    return found, report, errors


def test_plain(tmp_path: Path) -> None:
    text = (
        "\ufeff# head\n\nAds.Example.com\r\n*.below.example\n+.both.example # why\n.dot.example\n"
        "x*y.example\n1.2.3.4\ncom.cn\nlocalhost\n广告.example"
    )
    found, report, errors = read(tmp_path, "plain", text)
    assert found == {
        ("ads.example.com", SUFFIX): 3,
        ("below.example", BELOW): 4,
        ("both.example", SUFFIX): 5,
        ("dot.example", SUFFIX): 6,
        ("广告.example".encode("idna").decode(), SUFFIX): 11,
    }
    assert report.skipped == {"address": 1, "local_name": 1, "public_suffix": 1, "wildcard": 1}
    assert errors == []
    assert read(tmp_path, "plain", "a.example\n", exact=True)[0] == {("a.example", HOST): 1}


def test_hosts(tmp_path: Path) -> None:
    text = (
        "127.0.0.1 localhost\n0.0.0.0 a.example b.example # two\n::1\tip6-localhost\n"
        "192.0.2.7 real.example\n0.0.0.0 0.0.0.0\n# 0.0.0.0 off.example\n:: c.example\n"
    )
    found, report, errors = read(tmp_path, "hosts", text)
    assert found == {("a.example", HOST): 2, ("b.example", HOST): 2, ("c.example", HOST): 7}
    assert report.skipped == {"address": 1, "local_name": 2, "other_address": 1}
    assert errors == []


ADBLOCK = """\
[Adblock Plus 2.0]
! a comment
||ads.example^
||whole.example
@@||good.ads.example^
@@||always.example^$important
||strong.example^$important
||options.example^$third-party
||denied.example^$denyallow=x.example
bare.example
||*.wild.example^
||path.example/banner
|https://scheme.example^
/banner[0-9]+/
/adx/serve?
example.com##.banner
example.com#@#.banner
||192.0.2.1^
||exact.example^|
0.0.0.0 hosts.example
||port.example:8080^
||com.cn^
"""


def test_adblock(tmp_path: Path) -> None:
    found, report, errors = read(tmp_path, "adblock", ADBLOCK)
    assert found == {
        ("ads.example", SUFFIX): 3,
        ("whole.example", SUFFIX): 4,
        ("good.ads.example", SUFFIX | EXCEPTION): 5,
        ("always.example", SUFFIX | EXCEPTION | IMPORTANT): 6,
        ("strong.example", SUFFIX | IMPORTANT): 7,
        ("bare.example", HOST): 10,
        ("exact.example", SUFFIX): 19,
        ("hosts.example", HOST): 20,
    }
    assert report.skipped == {
        "address": 1,
        "cosmetic": 2,
        "expression": 1,
        "path": 4,
        "public_suffix": 1,
        "unsupported_option": 2,
        "wildcard": 1,
    }
    assert errors == []


def test_dnsmasq(tmp_path: Path) -> None:
    text = (
        "# c\naddress=/a.example/b.example/0.0.0.0\nserver=/c.example/114.114.114.114\nlocal=/d.example/\n"
        "address=/#/1.2.3.4\nno-resolv\nipset=/*.e.example/set\n"
    )
    found, report, errors = read(tmp_path, "dnsmasq", text)
    assert found == {
        ("a.example", SUFFIX): 2,
        ("b.example", SUFFIX): 2,
        ("c.example", SUFFIX): 3,
        ("d.example", SUFFIX): 4,
        ("e.example", BELOW): 7,
    }
    assert report.skipped == {"unsupported_rule": 1, "wildcard": 1}
    assert errors == []


def v2fly(folder: Path, files: dict[str, str], **more: object) -> tuple[Found, ListReport, list[str]]:
    for name, text in files.items():
        (folder / name).write_text(text)
    return read(folder, "v2fly", files["list"], **more)


def test_v2fly_kinds_attributes_and_includes(tmp_path: Path) -> None:
    files = {
        "list": "include:vendor @ads\nown.example @ads # mine\nfull:host.example\nregexp:^x$\nkeyword:ad\n",
        "vendor": "include:deep\nshop.example\nads.example @ads @cn\ndomain:intl.example @ads @!cn\n",
        "deep": "deep.example @ads\nfull:plain.example\n",
    }
    found, report, errors = v2fly(tmp_path, files)
    assert {name for name, _ in found} == {
        "own.example",
        "host.example",
        "ads.example",
        "intl.example",
        "deep.example",
    }
    assert found[("host.example", HOST)] == 3
    assert report.skipped == {"expression": 2, "other_group": 2}
    assert errors == []
    only_cn, _, _ = v2fly(tmp_path, files, groups=("cn",))
    assert {name for name, _ in only_cn} == {"ads.example"}
    files["list"] = "include:vendor @-ads\n"
    assert {name for name, _ in v2fly(tmp_path, files)[0]} == {"shop.example", "plain.example"}


@pytest.mark.parametrize(
    ("files", "error"),
    [
        ({"list": "include:none\n"}, ":1: `none` cannot be read beside this file"),
        ({"list": "include:../../etc/passwd\n"}, ":1: `../../etc/passwd` is no file of this folder"),
        ({"list": "include:list\n"}, ":1: `list` includes itself"),
        ({"list": "include:a\n", "a": "\ninclude:b\n", "b": "include:a\n"}, "b:1: `a` includes itself"),
    ],
)
def test_v2fly_includes_that_cannot_be_followed(tmp_path: Path, files: dict[str, str], error: str) -> None:
    _, _, errors = v2fly(tmp_path, files)
    assert len(errors) == 1
    assert error in errors[0]


def test_includes_that_multiply_are_bounded(tmp_path: Path) -> None:
    files = {f"f{i}": f"include:f{i + 1}\n" * 9 for i in range(12)}
    _, _, errors = v2fly(tmp_path, {**files, "f12": "x.example\n", "list": "include:f0\n"})
    assert "includes deep or 4096 in all" in errors[0]


DISCONNECT = {
    "license": "none",
    "categories": {
        "Advertising": [{"Ad Co": {"https://adco.example/": ["adco.example", "ads.example"], "dnt": "eff"}}],
        "Analytics": [{"Count Co": {"https://count.example/": ["count.example"], "performance": "true"}}],
    },
}
RADAR = {
    "trackers": {
        "ads.example": {"default": "block", "categories": ["Advertising"]},
        "count.example": {"default": "block", "categories": ["Analytics"]},
        "shop.example": {"default": "ignore", "categories": ["Advertising"], "rules": [{"rule": "x"}]},
    }
}
COMPANIES: dict[str, dict[str, object]] = {
    "categories": {"4": "advertising", "6": "site_analytics"},
    "trackers": {"adco": {"categoryId": 4}, "count": {"categoryId": 6}},
    "trackerDomains": {"ads.example": "adco", "count.example": "count", "lost.example": "nobody"},
}


@pytest.mark.parametrize(
    ("form", "document", "every", "group", "taken"),
    [
        ("disconnect", DISCONNECT, {"adco.example", "ads.example", "count.example"}, "Analytics", 1),
        ("tracker-radar", RADAR, {"ads.example", "count.example"}, "Advertising", 1),
        ("tracker-radar", {"domain": "one.example", "categories": ["A"]}, {"one.example"}, "A", 1),
        (
            "tracker-radar",
            [{"domain": "a.example"}, {"domain": "b.example"}],
            {"a.example", "b.example"},
            "",
            2,
        ),
        ("adguard-companies", COMPANIES, set(COMPANIES["trackerDomains"]), "site_analytics", 1),
    ],
)
def test_json_lists(
    tmp_path: Path, form: str, document: object, every: set[str], group: str, taken: int
) -> None:
    text = json.dumps(document, indent=1)
    found, _, errors = read(tmp_path, form, text)
    assert errors == []
    assert {name for name, _ in found} == every
    lines = text.splitlines()
    assert all(f'"{name}"' in lines[line - 1] for (name, _), line in found.items())
    assert read(tmp_path, form, text, groups=(group,) if group else ())[1].taken == taken


RPZ = """\
$TTL 60
$ORIGIN rpz.local.
@ SOA ns. admin. ( 1
  2 3 4 5 )
  NS ns.
ads.example CNAME .
*.ads.example CNAME .
old.example.rpz.local. 60 IN CNAME *.
good.ads.example CNAME rpz-passthru.
walled.example CNAME garden.example.
local.example A 192.0.2.1
32.1.2.0.192.rpz-ip CNAME .
"""


def test_rpz(tmp_path: Path) -> None:
    found, report, errors = read(tmp_path, "rpz", RPZ)
    assert found == {
        ("ads.example", HOST): 6,
        ("ads.example", BELOW): 7,
        ("old.example", HOST): 8,
        ("good.ads.example", HOST | EXCEPTION): 9,
    }
    assert report.skipped == {"unsupported_rule": 3}
    assert errors == []


@pytest.mark.parametrize("form", LIST_FORMATS)
@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("<!DOCTYPE html><html>moved</html>", ":1: a web page, not a list"),
        ("\n\n  <html>", ":1: a web page, not a list"),
        (b"\x1f\x8b\x08" + b"x" * 50, ":1: binary or compressed"),
        ("", ""),
        ("# nothing\n", ""),
    ],
)
def test_what_is_no_list_is_refused(tmp_path: Path, form: str, text: str | bytes, error: str) -> None:
    found, _, errors = read(tmp_path, form, text)
    assert len(errors) == 1
    assert error in errors[0]
    assert not found


def test_a_strict_list_tells_every_mistake_with_its_line(tmp_path: Path) -> None:
    text = "good.example\nnot a name\n" + "\n" * 3 + "also bad\n" + "x" * 5000 + "\nlast.example\n"
    _, _, errors = read(tmp_path, "plain", text, strict=True)
    path = tmp_path / "list"
    assert errors[0] == f"{path}:2: no host name: 'not a name'"
    assert errors[1] == f"{path}:6: no host name: 'also bad'"
    assert errors[2] == f"{path}:7: the line is too long"
    assert "3 of" in errors[3]
    assert read(tmp_path, "plain", text)[2] == []  # a few mistakes in a list of others are counted


def test_a_list_bound_to_the_wrong_format_is_refused(tmp_path: Path) -> None:
    text = "".join(f"0.0.0.0 a{i}.example\n" for i in range(100))
    _, _, errors = read(tmp_path, "plain", text)
    assert "100 of 100 lines cannot be read as `plain`" in errors[-1]


def test_a_line_without_end_is_read_in_bounded_memory(tmp_path: Path) -> None:
    found, report, _ = read(tmp_path, "plain", b"a.example\n" + b"x" * (3 << 20) + b"\nb.example\n")
    assert found == {("a.example", SUFFIX): 1, ("b.example", SUFFIX): 3}
    assert report.skipped == {"too_long": 1}


def test_size_is_limited(tmp_path: Path) -> None:
    _, _, errors = read(tmp_path, "plain", "a.example\n" * 100, max_bytes=500)
    assert "larger than 500 bytes" in errors[0]


def test_deep_json_is_refused(tmp_path: Path) -> None:
    for form in ("disconnect", "tracker-radar", "adguard-companies"):
        assert "nested too deeply" in read(tmp_path, form, "[" * 200_000)[2][0]
        assert ": not JSON: " in read(tmp_path, form, '{"a":\n')[2][0]


@given(st.sampled_from(LIST_FORMATS), st.binary(max_size=400))
def test_whatever_comes_is_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, form: str, data: bytes
) -> None:
    found, report, errors = read(tmp_path_factory.getbasetemp(), form, data)
    assert set(report.skipped) <= set(REASONS)
    assert errors or found


def catalogue(folder: Path, *lists: tuple[str, str, str], overrides: tuple[Path, ...] = ()) -> Catalogue:
    """The shipped catalogue with lists: id, format, text."""
    bound = []
    for id_, form, text in lists:
        (folder / id_).write_text(text)
        kind = {"kind": "analytics"} if id_ == "trackers" else {}
        category = "tracking" if kind else "advertising"
        bound.append(ListSettings(id_, form, category, folder / id_, **kind))
    return Catalogue.of(CatalogueSettings((CATALOGUE,), overrides, tuple(bound)))


def told(loaded: Catalogue, name: str) -> str | None:
    match: Match | None = loaded.match(name)
    return None if match is None else f"{loaded.ids[match.service]} {CATEGORIES[match.category]} {match.line}"


def test_a_list_adds_to_the_catalogue_and_the_longer_entry_wins(tmp_path: Path) -> None:
    loaded = catalogue(tmp_path, ("ads", "plain", "new.example\nx.zybang.com\numeng.com\n"))
    assert told(loaded, "a.new.example") == "list-ads advertising 1"
    assert told(loaded, "y.x.zybang.com") == "list-ads advertising 2"
    assert (told(loaded, "www.zybang.com") or "").startswith("zuoyebang education")
    assert (told(loaded, "a.umeng.com") or "").startswith("umeng tracking")  # as long: the catalogue
    assert [match.file for match in loaded.explain("a.umeng.com")] == ["tracking.yaml", "ads"]


def test_an_exception_lifts_its_own_list_alone(tmp_path: Path) -> None:
    text = (
        "||ads.example^\n@@||good.ads.example^\n||hard.example^$important\n@@||x.hard.example^\n"
        "@@||umeng.com^\n"
    )
    loaded = catalogue(tmp_path, ("one", "adblock", text), ("two", "plain", "only.good.ads.example\n"))
    assert told(loaded, "x.ads.example") == "list-one advertising 1"
    assert told(loaded, "good.ads.example") is None
    assert told(loaded, "only.good.ads.example") == "list-two advertising 1"
    assert told(loaded, "x.hard.example") == "list-one advertising 3"
    assert (told(loaded, "umeng.com") or "").startswith("umeng tracking")
    assert [match.lifts for match in loaded.explain("good.ads.example")] == [True, False]


def test_lists_go_in_the_order_of_the_configuration(tmp_path: Path) -> None:
    texts = (("trackers", "plain", "same.example\n"), ("ads", "plain", "same.example\n"))
    assert told(catalogue(tmp_path, *texts), "same.example") == "list-trackers tracking 1"
    assert told(catalogue(tmp_path, *texts[::-1]), "same.example") == "list-ads advertising 1"


def test_errors_of_all_files_come_at_once(tmp_path: Path) -> None:
    own = tmp_path / "own.yaml"
    own.write_text("schema: 2\n")
    with pytest.raises(CatalogueError) as caught:
        catalogue(tmp_path, ("one", "plain", "<html>"), ("two", "disconnect", "{"), overrides=(own,))
    assert [Path(error.split(":")[0]).name for error in caught.value.errors] == ["own.yaml", "one", "two"]


LABEL = st.text("ab", min_size=1, max_size=2)
NAME = st.lists(LABEL, min_size=2, max_size=4).map(".".join)
RULE = st.tuples(NAME, st.sampled_from(["", "@@"]), st.sampled_from(["", "$important"]))


@given(st.lists(RULE, min_size=1, max_size=6), NAME)
def test_exceptions_as_a_plain_reading_has_them(
    tmp_path_factory: pytest.TempPathFactory, rules: list[tuple[str, str, str]], name: str
) -> None:
    folder = tmp_path_factory.getbasetemp()
    (folder / "rules").write_text("".join(f"{at}||{rule}^{option}\n" for rule, at, option in rules))
    bound = ListSettings("rules", "adblock", "advertising", folder / "rules")
    loaded = Catalogue([], lists=CatalogueSettings((), (), (bound,)))
    holding = [(at, option) for rule, at, option in rules if name == rule or name.endswith("." + rule)]
    for decides in [("@@", "$important"), ("", "$important"), ("@@", ""), ("", "")]:
        if decides in holding:
            assert (loaded.match(name) is not None) == (decides[0] == "")
            break
    else:
        assert loaded.match(name) is None
