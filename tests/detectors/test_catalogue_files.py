"""Catalogue files: what is wrong is told with file and line; the campus's own go before."""

from __future__ import annotations

from pathlib import Path

import pytest

from detectors.catalogue.catalogue import Catalogue
from detectors.catalogue.categories import CATEGORIES
from detectors.catalogue.schema import CatalogueError
from detectors.catalogue.settings import CatalogueSettings
from tests.detectors.conftest import CATALOGUE
from tests.detectors.made_services import GOOD, HEAD

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
    "deep": ("[" * 100_000, "0: nested deeper than a catalogue is"),
    "twice": (HEAD + GOOD + GOOD.replace("some-app", "zz"), "`some.example` stands already in x.yaml:7"),
    "id_twice": (HEAD + GOOD + GOOD.replace("some.ex", "other.ex"), "id `some-app` stands already"),
    "not_yaml": ("services: [", "not YAML"),
    "no_anchor": ("schema: 1\nservices: *none\n", "2: not YAML: no anchor `none`"),
    "two_documents": (HEAD + GOOD + "---\n", "10: not YAML: a second document"),
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
