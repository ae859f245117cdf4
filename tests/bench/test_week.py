"""The simulated week holds what it says, and other methods are held to the budget."""

from __future__ import annotations

import numpy as np

from detectors.findings_text import PATTERNS
from monitor.evaluate.outcome import HOUR_NS, Windows
from monitor.evaluate.truth import Incident
from tests.bench.rivals import _alerts, _at_budget, _form
from tests.bench.week import INCIDENTS, scenario

MINUTE = HOUR_NS // 60


def test_every_kind_happens_to_a_host_of_its_own_and_the_clean_week_has_none() -> None:
    week, clean = (scenario(703, 7, 1.0, quiet) for quiet in (False, True))
    assert {each.kind for each in week.incidents} == set(PATTERNS)
    assert len({each.host for each in week.incidents}) == len(INCIDENTS)
    assert min(each.start_hours for each in week.incidents) > 25  # a day and an hour to learn
    assert max(each.start_hours + each.minutes / 60 for each in week.incidents) <= week.hours
    assert clean.incidents == ()
    assert clean.model_copy(update={"incidents": week.incidents}) == week


def test_a_method_is_given_its_lowest_threshold_within_the_budget() -> None:
    """Two days, a false minute an hour with scores that rise, and an incident that ranks in their middle."""
    minutes = np.arange(0, 2880, 60)
    score = np.linspace(0, 1, len(minutes))
    host = np.array(["10.0.0.2"] * len(minutes), np.object_)
    host[24] = "10.0.0.1"
    scored = np.ones(len(score), np.bool_)
    judged = Windows(minutes * MINUTE, host, score, score, scored, np.zeros(len(score)))
    incident = Incident("scan-horizontal-1-2", "scan-horizontal", "10.0.0.1", frozenset(), 1440 * MINUTE,
                        1450 * MINUTE)  # fmt: skip
    assert _alerts(judged, [incident], 0.0) == (47, {"scan-horizontal-1"})
    assert _at_budget(judged, [incident], 5.0)["found"] == []
    generous = _at_budget(judged, [incident], 15.0)
    assert generous["found"] == ["scan-horizontal-1"]
    assert generous["false"] <= 30
    assert _form("worm-23") == "worm-23"
