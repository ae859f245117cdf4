"""One host only, clocks that jump, captures with gaps: no crash, no storm, what comes late is counted, and
what is strange is found all the same.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from detectors.catalogue.settings import CatalogueSettings
from detectors.findings import Finding
from detectors.forest.isolation import ForestSettings
from detectors.forest.learner import Schedule
from detectors.judge import Detectors
from detectors.settings import DetectorSettings
from detectors.window_features import HOUR_SECONDS, SCORE
from tests.detectors.conftest import CATALOGUE
from tests.detectors.made_deltas import MINUTE, SILENT, START, deltas, facts, no_queries
from wire.names.strings import StringTable

HOUR, DAY = 60, 24  # minutes, hours
LEARNS_BY = 14  # hours
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


def usual(minute: int, hosts: int) -> list[dict[str, Any]]:
    """The flows of a minute of hosts that all do alike, at any time."""
    random = np.random.default_rng([4, minute % (DAY * HOUR)])
    return [
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


def attack(minute: int) -> list[dict[str, Any]]:
    """The flows of a minute in which the last host scans."""
    return [
        {"minute": minute, "client": f"10.0.0.{HOSTS}", "server": f"198.51.100.{at}", "server_port": 445,
         **SILENT}
        for at in range(1, 60)
    ]  # fmt: skip


class Sensor:
    """Detectors as a sensor runs them: the clock never goes back."""

    def __init__(self, settings: DetectorSettings = SETTINGS) -> None:
        self.detectors = Detectors(settings, StringTable(1000, 10_000))
        self.phases: Counter[tuple[int, int]] = Counter()
        self.findings: list[Finding] = []
        self._clock_ns = 0

    def see(self, hours: range, hosts: int, stamped: int = 0, attacked: bool = False) -> None:
        """The busy minutes of each of these hours, stamped so many hours later than they are."""
        for hour in hours:
            minutes = range((hour + stamped) * HOUR, (hour + stamped) * HOUR + BUSY)
            flows = [flow for minute in minutes for flow in usual(minute, hosts)]
            flows += [flow for minute in minutes[3:6] for flow in attack(minute)] if attacked else []
            made = deltas(*flows)
            made["flow"] += 10_000 * (hour % 100)
            self._clock_ns = max(self._clock_ns, START + minutes.stop * MINUTE)
            known = facts(made)
            self.detectors.take(made, known, self.detectors.classify(known, made), no_queries(made))
            self._note(self.detectors.advance(self._clock_ns))

    def end(self) -> None:
        self._note(self.detectors.finish())

    def _note(self, judged) -> None:  # type: ignore[no-untyped-def]
        pairs = zip(judged.windows["seconds"].tolist(), judged.windows["phase"].tolist(), strict=True)
        self.phases.update(pairs)
        self.findings += [*judged.findings, *judged.updates]
        assert np.isfinite(judged.windows["features"]).all()

    def assert_no_storm(self) -> None:
        """Fewer findings than in a tenth of the host-hours that were tested."""
        tested = self.phases[60, SCORE] / BUSY
        told = {finding.id for finding in self.findings if finding.rule == "anomalous-host"}
        assert len(told) <= max(tested / 10, 1)

    def assert_found(self) -> None:
        """The attack, by its pattern and by the forest."""
        found = [each for each in self.findings if "scan-horizontal" in each.patterns]
        assert len({each.id for each in found}) == 1
        assert "forest" in found[-1].evidence


@pytest.mark.parametrize("replay", [False, True])
def test_one_host_alone_is_judged_by_itself(replay: bool) -> None:
    sensor = Sensor(replace(SETTINGS, learn_from_replay=replay))
    sensor.see(range(44), hosts=1)
    sensor.end()
    assert sensor.phases[60, SCORE] >= 9 * BUSY
    sensor.assert_no_storm()


def test_a_day_s_jump_ahead_is_a_gap_and_what_comes_from_before_is_late() -> None:
    sensor = Sensor()
    sensor.see(range(LEARNS_BY), hosts=HOSTS)
    sensor.see(range(LEARNS_BY, LEARNS_BY + 1), hosts=HOSTS, stamped=DAY)
    assert sensor.detectors.counters["rows_late"] == 0
    scored = sensor.phases[60, SCORE]
    assert scored > 0
    sensor.see(range(LEARNS_BY + 1, LEARNS_BY + 2), hosts=HOSTS)  # the clock is right again
    assert sensor.detectors.counters["rows_late"] >= HOSTS * BUSY
    sensor.see(range(LEARNS_BY + DAY + 2, LEARNS_BY + DAY + 3), hosts=HOSTS, attacked=True)
    sensor.end()
    assert sensor.phases[60, SCORE] > scored + HOSTS * (BUSY - 1)
    sensor.assert_no_storm()
    sensor.assert_found()


def test_a_jump_back_loses_what_is_behind_the_clock_and_goes_on_where_it_was() -> None:
    sensor = Sensor()
    sensor.see(range(LEARNS_BY), hosts=HOSTS)
    windows = sensor.phases.total()
    sensor.see(range(LEARNS_BY, LEARNS_BY + 2), hosts=HOSTS, stamped=-3)
    assert sensor.phases.total() <= windows + 2 * HOSTS
    assert sensor.detectors.counters["rows_late"] > 0
    sensor.see(range(LEARNS_BY, LEARNS_BY + 1), hosts=HOSTS)
    sensor.see(range(LEARNS_BY + 1, LEARNS_BY + 2), hosts=HOSTS, attacked=True)
    sensor.end()
    assert sensor.phases[60, SCORE] >= HOSTS * 2 * BUSY - HOSTS
    sensor.assert_no_storm()
    sensor.assert_found()


def test_hours_that_are_missing_make_no_windows_and_no_storm() -> None:
    sensor = Sensor()
    sensor.see(range(LEARNS_BY), hosts=HOSTS)
    for hour in (LEARNS_BY + 3, LEARNS_BY + 9, LEARNS_BY + 3 * DAY):
        sensor.see(range(hour, hour + 1), hosts=HOSTS, attacked=hour > LEARNS_BY + DAY)
    sensor.end()
    hours = sum(count for (seconds, _), count in sensor.phases.items() if seconds == HOUR_SECONDS)
    minutes = sum(count for (seconds, _), count in sensor.phases.items() if seconds != HOUR_SECONDS)
    assert minutes == HOSTS * (LEARNS_BY + 3) * BUSY
    assert hours <= HOSTS * (LEARNS_BY + 1 + 3 * 2)
    assert sensor.phases[60, SCORE] >= HOSTS * 3 * BUSY
    sensor.assert_no_storm()
    sensor.assert_found()
