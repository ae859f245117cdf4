"""The key that systemd hands over stands in for privacy.key_file."""

from __future__ import annotations

from pathlib import Path

import pytest

from monitor.config import config_file


@pytest.fixture
def handed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    return tmp_path / "privacy.key"


def test_it_is_taken(handed_over: Path) -> None:
    handed_over.write_text("f" * 64)
    assert config_file.load(None).privacy.key_file == handed_over


def test_the_configuration_comes_first(handed_over: Path, tmp_path: Path) -> None:
    handed_over.write_text("f" * 64)
    file = tmp_path / "campuswatch.yaml"
    file.write_text("privacy: {key_file: own.key}\n")
    assert config_file.load(file).privacy.key_file == tmp_path / "own.key"


def test_without_one_there_is_none(handed_over: Path) -> None:
    assert config_file.load(None).privacy.key_file is None
