from pathlib import Path

import pytest

from detectors.catalogue.catalogue import Catalogue

CATALOGUE = Path(__file__).parents[2] / "configs" / "catalogue"


@pytest.fixture(scope="session")
def catalogue() -> Catalogue:
    return Catalogue.load([CATALOGUE])
