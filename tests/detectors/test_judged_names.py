"""Names that were judged one by one and did not feed the catalogue: how many it finds, and rightly."""

from __future__ import annotations

from pathlib import Path

import pytest

from detectors.catalogue.catalogue import Catalogue
from detectors.catalogue.categories import CATEGORIES

JUDGED = Path(__file__).parent / "judged"
TRACKED = {"advertising", "tracking"}


def judged(file: str) -> list[str]:
    """The names of a file, of which each stands once."""
    lines = (JUDGED / file).read_text(encoding="utf-8").splitlines()
    names = [name for line in lines if not line.startswith("#") for name in line.split()]
    assert len(names) == len(set(names))
    return names


def called(catalogue: Catalogue, names: list[str], categories: set[str]) -> int:
    """How many names the catalogue puts into one of the categories."""
    matches = map(catalogue.match, names)
    return sum(match is not None and CATEGORIES[match.category] in categories for match in matches)


@pytest.mark.parametrize(
    ("file", "categories", "precision", "recall"),
    [("tracked.txt", TRACKED, 0.98, 0.9), ("learning.txt", {"education"}, 0.95, 0.85)],
    ids=["tracked", "learning"],
)
def test_names_that_did_not_feed_the_catalogue(
    catalogue: Catalogue, file: str, categories: set[str], precision: float, recall: float
) -> None:
    """The aims for names in general; docs/catalogue.md says on which lists they are met and on which not."""
    names = judged(file)
    right, wrong = called(catalogue, names, categories), called(catalogue, judged("benign.txt"), categories)
    assert right / (right + wrong) >= precision
    assert right / len(names) >= recall


def test_education_and_tracking_are_not_mixed_up(catalogue: Catalogue) -> None:
    assert called(catalogue, judged("learning.txt"), TRACKED) == 0
    assert called(catalogue, judged("tracked.txt"), {"education"}) == 0
