"""One form for every host name: Unicode and punycode, and what is none."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from detectors.catalogue.catalogue import Catalogue
from detectors.catalogue.host_names import host_name, shown
from tests.detectors.made_services import GOOD, HEAD


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
