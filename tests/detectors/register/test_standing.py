"""Which service an entry is, and what standing lists give it on a day."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from detectors.register.errors import RegisterError
from detectors.register.lists import RegisterList
from detectors.register.loading import load_register
from detectors.register.standing import Register, changes
from detectors.register.store import Store
from tests.detectors.register.office import CATALOGUE, day, made, table

SPRING = "应用名称,备案日期,有效期至\n甲学堂,2023-9-1,长期\n乙作业APP,2023-9-1,2024-6-30\n"


def register(*lists: RegisterList, **more: object) -> Register:
    return Register(lists, CATALOGUE, **more)  # type: ignore[arg-type]


def value(of: Register, service: str, status: str, on: str) -> str:
    return of.state(service, status, day(on)).value


def matched(tmp_path: Path, heading: str, row: str, bindings: dict[str, str] | None = None) -> str:
    got = register(made(tmp_path, f"推荐名单\n{heading},推荐日期\n{row},2024-1-1\n"), bindings=bindings)
    return " ".join(got.services) or got.unmatched[0].why


@pytest.mark.parametrize(
    ("heading", "row", "service"),
    [
        ("应用名称", "甲学堂", "jia"),
        ("应用名称", "甲 学 堂 APP", "jia"),
        ("应用名称", "《甲学堂》客户端", "jia"),
        ("应用名称", "乙辅导", "yi"),  # one of the names within a catalogue name
        ("应用名称", "丙丙教育平台", "bing"),
        ("应用名称,别名", "某某,丙课堂", "bing"),
        ("应用名称,域名", "某某,www.jia.example", "jia"),
        ("应用名称,域名", "甲学堂,www.jia.example", "jia"),
        ("应用名称,域名", "甲学堂,elsewhere.example", "jia"),
        ("应用名称,域名", "戊学,wu2.example", "wu-2"),  # two of one name; the host decides
        ("应用名称,服务标识", "某某,jia", "jia"),
    ],
)
def test_matched(tmp_path: Path, heading: str, row: str, service: str) -> None:
    assert matched(tmp_path, heading, row) == service


@pytest.mark.parametrize(
    ("heading", "row", "why"),
    [
        ("应用名称", "甲学", "no service"),  # near is not the same
        ("应用名称", "甲学堂极速版", "no service"),
        ("应用名称,域名", "某某,notjia.example", "no service"),
        ("应用名称,域名", "某某,ding.example", "no service"),  # a page on a platform is not the platform
        ("应用名称", "戊学", "several services"),
        ("应用名称,域名", "甲学堂,yi.example", "several services"),
        ("应用名称,服务标识", "甲学堂,nobody", "has no service"),
    ],
)
def test_left_to_a_person(tmp_path: Path, heading: str, row: str, why: str) -> None:
    assert why in matched(tmp_path, heading, row)


def test_a_persons_decision_and_filing_numbers_that_were_learnt(tmp_path: Path) -> None:
    assert matched(tmp_path, "应用名称", "戊学", {"戊学": "wu-1"}) == "wu-1"
    numbers = made(tmp_path, "黑名单\n备案号,列入日期\n教APP备7号,2024-1-1\n", "n.csv")
    assert register(numbers).services == ()
    names = made(tmp_path, "备案名单\n应用名称,备案号,备案日期\n甲学堂,教APP备 7号,2023-1-1\n", "m.csv")
    assert value(register(numbers, names), "jia", "blacklist", "2024-02-01") == "yes"


def test_absence_means_something_only_in_a_complete_list(tmp_path: Path) -> None:
    partial = register(made(tmp_path, SPRING, status="provider-filing"))
    whole = register(made(tmp_path, SPRING, status="provider-filing", complete=True, first=day("2024-01-01")))
    assert value(partial, "jia", "provider-filing", "2024-05-01") == "filed"
    assert value(partial, "bing", "provider-filing", "2024-05-01") == "unknown"
    assert value(whole, "bing", "provider-filing", "2024-05-01") == "none"
    assert value(whole, "bing", "provider-filing", "2023-12-31") == "unknown"  # before it was complete
    assert value(whole, "yi", "provider-filing", "2024-06-30") == "filed"
    assert value(whole, "yi", "provider-filing", "2024-07-01") == "expired"
    assert value(partial, "yi", "provider-filing", "2024-07-01") == "unknown"  # it may have been renewed
    assert value(whole, "jia", "blacklist", "2024-05-01") == "unknown"


def test_a_later_complete_list_speaks_instead_and_the_past_stays(tmp_path: Path) -> None:
    first = made(tmp_path, SPRING, status="selected", complete=True, first=day("2024-01-01"))
    second = made(
        tmp_path, "应用名称,选用日期\n丙课堂,2024-9-1\n", "2.csv", status="selected", complete=True,
        first=day("2024-09-01"),
    )  # fmt: skip
    got = register(first, second)
    assert value(got, "jia", "selected", "2024-08-31") == "yes"
    assert value(got, "jia", "selected", "2024-09-01") == "none"
    assert value(got, "bing", "selected", "2024-08-31") == "none"
    assert value(got, "bing", "selected", "2024-09-01") == "yes"
    told = changes(got, day("2024-08-31"), day("2024-09-01"), got.services)
    assert [(service, then.value, now.value) for service, _, then, now in told] == [
        ("bing", "none", "yes"),
        ("jia", "yes", "none"),
    ]


def test_schools(tmp_path: Path) -> None:
    text = "选用名单\n学校,应用名称,选用日期\n甲中学,甲学堂,2024-1-1\n乙中学,乙作业,2024-1-1\n"
    whole = made(tmp_path, text, complete=True, first=day("2024-01-01"))
    ours, nobody = register(whole, schools=["甲中学"]), register(whole)
    assert value(ours, "jia", "selected", "2024-05-01") == "yes"
    assert value(ours, "yi", "selected", "2024-05-01") == "none"
    assert value(nobody, "jia", "selected", "2024-05-01") == "unknown"
    assert value(nobody, "yi", "selected", "2024-05-01") == "unknown"


def test_the_later_fact_wins(tmp_path: Path) -> None:
    heading = "备案名单\n应用名称,备案日期,备案状态,撤销日期\n"
    rows = heading + "甲学堂,2023-1-1,注销,2024-1-1\n甲学堂,2024-3-1,已备案,\n"
    got = register(made(tmp_path, rows))
    days = ["2022-12-31", "2023-06-01", "2024-01-01", "2024-02-29", "2024-03-01"]
    assert [value(got, "jia", "provider-filing", on) for on in days] == [
        "unknown", "filed", "revoked", "revoked", "filed",
    ]  # fmt: skip


def test_the_store_keeps_every_import_and_never_half_of_one(tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    one = made(tmp_path, SPRING, status="provider-filing", complete=True, first=day("2024-01-01"))
    two = made(tmp_path, SPRING, status="selected", sample=True)
    assert [store.add(each)[1] for each in (one, two, one)] == [True, True, False]
    store.bind("戊学", "wu-1")
    store.bind("戊学", "wu-2")
    assert store.lists() == [one, two]
    assert store.bindings() == {"戊学": "wu-2"}
    names = sorted(path.name for path in (tmp_path / "store").iterdir())
    kinds = ["provider-filing", "selected", "binding", "binding"]
    assert names == [f"{at:06}-{kind}.json" for at, kind in enumerate(kinds, 1)]
    (tmp_path / "store" / names[1]).write_text('{"schema": 1, "list": {}}')
    with pytest.raises(RegisterError, match="000002-selected"):
        store.lists()


def test_a_manifest_and_its_mistakes(tmp_path: Path) -> None:
    table(tmp_path / "a.csv", SPRING)
    table(tmp_path / "b.csv", "应用名称,备案日期\n甲,昨天\n")
    whole = "{file: a.csv, status: provider-filing, complete: true, from: 2024-01-01}"
    good = f"schema: 1\nlists:\n  - {whole}\nbindings: {{戊学: wu-1}}\n"
    (tmp_path / "r.yaml").write_text(good)
    got = load_register([tmp_path / "r.yaml"], CATALOGUE)
    assert got.services == ("jia", "yi")
    assert got.covered("provider-filing", date(2024, 5, 1)) is not None
    bad = "schema: 1\nlists:\n  - {file: b.csv, status: recommended}\n  - {file: none.csv, statu: x}\n  - 3\n"
    (tmp_path / "s.yaml").write_text(bad)
    with pytest.raises(RegisterError) as caught:
        load_register([tmp_path / "s.yaml", tmp_path / "r.yaml", tmp_path / "t.yaml"], CATALOGUE)
    told = "\n".join(caught.value.errors)
    for part in ("b.csv:2", "unknown key `statu`", "none.csv:0", "list 3: needs `file`", "t.yaml:0"):
        assert part in told


@pytest.mark.parametrize(
    "text",
    [
        "a: &a [x, x]\nb: &b [*a, *a]\nc: &c [*b, *b]\n",
        "- " * 30_000,
        "[" * 5_000,
        "{" * 50_000,
        "lists: [" + "x, " * 30_000 + "]",
        "\x00",
        "",
        "3",
        "!!python/object/apply:os.system [ls]",
    ],
)
def test_yaml_that_unfolds_nests_or_is_none(tmp_path: Path, text: str) -> None:
    (tmp_path / "r.yaml").write_text(text)
    with pytest.raises(RegisterError):
        load_register([tmp_path / "r.yaml"], CATALOGUE)


def test_the_samples_are_marked_and_whole(root: Path) -> None:
    from detectors.catalogue.catalogue import Catalogue

    folder = root / "configs" / "register" / "sample"
    catalogue = Catalogue.load([root / "configs" / "catalogue", folder / "catalogue.yaml"])
    got = load_register([folder / "lists.yaml"], catalogue, ["样例中学"])
    assert got.unmatched == []
    assert all(each.told.sample for each in got.lists)
    assert value(got, "sample-zuoye", "provider-filing", "2024-04-14") == "filed"
    assert value(got, "sample-zuoye", "provider-filing", "2024-04-15") == "revoked"
    assert value(got, "sample-heimingdan", "blacklist", "2024-03-01") == "yes"
