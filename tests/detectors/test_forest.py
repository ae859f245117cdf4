"""The forest: p-values that keep their promise, planted anomalies, model files."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from detectors.forest import array_file
from detectors.forest.array_file import ModelFileError
from detectors.forest.calibration import Calibration
from detectors.forest.features import matrix, scaled, unscaled
from detectors.forest.host_groups import CLIENTS, SERVERS
from detectors.forest.isolation import ForestSettings, IsolationForest
from detectors.forest.model import POOLED, Model
from detectors.forest.model_file import arrays_of, load, save
from detectors.forest.scorers import ReplayScorer
from detectors.window_features import (
    CALIBRATE,
    COLD,
    FEATURE_NAMES,
    FEATURES,
    MINUTE_NS,
    SCORE,
    TRAIN,
    WINDOW,
)

QUICK = ForestSettings(trees=60)


def usual_windows(n: int, seed: int) -> NDArray[np.void]:
    """Windows of ordinary hosts: counts log-normal, shares beta; three hosts a minute."""
    random = np.random.default_rng(seed)
    windows = np.zeros(n, WINDOW)
    windows["window_start_ns"] = np.arange(n) // 3 * MINUTE_NS
    windows["host_lo"] = 10 + np.arange(n) % 3
    for at, (_, unit, _) in enumerate(FEATURES):
        shares = random.beta(2, 8, n)
        windows["features"][:, at] = shares if unit == "ratio" else random.lognormal(3, 0.7, n).round()
    windows["score"] = windows["p_value"] = windows["usual"] = np.nan
    return windows


def with_feature(windows: NDArray[np.void], **values: float) -> NDArray[np.void]:
    changed = windows.copy()
    for name, value in values.items():
        changed["features"][:, FEATURE_NAMES.index(name)] = value
    return changed


@pytest.fixture(scope="module")
def model() -> Model:
    return Model.learn(usual_windows(1500, 1), usual_windows(800, 2), QUICK)


def test_scores_are_those_of_scikit_learn_where_nothing_lies_outside_the_training() -> None:
    from sklearn.ensemble import IsolationForest as SklearnForest

    training = matrix(usual_windows(700, 5))
    ordered = training[np.lexsort(training.T[::-1])]
    theirs = SklearnForest(n_estimators=60, max_samples=256, random_state=QUICK.seed).fit(ordered)
    ours = IsolationForest.fit(training, QUICK).score(training)
    np.testing.assert_allclose(ours, -theirs.score_samples(training), atol=1e-6)


def test_p_values_by_hand() -> None:
    calibration = Calibration(np.array([0.1, 0.4, 0.4, 0.9]))
    scores = np.array([0.95, 0.9, 0.4, 0.05])
    assert calibration.p_values(scores).tolist() == [1 / 5, 2 / 5, 4 / 5, 1.0]
    assert calibration.smallest == 1 / 5


def test_p_values_are_valid_for_exchangeable_windows() -> None:
    """P(p <= a) <= a; 4,000 draws over many calibrations, four standard errors of slack."""
    random = np.random.default_rng(8)
    p_values = np.concatenate(
        [Calibration(random.normal(size=99)).p_values(random.normal(size=20)) for _ in range(200)]
    )
    for level in (0.01, 0.05, 0.1, 0.5):
        assert np.mean(p_values <= level) <= level + 4 * np.sqrt(level / 4000) + 0.01


def test_usual_windows_keep_to_the_level_and_planted_ones_stand_out(model: Model) -> None:
    usual = usual_windows(1000, 3)
    model.score(usual)
    assert np.mean(usual["p_value"] <= 0.05) <= 0.09
    strange = with_feature(
        usual_windows(40, 4), failed_flows=900, failed_share=1.0, servers=2000, flows_opened=2000
    )
    model.score(strange)
    assert np.mean(strange["p_value"] <= 0.01) >= 0.9
    assert np.median(strange["score"]) > usual["score"].max()
    assert (strange["phase"] == SCORE).all()


def test_an_explanation_names_what_was_planted(model: Model) -> None:
    (reasons,) = model.explain(
        with_feature(usual_windows(1, 5), failed_share=1.0, server_ports=50_000), top=2
    )
    assert {reason.feature for reason in reasons} == {"failed_share", "server_ports"}
    ports = next(reason for reason in reasons if reason.feature == "server_ports")
    assert ports.seen == pytest.approx(50_000, rel=1e-3)
    assert 5 < ports.usual < 80


def test_a_group_is_judged_by_its_own_forest_unless_there_is_no_other() -> None:
    training, calibration = usual_windows(5_000, 13), usual_windows(3_000, 14)
    alone = Model.learn(training, calibration, ForestSettings(trees=5))
    assert set(alone.parts) == {(60, POOLED)}
    for each in (training, calibration):
        each["group"][::3] = SERVERS
    both = Model.learn(training, calibration, ForestSettings(trees=5))
    assert set(both.parts) == {(60, POOLED), (60, CLIENTS)}  # of servers there are too few
    rows = usual_windows(50, 15)
    for model, part in ((alone, alone.parts[60, POOLED]), (both, both.parts[60, CLIENTS])):
        model.score(rows)
        np.testing.assert_array_equal(rows["score"], part.forest.score(matrix(rows)))


def test_row_order_does_not_change_a_score() -> None:
    windows, shuffled = usual_windows(600, 6), usual_windows(600, 6)
    np.random.default_rng(0).shuffle(shuffled)
    rows = usual_windows(50, 7)
    scores = [
        Model.learn(each, usual_windows(100, 8), QUICK).forest.score(matrix(rows)).tobytes()
        for each in (windows, shuffled)
    ]
    assert scores[0] == scores[1]


def test_odd_values_are_taken(model: Model) -> None:
    odd = usual_windows(4, 9)
    odd["features"][0] = np.nan
    odd["features"][1] = np.inf
    odd["features"][2] = -1.0
    model.score(odd)
    assert np.isfinite(odd["score"]).all()
    assert len(model.explain(odd)) == 4
    assert model.explain(odd[:0]) == []


def test_scaling_goes_back() -> None:
    windows = usual_windows(20, 10)
    np.testing.assert_allclose(unscaled(scaled(windows)), windows["features"], rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize(
    ("windows", "phases"), [(399, {COLD: 399}), (400, {TRAIN: 200, CALIBRATE: 100, SCORE: 100})]
)
def test_a_replay_trains_on_the_first_half(windows: int, phases: dict[int, int]) -> None:
    scorer = ReplayScorer(QUICK, max_windows=10_000)
    all_windows = usual_windows(windows, 11)
    for at in range(0, windows, 60):
        assert len(scorer.take(all_windows[at : at + 60])) == 0
    got = scorer.finish()
    codes, counts = np.unique(got["phase"], return_counts=True)
    assert dict(zip(codes.tolist(), counts.tolist(), strict=True)) == phases
    assert (np.diff(got["window_start_ns"]) >= 0).all()
    assert (np.isfinite(got["score"]) == (got["phase"] == SCORE)).all()
    assert (np.isfinite(got["p_value"]) == (got["phase"] == SCORE)).all()


def test_a_replay_holds_a_bounded_number() -> None:
    scorer = ReplayScorer(QUICK, max_windows=100)
    scorer.take(usual_windows(70, 1))
    scorer.take(usual_windows(70, 2))
    assert scorer.shed == 40
    assert len(scorer.finish()) == 100
    assert len(ReplayScorer(QUICK, 5).finish()) == 0


def test_a_model_comes_back_from_its_file(model: Model, tmp_path: Path) -> None:
    save(model, tmp_path / "m.npz")
    back = load(tmp_path / "m.npz")
    before, after = usual_windows(100, 12), usual_windows(100, 12)
    model.score(before)
    back.score(after)
    assert before.tobytes() == after.tobytes()
    assert [path.name for path in tmp_path.iterdir()] == ["m.npz"]


def test_a_file_of_before_is_fitted_anew(tmp_path: Path) -> None:
    """Its forests were kept as what they were fitted to."""
    training, calibration = usual_windows(700, 1), usual_windows(400, 2)
    model = Model.learn(training, calibration, QUICK)
    rows = matrix(training)
    arrays = {
        name: array
        for name, array in arrays_of(model).items()
        if name.endswith((".calibration", ".statistics")) or name.startswith("population")
    }
    arrays["60.pooled.training"] = rows[np.lexsort(rows.T[::-1])]
    about = {"schema": 3, "trees": QUICK.trees, "max_samples": QUICK.max_samples, "seed": QUICK.seed}
    array_file.write(tmp_path / "old.npz", about, arrays)
    before, after = usual_windows(100, 12), usual_windows(100, 12)
    model.score(before)
    load(tmp_path / "old.npz").score(after)
    assert before.tobytes() == after.tobytes()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("kids", 1 << 30),
        ("kids", -1),
        ("roots", 1 << 30),
        ("feature", 2 * len(FEATURE_NAMES)),
        ("feature", -2),
        ("threshold", np.nan),
        ("depth", np.inf),
        ("levels", 1 << 40),
        ("columns", np.nan),
        ("rows", 0),
    ],
)
def test_trees_that_lead_astray_are_refused(model: Model, tmp_path: Path, name: str, value: float) -> None:
    """Though the digest is right: who made the file made it so."""
    path = tmp_path / "m.npz"
    save(model, path)
    about, arrays = array_file.read(path, "model", 40)
    arrays[f"60.pooled.{name}"].flat[0] = value
    array_file.write(path, about, arrays)
    with pytest.raises(ModelFileError, match="not those of a model"):
        load(path)


def rewritten(path: Path, **changes: object) -> Path:
    """The model file with its description changed."""
    with np.load(path) as file:
        arrays = {key: file[key] for key in file.files}
    about = {**json.loads(arrays["about"].tobytes()), **changes}
    arrays["about"] = np.frombuffer(json.dumps(about).encode(), np.uint8)
    np.savez(path, **arrays)
    return path


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"schema": 1}, "another schema"),
        ({"feature_schema": 0}, "another feature schema"),
        ({"features": ["flows_opened"]}, "another features"),
        ({"digest": "0" * 64}, "digest"),
        ({"trees": 10**9}, "out of range"),
        ({"seed": "x"}, "out of range"),
    ],
)
def test_another_model_is_refused(
    model: Model, tmp_path: Path, changes: dict[str, object], says: str
) -> None:
    save(model, tmp_path / "m.npz")
    with pytest.raises(ModelFileError, match=says):
        load(rewritten(tmp_path / "m.npz", **changes))


def _pickled(path: Path) -> None:
    np.savez(path, about=np.array([{"a": 1}], dtype=object), training=np.zeros(1), calibration=np.zeros(1))


def _short(path: Path) -> None:
    buffer = io.BytesIO()
    np.savez(buffer, about=np.zeros(3, np.uint8))
    path.write_bytes(buffer.getvalue()[:-30])


def _not_npz(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("about", "hello")


@pytest.mark.parametrize("make", [_pickled, _short, _not_npz, lambda path: path.write_bytes(b"no model")])
def test_what_is_no_model_is_refused(tmp_path: Path, make: object) -> None:
    make(tmp_path / "m.npz")  # type: ignore[operator]
    with pytest.raises(ModelFileError, match=r"m\.npz: "):
        load(tmp_path / "m.npz")


def test_few_rows_get_the_scores_that_they_get_among_many() -> None:
    """Few are asked of all trees at once, many of tree after tree."""
    random = np.random.default_rng(5)
    forest = IsolationForest.fit(random.gamma(1.0, 1.0, (600, 2 * len(FEATURE_NAMES))), ForestSettings())
    rows = random.gamma(1.0, 1.3, (500, 2 * len(FEATURE_NAMES)))
    whole = forest.score(rows)
    for few in (1, 2, 17, 128, 129):
        assert np.array_equal(forest.score(rows[:few]), whole[:few])
