"""What the embedding concludes about campuses whose truth is known. Seeds 1-7 were for tuning."""

from __future__ import annotations

import numpy as np
import pytest

from detectors.catalogue.catalogue import Catalogue
from detectors.embedding.sightings import SIGHTING
from tests.detectors.embedding.campuses import campus, empty, learned, shipped_catalogue, truth

_TEST_SEEDS = (101, 102, 103, 104)
_MINUTE_NS = 60_000_000_000


pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    return shipped_catalogue()


def test_sixty_clients_and_five_days_suffice(catalogue: Catalogue) -> None:
    true = found = accepted = 0
    for seed in _TEST_SEEDS:
        scenario = campus(seed, 60, 5, catalogue)
        result = learned(scenario, catalogue).result()
        told = {(each.app, each.third_party) for each in result if each.accepted}
        pairs = set(truth(scenario))
        true, found, accepted = true + len(pairs), found + len(told & pairs), accepted + len(told)
    assert found / accepted >= 0.95, f"precision {found / accepted:.3f}"
    assert found / true >= 0.90, f"recall {found / true:.3f}"


def test_nothing_rides_along_where_nothing_does(catalogue: Catalogue) -> None:
    false = tested = 0
    for seed in _TEST_SEEDS:
        scenario = campus(seed, 40, 3, catalogue)
        clean = scenario.model_copy(
            update={"apps": tuple(app.model_copy(update={"embeds": {}}) for app in scenario.apps)}
        )
        told = learned(clean, catalogue).result()
        false, tested = false + sum(each.accepted for each in told), tested + len(told)
    assert tested > 400, "trackers and ads must meet the apps by chance"
    assert false <= len(_TEST_SEEDS), f"{false} false of {tested}"


def test_days_and_workers_add_up(catalogue: Catalogue) -> None:
    scenario = campus(105, 20, 1, catalogue)
    whole = learned(scenario, catalogue)
    parts = [empty(catalogue), empty(catalogue)]
    rows = _rows(scenario, catalogue)
    end_ns = int(rows["window_start_ns"].max()) + 10 * _MINUTE_NS
    for number, part in enumerate(parts):  # as two workers would: each its own clients
        part.take(rows[rows["client"] % np.uint64(2) == number], end_ns)
        part.finish()
    parts[0].merge(parts[1])
    assert parts[0].result() == whole.result()
    assert len(whole.result()) > 50


def test_the_size_of_steps_changes_nothing(catalogue: Catalogue) -> None:
    scenario = campus(106, 12, 0.5, catalogue)
    rows = _rows(scenario, catalogue)
    first, last = int(rows["window_start_ns"].min()), int(rows["window_start_ns"].max())
    results = []
    for minutes in (1, 7, 10_000):
        found, edge = empty(catalogue), first
        while edge <= last:
            begin, edge = edge, edge + minutes * _MINUTE_NS
            minute = rows["window_start_ns"]
            found.take(rows[(minute >= begin) & (minute < edge)], edge)
        found.finish()
        results.append(found.result())
    assert results[0] == results[1] == results[2]


def test_the_order_within_a_step_changes_nothing(catalogue: Catalogue) -> None:
    rows = _rows(campus(107, 12, 0.5, catalogue), catalogue)
    end_ns = int(rows["window_start_ns"].max()) + 10 * _MINUTE_NS
    results = []
    for order in (np.arange(len(rows)), np.random.default_rng(3).permutation(len(rows))):
        found = empty(catalogue)
        found.take(rows[order], end_ns)
        found.finish()
        results.append(found.result())
    assert results[0] == results[1]


def test_rows_that_come_late_are_counted(catalogue: Catalogue) -> None:
    found = empty(catalogue)
    rows = np.zeros(2, SIGHTING)
    rows["service"] = catalogue.ids.index("zuoyebang")
    rows["window_start_ns"] = 100 * _MINUTE_NS
    found.take(rows, 200 * _MINUTE_NS)
    rows["window_start_ns"] = 50 * _MINUTE_NS
    found.take(rows, 201 * _MINUTE_NS)
    assert found.counters["embedding_rows_late"] == 2


def test_one_client_alone_proves_nothing_and_is_not_told_of(catalogue: Catalogue) -> None:
    rows = np.zeros(200, SIGHTING)
    rows["window_start_ns"] = np.repeat(np.arange(100), 2) * 20 * _MINUTE_NS
    rows["service"] = np.tile([catalogue.ids.index("zuoyebang"), catalogue.ids.index("umeng")], 100)
    found = empty(catalogue)
    found.take(rows, 3_000 * _MINUTE_NS)
    found.finish()
    assert found.result() == []


def test_nothing_seen_nothing_told(catalogue: Catalogue) -> None:
    found = empty(catalogue)
    found.take(np.zeros(0, SIGHTING), _MINUTE_NS)
    found.finish()
    assert found.result() == []


def _rows(scenario, catalogue):  # type: ignore[no-untyped-def]
    from monitor.simulate.hosts import Hosts
    from monitor.simulate.people import people_of
    from monitor.simulate.sightings import sightings
    from monitor.simulate.streams import stream
    from monitor.simulate.visits import visits_of

    hosts = Hosts(catalogue)
    people = people_of(scenario.devices, stream(scenario.seed, "people"))
    return sightings(visits_of(scenario, people, hosts), people, hosts)
