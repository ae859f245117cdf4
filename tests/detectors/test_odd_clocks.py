"""One host only, clocks that jump, captures with gaps: no crash, no storm, and what comes late is counted."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from detectors.catalogue.settings import CatalogueSettings
from detectors.forest.isolation import ForestSettings
from detectors.forest.learner import Schedule
from detectors.judge import Detectors
from detectors.settings import DetectorSettings
from detectors.window_features import HOUR_SECONDS, SCORE
from tests.detectors.conftest import CATALOGUE
from tests.detectors.made_deltas import MINUTE, START, deltas, facts, no_queries
from wire.names.strings import StringTable

HOUR, DAY = 60, 24 * 60
LEARNS_BY = 14 * HOUR
#: Hosts work in so many minutes of an hour; 20 of them make the 120 host-hours that a level of 1% needs.
BUSY, HOSTS = 10, 20
SETTINGS = DetectorSettings(
    CatalogueSettings((CATALOGUE,)),
    b"key",
    forest=ForestSettings(trees=30),
    accepted_false_alerts_per_day=10.0,
    learn_from_replay=False,
    clients_may_be_hosts=False,
    schedule=Schedule(collect_seconds=13 * 3600, least_windows=200),
)


def usual(minute: int, hosts: int) -> NDArray[np.void]:
    """A minute of hosts that all do alike, at any time."""
    random = np.random.default_rng([4, minute % DAY])
    flows = [
        {
            "minute": minute,
            "client": f"10.0.0.{host}",
            "server": f"203.0.113.{random.integers(1, 40)}",
            "packets_c2s": int(random.integers(4, 40)),
            "bytes_c2s": int(random.integers(400, 9000)),
            "bytes_s2c": int(random.integers(2000, 90_000)),
        }
        for host in range(1, hosts + 1)
        for _ in range(int(random.integers(2, 5)))
    ]
    made = deltas(*flows)
    made["flow"] += 1000 * (minute % DAY)
    return made


class Sensor:
    """Detectors as a sensor runs them: the clock never goes back."""

    def __init__(self, settings: DetectorSettings = SETTINGS) -> None:
        self.detectors = Detectors(settings, StringTable(1000, 10_000))
        self.phases: Counter[tuple[int, int]] = Counter()
        self.rules: Counter[str] = Counter()
        self._clock_ns = 0

    def see(self, minutes: range, hosts: int, stamped: int = 0) -> None:
        """Each of these minutes, stamped so many minutes later than it is."""
        for minute in minutes:
            if minute % HOUR >= BUSY:
                continue
            made = usual(minute + stamped, hosts)
            self._clock_ns = max(self._clock_ns, START + (minute + stamped + 1) * MINUTE)
            known = facts(made)
            self.detectors.take(made, known, self.detectors.classify(known, made), no_queries(made))
            self._note(self.detectors.advance(self._clock_ns))

    def end(self) -> None:
        self._note(self.detectors.finish())

    def _note(self, judged) -> None:  # type: ignore[no-untyped-def]
        pairs = zip(judged.windows["seconds"].tolist(), judged.windows["phase"].tolist(), strict=True)
        self.phases.update(pairs)
        self.rules.update(finding.rule for finding in judged.findings)
        assert np.isfinite(judged.windows["features"]).all()

    def assert_no_storm(self) -> None:
        """Fewer findings than in a tenth of the host-hours that were tested."""
        tested = self.phases[60, SCORE] / BUSY
        assert self.rules["anomalous-host"] <= max(tested / 10, 1)


@pytest.mark.parametrize("replay", [False, True])
def test_one_host_alone_is_judged_by_itself(replay: bool) -> None:
    sensor = Sensor(replace(SETTINGS, learn_from_replay=replay))
    sensor.see(range(44 * HOUR), hosts=1)
    sensor.end()
    assert sensor.phases[60, SCORE] >= 9 * BUSY
    sensor.assert_no_storm()


def test_a_day_s_jump_ahead_is_a_gap_and_what_comes_from_before_is_late() -> None:
    sensor = Sensor()
    sensor.see(range(LEARNS_BY), hosts=HOSTS)
    sensor.see(range(LEARNS_BY, LEARNS_BY + HOUR), hosts=HOSTS, stamped=DAY)
    assert sensor.detectors.counters["rows_late"] == 0
    scored = sensor.phases[60, SCORE]
    assert scored > 0
    sensor.see(range(LEARNS_BY + HOUR, LEARNS_BY + 2 * HOUR), hosts=HOSTS)  # the clock is right again
    assert sensor.detectors.counters["rows_late"] >= HOSTS * BUSY
    sensor.see(range(LEARNS_BY + DAY + 2 * HOUR, LEARNS_BY + DAY + 3 * HOUR), hosts=HOSTS)
    sensor.end()
    assert sensor.phases[60, SCORE] > scored + HOSTS * (BUSY - 1)
    sensor.assert_no_storm()


def test_a_jump_back_loses_what_is_behind_the_clock_and_goes_on_where_it_was() -> None:
    sensor = Sensor()
    sensor.see(range(LEARNS_BY), hosts=HOSTS)
    windows = sensor.phases.total()
    sensor.see(range(LEARNS_BY, LEARNS_BY + 2 * HOUR), hosts=HOSTS, stamped=-3 * HOUR)
    assert sensor.phases.total() <= windows + 2 * HOSTS
    assert sensor.detectors.counters["rows_late"] > 0
    sensor.see(range(LEARNS_BY, LEARNS_BY + 2 * HOUR), hosts=HOSTS)
    sensor.end()
    assert sensor.phases[60, SCORE] >= HOSTS * 2 * BUSY - HOSTS
    sensor.assert_no_storm()


def test_hours_that_are_missing_make_no_windows_and_no_storm() -> None:
    sensor = Sensor()
    sensor.see(range(LEARNS_BY), hosts=HOSTS)
    for start in (LEARNS_BY + 3 * HOUR, LEARNS_BY + 9 * HOUR, LEARNS_BY + 3 * DAY):
        sensor.see(range(start, start + HOUR), hosts=HOSTS)
    sensor.end()
    hours = sum(count for (seconds, _), count in sensor.phases.items() if seconds == HOUR_SECONDS)
    minutes = sum(count for (seconds, _), count in sensor.phases.items() if seconds != HOUR_SECONDS)
    assert minutes == HOSTS * (LEARNS_BY // HOUR + 3) * BUSY
    assert hours <= HOSTS * (LEARNS_BY // HOUR + 1 + 3 * 2)
    assert sensor.phases[60, SCORE] >= HOSTS * 3 * BUSY
    sensor.assert_no_storm()
