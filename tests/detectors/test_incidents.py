"""Incidents that went through the whole pipeline, on which challengers are tried."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from detectors.forest import incidents
from detectors.forest.array_file import ModelFileError
from detectors.forest.incidents import MOST_INCIDENTS, Incidents
from detectors.forest.isolation import ForestSettings
from detectors.forest.learner import Learner, Schedule
from detectors.forest.model import Model
from detectors.forest.promotion import compare
from detectors.window_features import FEATURE_AT, HOUR_SECONDS, MINUTE_NS, WINDOW

FOREST = ForestSettings(trees=60)
HOUR_NS = 60 * MINUTE_NS
HOSTS = 12


def minutes(hours: int, seed: int, first: int = 0) -> NDArray[np.void]:
    """Usual minutes of a few hosts."""
    random = np.random.default_rng(seed)
    windows = np.zeros(hours * 60 * HOSTS, WINDOW)
    windows["window_start_ns"] = first * HOUR_NS + np.repeat(np.arange(hours * 60), HOSTS) * MINUTE_NS
    windows["host_lo"] = 0xFFFF_0A00_0000 + np.tile(np.arange(HOSTS), hours * 60)
    windows["features"] = random.lognormal(1.5, 0.5, windows["features"].shape)
    windows["seconds"] = 60
    for name in ("score", "p_value", "alarm_p", "peak"):
        windows[name] = np.nan
    return windows


def doing(windows: NDArray[np.void], feature: str, times: float) -> NDArray[np.void]:
    strange = windows.copy()
    strange["features"][:, FEATURE_AT[feature]] *= times
    return strange


def of_one(windows: NDArray[np.void], host: int) -> NDArray[np.void]:
    return np.asarray(windows[windows["host_lo"] == 0xFFFF_0A00_0000 + host])


def model(usual: NDArray[np.void]) -> Model:
    hour = usual["window_start_ns"] // HOUR_NS
    return Model.learn(usual[hour % 2 == 0], usual[hour % 2 == 1], FOREST)


def two() -> Incidents:
    """One that sends a lot, one that asks a lot; ten minutes each."""
    return Incidents.of(
        {
            "sends": doing(of_one(minutes(1, 5), 3)[:10], "bytes_out", 500),
            "asks": doing(of_one(minutes(1, 6), 3)[:10], "dns_queries", 500),
        }
    )


def test_usual_minutes_are_no_incident_and_strange_ones_are() -> None:
    quiet = Incidents.of({"quiet": of_one(minutes(1, 7), 2)})
    tried = model(minutes(20, 1))
    assert two().and_those(quiet).found_by(tried, 0.001) == {"sends", "asks"}


def test_a_challenger_to_which_an_incident_is_usual_by_now_does_not_hold() -> None:
    usual, recent = minutes(20, 1), minutes(4, 2)
    used_to = usual.copy()
    used_to[::4] = doing(usual[::4], "bytes_out", 500)
    verdict = compare(model(used_to), model(usual), recent, two())
    assert not verdict.missed, "the planted windows do not show it"
    assert verdict.champion_found == ("asks", "sends")
    assert verdict.lost == ("sends",)
    assert not verdict.holds
    assert compare(model(minutes(20, 3)), model(usual), recent, two()).holds


def test_a_set_comes_back_from_its_file_as_it_was(tmp_path: Path) -> None:
    hours = of_one(minutes(9, 4), 1)[::60]
    hours["seconds"] = HOUR_SECONDS
    made = two().and_those(Incidents.of({"hours": hours}))
    assert np.count_nonzero(made.windows["host_lo"] == 2) == incidents.MOST_HOURS
    incidents.save(made, tmp_path / "i.npz")
    again = incidents.load(tmp_path / "i.npz")
    assert again.names == ("sends", "asks", "hours")
    assert again.windows.tobytes() == made.windows.tobytes()


@pytest.mark.parametrize(
    ("name", "value"), [("incident", 7), ("seconds", 61), ("group", 9), ("features", None)]
)
def test_a_file_that_is_none_is_refused(name: str, value: int | None, tmp_path: Path) -> None:
    path = tmp_path / "i.npz"
    incidents.save(two(), path)
    about, arrays = incidents.array_file.read(path, "set", 20)
    if value is None:
        arrays[name] = arrays[name][:, :3]
    else:
        arrays[name][0] = value
    incidents.array_file.write(path, about, arrays)
    with pytest.raises(ModelFileError, match="not those of a set of incidents"):
        incidents.load(path)


def test_sets_are_bounded() -> None:
    windows = two().windows
    many = Incidents(tuple(map(str, range(MOST_INCIDENTS - 1))), windows)
    both = many.and_those(two())
    assert (len(both.names), both.names[-1]) == (MOST_INCIDENTS, "sends")
    assert both.newest(1).names == ("sends",)
    assert both.newest(1).windows.tobytes() == replace(two(), names=()).windows[:10].tobytes()


def test_what_people_confirm_is_asked_of_the_next_model() -> None:
    schedule = Schedule(collect_seconds=20 * 3600, retrain_seconds=6 * 3600, horizon_seconds=40 * 3600)
    learner = Learner(FOREST, schedule)
    for at in range(21):
        learner.take(minutes(1, at, at))
    assert learner.model is not None
    host = (0, 0xFFFF_0A00_0003)
    for minute in range(10):  # as they come
        block = minutes(1, 50, 21)[minute * HOSTS : (minute + 1) * HOSTS]
        block[3:4] = doing(block[3:4], "bytes_out", 500)
        learner.take(block)
        if minute:
            learner.flag(host, 21 * HOUR_NS, 21 * HOUR_NS + minute * MINUTE_NS)
    for at in range(22, 25):
        learner.take(minutes(1, at, at))
    again = Learner(FOREST, schedule)
    again.restore(learner.state())  # the review takes its time
    for name in ("0-1", "1-1"):
        again.confirm(host, 21 * HOUR_NS, 21 * HOUR_NS + 9 * MINUTE_NS, name)
    again.withdraw("0-1")
    assert again.confirmed.names == ("1-1",)
    assert len(again.confirmed.windows) >= 9
    assert set(again.confirmed.windows["host_lo"].tolist()) == {0}, "no address"
    for at in range(25, 28):
        again.take(minutes(1, at, at))
    assert again.trainings == 2
    assert again.verdict is not None
    assert again.verdict.champion_found == again.verdict.found == again.confirmed.names
    third = Learner(FOREST, schedule)
    third.restore(again.state())
    assert third.confirmed.windows.tobytes() == again.confirmed.windows.tobytes()


def test_what_was_never_found_is_soon_let_go() -> None:
    learner = Learner(FOREST, Schedule(collect_seconds=20 * 3600, retrain_seconds=365 * 86_400))
    for at in range(30):
        learner.take(minutes(1, at, at))
    kept = learner.state()["strange"]
    assert len(kept) < 0.05 * HOSTS * 60 * 2
    assert kept["window_start_ns"].min() > 27 * HOUR_NS
