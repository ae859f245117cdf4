"""Every real capture against tshark's word on it: they agree, or differences.yaml explains why not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.captures import accuracy
from tests.captures.accuracy import QUANTITIES, SHARED


def _files() -> list[str]:
    return sorted(accuracy.manifest()) if (SHARED / "manifest.json").exists() else []


@pytest.fixture(scope="module", params=_files())
def compared(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> accuracy.Compared:
    return accuracy.compare(request.param, tmp_path_factory.mktemp("replay"))


@pytest.mark.skipif(not _files(), reason="no real captures beside the repository")
@pytest.mark.parametrize("quantity", QUANTITIES)
def test_agrees_with_tshark_or_is_explained(compared: accuracy.Compared, quantity: str) -> None:
    known = accuracy.known_differences().get(compared.file, {}).get(quantity)
    theirs, ours = compared.theirs[quantity], compared.ours[quantity]
    if known is None:
        assert ours == theirs
        return
    assert ours != theirs, "the difference is gone: remove it from differences.yaml"
    assert accuracy.as_written(accuracy.difference(theirs, ours)) == {
        key: known[key] for key in ("theirs", "ours") if key in known
    }


def test_every_known_difference_is_explained() -> None:
    for file, by_quantity in accuracy.known_differences().items():
        for quantity, known in by_quantity.items():
            assert quantity in QUANTITIES, file
            assert known["right"] in ("ours", "theirs", "both"), file
            assert len(known["why"]) > 20, file


@pytest.mark.skipif(not _files(), reason="no real captures beside the repository")
def test_the_accuracy_page_is_current() -> None:
    page: Any = accuracy.PAGE.read_text(encoding="utf-8")
    assert page == accuracy.render(), "run: python -m tests.captures.accuracy"


def test_captures_are_named_in_the_manifest_only() -> None:
    files = _files()
    if not files:
        pytest.skip("no real captures beside the repository")
    assert set(accuracy.known_differences()) <= set(files)
    assert all((SHARED / file).exists() for file in files)
    assert isinstance(SHARED, Path)
