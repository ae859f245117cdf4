"""`campuswatch model`: from the shipped day to a model in use, and back."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from detectors.forest.array_file import ModelFileError
from detectors.forest.host_groups import CLIENTS, THINGS
from detectors.forest.isolation import ForestSettings
from detectors.forest.model import Model
from detectors.forest.model_file import load as load_model
from detectors.forest.model_file import save
from detectors.forest.promotion import Verdict
from detectors.judge import Detectors
from detectors.window_features import SCORE, WINDOW
from monitor.cli import run
from monitor.config.config_file import load
from monitor.daemon.rooms import live_settings
from monitor.models.replayed import read_windows
from monitor.models.store import ModelStore
from wire.names.strings import StringTable


@pytest.fixture(scope="module")
def day_model(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("model") / "day.npz"
    day, truth = (str(root / "pcaps" / f"campus-day.{kind}") for kind in ("pcap.zst", "truth.json"))
    assert run(["model", "train", day, "--truth", truth, "--model", str(file)]) == 0
    return file


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "c.yaml"
    path.write_text(f"state:\n  directory: {tmp_path / 'state'}\n", encoding="utf-8")
    return path


def small_model(path: Path, seed: int) -> Path:
    windows = np.zeros(600, WINDOW)
    windows["features"] = np.random.default_rng(seed).lognormal(1, 1, windows["features"].shape)
    save(Model.learn(windows[:300], windows[300:], ForestSettings(trees=5)), path)
    return path


def test_a_trained_model_says_what_it_was_learned_from(day_model: Path, capsys: Any) -> None:
    assert run(["model", "show", str(day_model)]) == 0
    about = json.loads(capsys.readouterr().out)
    assert about["intact"]
    assert about["learned_from"].startswith("2026-09-01T")
    assert about["training_rows"] + about["calibration_rows"] > 2_000
    assert {"scikit-learn", "numpy"} <= about["libraries"].keys()
    tails = {(each["window"], each["group"]): each for each in about["tails"]}
    assert tails["minute", "pooled"]["standing"] in ("fitted", "refused", "too_few")
    assert 0 < tails["minute", "pooled"]["least_p_value"] <= 1 / (1 + tails["minute", "pooled"]["host_hours"])
    assert tails["hour", "infrastructure"] == {
        "window": "hour", "group": "infrastructure", "standing": "missing",
    }  # fmt: skip


def test_a_replay_scores_every_window_with_it(root: Path, day_model: Path, tmp_path: Path) -> None:
    config = tmp_path / "c.yaml"
    config.write_text(f"anomaly:\n  model_file: {day_model}\n", encoding="utf-8")
    capture = root / "pcaps" / "chromium-tls.pcap"
    assert run(["replay", str(capture), "--config", str(config), "--out", str(tmp_path / "out")]) == 0
    told = json.loads((tmp_path / "out" / "summary.json").read_text(encoding="utf-8"))
    assert told["windows"]["score"] == sum(told["windows"].values()) > 0


def test_windows_of_a_file_are_judged_by_the_groups_of_the_configuration(root: Path, tmp_path: Path) -> None:
    out, config = tmp_path / "out", tmp_path / "c.yaml"
    assert run(["replay", str(root / "pcaps" / "chromium-tls.pcap"), "--out", str(out)]) == 0
    told = pq.read_table(out / "windows.parquet", columns=["host"])["host"].to_pylist()
    config.write_text(f"anomaly:\n  host_groups:\n    things: [{told[0]}]\n", encoding="utf-8")
    for settings, group in ((load(config), THINGS), (load(None), CLIENTS)):
        windows, hosts = read_windows(out / "windows.parquet", settings)
        assert hosts.tolist() == told
        assert set(windows["group"][hosts == told[0]].tolist()) == {group}


def test_promote_and_roll_back(tmp_path: Path, config: Path, capsys: Any) -> None:
    first, second = (small_model(tmp_path / f"{seed}.npz", seed) for seed in (1, 2))
    assert run(["model", "show", "--config", str(config)]) == 2
    for file in (first, second):
        assert run(["model", "promote", str(file), "--why", "term", "--config", str(config)]) == 0
    store = ModelStore(tmp_path / "state" / "models")
    in_use = store.active()
    assert in_use is not None
    assert in_use.read_bytes() == second.read_bytes()
    assert run(["model", "rollback", "--config", str(config)]) == 0
    back = store.active()
    assert back is not None
    assert back.read_bytes() == first.read_bytes()
    assert [(entry["what"], entry["why"]) for entry in store.history()] == [
        ("promote", "term"), ("promote", "term"), ("rollback", ""),
    ]  # fmt: skip
    capsys.readouterr()


def test_a_sensor_scores_with_the_model_in_use(tmp_path: Path, config: Path) -> None:
    assert live_settings(load(config)).detectors.model_file is None
    kept = ModelStore(tmp_path / "state" / "models").promote(small_model(tmp_path / "m.npz", 1), "")
    settings = live_settings(load(config)).detectors
    assert settings.model_file == kept
    windows = np.zeros(5, WINDOW)
    assert set(Detectors(settings, StringTable(10, 100))._scorer().take(windows)["phase"]) == {SCORE}


def test_a_rollback_goes_further_back_each_time(tmp_path: Path) -> None:
    store = ModelStore(tmp_path / "models")
    first, second, third = (store.promote(small_model(tmp_path / f"{n}.npz", n), "") for n in (1, 2, 3))
    assert [store.rollback(""), store.rollback("")] == [second, first]
    with pytest.raises(ModelFileError, match="no earlier model"):
        store.rollback("")
    assert store.promote(tmp_path / "3.npz", "") == third
    assert store.rollback("") == first


def test_a_history_that_a_crash_cut_off_goes_on(tmp_path: Path) -> None:
    store = ModelStore(tmp_path / "models")
    first, second = (store.promote(small_model(tmp_path / f"{n}.npz", n), "") for n in (1, 2))
    with (store.folder / "history.jsonl").open("ab") as history:
        history.write(b'{"model": "3f')
    assert [entry["model"] for entry in store.history()] == [first.name, second.name]
    assert store.rollback("") == first
    assert [entry["what"] for entry in store.history()] == ["promote", "promote", "rollback"]


def test_the_store_keeps_the_last_five(tmp_path: Path) -> None:
    store = ModelStore(tmp_path / "models")
    files = [store.promote(small_model(tmp_path / f"{seed}.npz", seed), "") for seed in range(8)]
    left = {path.name for path in (tmp_path / "models").glob("*.npz")} - {"active.npz"}
    assert left == {path.name for path in files[-5:]}


def test_nothing_to_go_back_to(tmp_path: Path) -> None:
    store = ModelStore(tmp_path / "models")
    store.promote(small_model(tmp_path / "m.npz", 1), "")
    with pytest.raises(ModelFileError, match="no earlier model"):
        store.rollback("")


@pytest.mark.parametrize("what", ["missing", "not a model", "damaged"])
def test_a_bad_file_is_never_taken_into_use(what: str, tmp_path: Path, config: Path, capsys: Any) -> None:
    file = tmp_path / "bad.npz"
    if what == "not a model":
        file.write_bytes(b"PK\x03\x04 not really")
    elif what == "damaged":
        shutil.copy(small_model(tmp_path / "good.npz", 1), file)
        data = bytearray(file.read_bytes())
        data[len(data) // 2] ^= 0xFF
        file.write_bytes(data)
    assert run(["model", "promote", str(file), "--config", str(config)]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1
    assert ModelStore(tmp_path / "state" / "models").active() is None


def test_too_few_windows(root: Path, tmp_path: Path, capsys: Any) -> None:
    capture = root / "pcaps" / "dig.pcap"
    assert run(["model", "train", str(capture), "--model", str(tmp_path / "m.npz")]) == 2
    assert "a model needs" in capsys.readouterr().err
    assert not (tmp_path / "m.npz").exists()


def test_what_a_sensor_learns_lies_in_the_store_and_is_in_use_only_by_promotion(
    tmp_path: Path, config: Path, capsys: Any
) -> None:
    store = ModelStore(tmp_path / "state" / "models")
    promoted = store.promote(small_model(tmp_path / "m.npz", 99), "term")
    for seed in range(7):
        store.keep(load_model(small_model(tmp_path / "l.npz", seed)), Verdict(True, 0.01, None, (), ()), "t")
    store.keep(None, Verdict(False, 0.5, 0.01, (), ("worm",)), "t")
    assert store.active() == promoted
    assert len(list(store.folder.glob("*.npz"))) == 5 + 1 + 1  # learned, promoted, the link
    capsys.readouterr()
    assert run(["model", "show", "--config", str(config)]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["in_use"]
    assert told["history"][-1]["verdict"] == {
        "holds": False, "rate": 0.5, "champion_rate": 0.01, "caught": [], "missed": ["worm"],
        "incidents": {"found": [], "champion_found": None, "lost": []},
    }  # fmt: skip
    assert [each["what"] for each in told["history"]] == ["promote", *["learned"] * 7, "refused"]
    learned = tmp_path / "state" / "models" / told["history"][-2]["model"]
    assert run(["model", "promote", str(learned), "--config", str(config)]) == 0
    assert store.active() == learned
    assert store.rollback("") == promoted


def test_a_file_of_another_schema_is_refused(tmp_path: Path, config: Path, capsys: Any) -> None:
    file = small_model(tmp_path / "old.npz", 1)
    with np.load(file) as whole:
        arrays = {name: whole[name] for name in whole.files}
    about = json.loads(arrays["about"].tobytes())
    about["feature_schema"] = 0
    arrays["about"] = np.frombuffer(json.dumps(about).encode(), np.uint8)
    np.savez_compressed(file, allow_pickle=False, **arrays)
    assert run(["model", "promote", str(file), "--config", str(config)]) == 2
    assert "another feature schema" in capsys.readouterr().err
    assert run(["model", "show", str(file), "--config", str(config)]) == 0
    assert "another feature schema" in json.loads(capsys.readouterr().out)["refused"]
