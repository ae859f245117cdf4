"""The exposition: closed sets, no foreign series, and a page that says what there is."""

from __future__ import annotations

import math
from pathlib import Path
from urllib.request import urlopen

import pytest
from prometheus_client import start_http_server
from prometheus_client.parser import text_string_to_metric_families

from detectors.catalogue.catalogue import Catalogue
from sinks.metrics.definitions import METRICS, NAME_EVENTS
from sinks.metrics.document import markdown
from sinks.metrics.exposition import Exposition
from wire.names.namer import Namer, NamerSettings


@pytest.fixture
def exposition(root: Path) -> Exposition:
    return Exposition(Catalogue.load([root / "configs" / "catalogue"]).ids, "0.1.0")


def test_the_page_is_current(root: Path) -> None:
    assert (root / "docs" / "metrics.md").read_text(encoding="utf-8") == markdown()


def test_every_series_is_there_from_the_start(exposition: Exposition) -> None:
    families = {f.name: f for f in text_string_to_metric_families(exposition.text().decode())}
    for metric in METRICS:
        assert families[metric.name.removesuffix("_total")].samples
    values = [sample.value for family in families.values() for sample in family.samples]
    assert all(math.isfinite(value) and value >= 0 for value in values)


def test_no_foreign_series(exposition: Exposition) -> None:
    names = {s.name for f in text_string_to_metric_families(exposition.text().decode()) for s in f.samples}
    assert {name for name in names if not name.startswith("campuswatch_")} == set()
    assert {name for name in names if name.endswith("_created")} == set()


def test_a_sensor_stays_under_two_thousand_series(exposition: Exposition) -> None:
    """Also one whose campus adds services of its own."""
    exposition.learn_services([f"own-{i}" for i in range(500)])
    assert exposition.series() < 2_000


def test_labels_come_from_closed_sets(exposition: Exposition) -> None:
    with pytest.raises(KeyError):
        exposition.set("named_flows_total", 1, "guessed")
    with pytest.raises(KeyError):
        exposition.set("named_flows_total", 1)


def test_name_events_are_those_of_the_namer() -> None:
    small = NamerSettings(
        max_flows=64, reassembly_slots=4, max_strings=64, max_string_bytes=4096, max_query_nodes=64
    )
    assert set(Namer(small).counters) == set(NAME_EVENTS)


def test_scores_fall_into_buckets_up_to_and_with_their_bound(exposition: Exposition) -> None:
    exposition.observe_scores([0.0, 0.05, 0.051, 1.0])
    family = next(
        f
        for f in text_string_to_metric_families(exposition.text().decode())
        if f.name == "campuswatch_anomaly_score"
    )
    buckets = {s.labels["le"]: s.value for s in family.samples if s.name.endswith("_bucket")}
    assert (buckets["0.05"], buckets["0.1"], buckets["0.95"], buckets["1"], buckets["+Inf"]) == (
        2,
        3,
        3,
        4,
        4,
    )


def test_a_scrape_gets_it(exposition: Exposition) -> None:
    exposition.set("flows_active", 7)
    server, thread = start_http_server(0, addr="127.0.0.1", registry=exposition.registry)
    try:
        with urlopen(f"http://127.0.0.1:{server.server_port}/metrics") as answer:
            assert b"campuswatch_flows_active 7.0" in answer.read()
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
