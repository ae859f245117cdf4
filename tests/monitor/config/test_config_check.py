"""`config check`: everything that the configuration names is tried, and told of at once."""

from __future__ import annotations

from pathlib import Path

import pytest

from monitor.config.check import check
from monitor.config.config_file import ConfigError
from monitor.daemon.privileges import CAP_NET_RAW, holds


def test_the_shipped_configuration_is_good(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    check(root / "configs" / "campuswatch.yaml")
    assert "可用 good" in capsys.readouterr().out


def test_all_that_is_named_is_tried(tmp_path: Path) -> None:
    (tmp_path / "short.key").write_text("short")
    (tmp_path / "model.npz").write_text("no model")
    path = tmp_path / "c.yaml"
    path.write_text(
        "privacy:\n  key_file: short.key\n"
        "anomaly:\n  model_file: model.npz\n"
        "capture:\n  filter: no such filter\n"
        "registers:\n  files: [gone.csv]\n"
    )
    with pytest.raises(ConfigError) as raised:
        check(path)
    told = [line.removeprefix(f"{path}:") for line in raised.value.lines]
    assert [": ".join(line.split(": ")[:2]) for line in told] == [
        "2: privacy.key_file",
        "4: anomaly.model_file",
        *(["6: capture.filter"] if holds(CAP_NET_RAW) else []),
        "7: registers",
    ]
