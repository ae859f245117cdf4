"""The shipped incidents: made anew they are the same, and `model compare` tells which a model finds."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from detectors.forest import incidents
from detectors.forest.features import scaled
from detectors.forest.isolation import ForestSettings
from detectors.forest.model import Model
from detectors.forest.model_file import save
from detectors.window_features import WINDOW
from monitor.cli import run
from monitor.models.store import ModelStore
from monitor.shipped import INCIDENTS, shipped

FOLDER = "configs/incidents"


@pytest.fixture(scope="module")
def remade(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """As the scenario's head says."""
    folder = tmp_path_factory.mktemp("incidents")
    capture, truth, made = (folder / name for name in ("i.pcap", "i.json", "i.npz"))
    scenario = shipped(f"{FOLDER}/scenario.yaml")
    assert run(["simulate", str(scenario), "--out", str(capture), "--truth", str(truth)]) == 0
    assert run(["model", "incidents", str(capture), "--truth", str(truth), "--out", str(made)]) == 0
    return made


def test_the_shipped_set_is_what_the_pipeline_of_this_version_makes(remade: Path) -> None:
    ours, again = incidents.load(shipped(INCIDENTS)), incidents.load(remade)
    assert ours.names == again.names
    assert len({name.rstrip("0123456789-") for name in ours.names}) == 13
    for name in ("host_lo", "window_start_ns", "seconds", "group"):
        assert np.array_equal(ours.windows[name], again.windows[name]), name
    assert np.allclose(scaled(ours.windows), scaled(again.windows), atol=1e-5)
    for name in ("usual", "deviation"):  # half floats: a part in a thousand
        one, other = ours.windows[name], again.windows[name]
        assert np.allclose(one, other, rtol=2e-3, atol=2e-3, equal_nan=True), name


def small_model(path: Path, with_incidents: bool) -> Path:
    """Of ordinary minutes; or of a campus on which the shipped incidents happen all the time."""
    random = np.random.default_rng(3)
    windows = np.zeros(2_000, WINDOW)
    windows["features"] = random.lognormal(0, 0.5, windows["features"].shape)
    if with_incidents:
        strange = random.choice(incidents.load(shipped(INCIDENTS)).windows, 2_000)
        windows[:] = np.where(np.arange(2_000) % 3 == 0, windows, strange)
        windows["seconds"] = 60
    windows["window_start_ns"] = np.arange(2_000) // 7 * 60_000_000_000
    windows["host_hi"], windows["host_lo"] = 0, np.arange(2_000) % 7
    save(Model.learn(windows[:1_000], windows[1_000:], ForestSettings(trees=20)), path)
    return path


def test_compare_tells_which_incidents_each_model_finds(
    tmp_path: Path, capsys: Any, campus_windows: Path
) -> None:
    config = tmp_path / "c.yaml"
    config.write_text(f"state:\n  directory: {tmp_path / 'state'}\n", encoding="utf-8")
    narrow, wide = (small_model(tmp_path / f"{used}.npz", used) for used in (False, True))
    confirmed = incidents.Incidents.of({"confirmed": incidents.load(shipped(INCIDENTS)).windows[:5]})
    ModelStore(tmp_path / "state" / "models").keep_incidents(confirmed)
    told = []
    for challenger, champion in ((wide, narrow), (narrow, wide)):
        run(
            [
                "model", "compare", str(challenger), "--champion", str(champion),
                "--windows", str(campus_windows), "--config", str(config),
            ]
        )  # fmt: skip
        told.append(json.loads(capsys.readouterr().out)["incidents"])
    assert "confirmed" in told[1]["found"]
    assert told[0]["champion_found"] == told[1]["found"]
    assert set(told[0]["lost"]) == set(told[1]["found"]) - set(told[0]["found"]) != set()
    assert told[1]["lost"] == []


@pytest.fixture(scope="module")
def campus_windows(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("windows") / "out"
    assert run(["replay", str(root / "pcaps" / "chromium-tls.pcap"), "--out", str(out)]) == 0
    return out / "windows.parquet"


def test_a_truth_file_that_is_none(root: Path, tmp_path: Path, capsys: Any) -> None:
    truth = tmp_path / "t.json"
    truth.write_text("[]", encoding="utf-8")
    capture = str(root / "pcaps" / "dig.pcap")
    made = str(tmp_path / "i.npz")
    assert run(["model", "incidents", capture, "--truth", str(truth), "--out", made]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1
    assert not Path(made).exists()
