"""What every test may use: where the real captures are, and which tests are slow."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import settings

ROOT = Path(__file__).resolve().parent.parent

#: The first call of a kernel compiles it, so there is no deadline. The usual run draws the same
#: cases every time; --slow draws new ones.
settings.register_profile("usual", deadline=None, derandomize=True)
settings.register_profile("slow", deadline=None, max_examples=1_000)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--slow", action="store_true", help="run the slow suites too")


def pytest_configure(config: pytest.Config) -> None:
    settings.load_profile("slow" if config.getoption("--slow") else "usual")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption("--slow"):
        return
    for item in items:
        if item.get_closest_marker("slow"):
            item.add_marker(pytest.mark.skip(reason="slow: give --slow"))


@pytest.fixture(scope="session")
def root() -> Path:
    """The top of the repository."""
    return ROOT


@pytest.fixture(scope="session")
def real_captures() -> Path:
    """The folder of real captures with tshark's word on them; skips where there is none."""
    folder = ROOT.parent / "shared" / "pcaps"
    if not (folder / "manifest.json").is_file():
        pytest.skip("no real captures beside the repository")
    return folder
