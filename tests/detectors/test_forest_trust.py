"""What is said of how far the forest can be trusted: counted as defined, with each tail's standing."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from detectors.forest.isolation import ForestSettings
from detectors.forest.model import Model
from detectors.forest.tail import Tail
from detectors.forest.trust import MISSING, Trust, tails_of
from detectors.rules.anomalous_host import ForestSigns
from detectors.rules.episodes import Episodes
from detectors.rules.signal import Signal
from detectors.window_features import COLD, HOUR_SECONDS, MINUTE_NS, SCORE, WINDOW
from tests.detectors.test_forest import usual_windows

HOUR_NS = 60 * MINUTE_NS


def windows(starts: list[int], hosts: list[int], seconds: int, phase: int = SCORE) -> NDArray[np.void]:
    """Windows, none of them strange, at these times."""
    made = np.zeros(len(starts), WINDOW)
    made["window_start_ns"], made["host_lo"], made["seconds"] = starts, hosts, seconds
    made["phase"], made["alarm_p"], made["p_value"] = phase, 1.0, 1.0
    return made


def test_each_host_hour_is_expected_to_give_two_tests_at_the_level() -> None:
    signs = ForestSigns(accepted_false_alerts_per_day=0.48)
    minutes = [hour * HOUR_NS + at * MINUTE_NS for hour in (0, 1) for at in (0, 1, 7)]
    signs.take(windows([0, 0], [1, 2], HOUR_SECONDS, COLD))  # 2 host-hours an hour: the level is 0.005
    for minute in minutes:
        signs.take(windows([minute, minute], [1, 2], 60))
    assert signs.level == pytest.approx(0.005)
    assert signs.expected == pytest.approx(4 * 0.005)
    signs.take(windows([HOUR_NS, HOUR_NS], [1, 2], HOUR_SECONDS))
    assert signs.expected == pytest.approx(6 * 0.005)
    signs.take(windows([2 * HOUR_NS], [1], 60, COLD))  # was not tested
    assert signs.expected == pytest.approx(6 * 0.005)


def test_the_cut_into_calls_does_not_change_what_is_expected() -> None:
    starts = [at * MINUTE_NS for at in range(0, 180, 5)]
    whole, cut = ForestSigns(1.0), ForestSigns(1.0)
    hours = windows([0], [1], HOUR_SECONDS, COLD)
    for each in (whole, cut):
        each.take(hours)
    whole.take(windows(starts, [1] * len(starts), 60))
    for start in starts:
        cut.take(windows([start], [1], 60))
    assert whole.expected == pytest.approx(cut.expected)
    assert whole.expected == pytest.approx(3 * whole.level)


def sign(minute: int, pattern: str | None) -> Signal:
    return Signal((0, 1), minute * MINUTE_NS, minute * MINUTE_NS, 0.9, pattern=pattern)


def test_a_finding_of_the_forest_is_counted_once_also_when_its_sign_comes_later() -> None:
    episodes = Episodes()
    episodes.add([sign(0, "flood")])
    episodes.due(0)
    assert episodes.of_forest == 0
    episodes.add([sign(1, None), sign(2, None)])
    again = Episodes()
    again.restore(episodes.state())
    for each in (episodes, again):
        each.finish()
        assert each.of_forest == 1
    once_more = Episodes()
    once_more.restore(again.state())
    assert once_more.of_forest == 1


@pytest.mark.parametrize(
    ("expected", "findings", "rate"), [(0.4, 0, None), (0.5, 2, 0.25), (3.0, 2, 1.0), (0.0, 2, 0.0)]
)
def test_the_rate_is_expected_over_told(expected: float, findings: int, rate: float | None) -> None:
    assert Trust(expected, findings, {}).false_discovery_rate == rate


def test_a_tail_says_why_it_was_not_taken() -> None:
    random = np.random.default_rng(700)
    assert Tail(random.exponential(size=2_000)).state == "fitted"
    lumps = np.concatenate([random.uniform(0, 1, 900), np.repeat(random.uniform(2, 3, 20), 5)])
    assert Tail(lumps).state == "refused"
    assert Tail(random.exponential(size=20)).state == "too_few"


def test_a_model_tells_of_every_tail_it_may_have() -> None:
    model = Model.learn(usual_windows(3_000, 1), usual_windows(1_500, 2), ForestSettings(trees=5))
    tails = tails_of(model)
    assert tails["minute", "pooled"] == model.parts[60, 4].tail.state != MISSING
    assert tails["hour", "pooled"] == tails["minute", "servers"] == MISSING
    assert set(tails_of(None).values()) == {MISSING}
