"""The embedding between the judge and what is learned: what is passed on, and when it is worked out."""

from __future__ import annotations

import numpy as np

from detectors.embedding.settings import EmbeddingSettings
from detectors.embedding.sightings import SIGHTING
from detectors.embedding.track import EmbeddingTrack, _distinct
from tests.detectors.embedding.campuses import empty, shipped_catalogue
from tests.detectors.made_deltas import MINUTE, START, deltas


def test_a_call_that_is_seen_often_in_its_minute_counts_like_one() -> None:
    catalogue, random = shipped_catalogue(), np.random.default_rng(5)
    services = [catalogue.ids.index(id) for id in ("zuoyebang", "umeng", "honor-of-kings")]
    rows = np.zeros(6_000, SIGHTING)
    rows["window_start_ns"] = random.integers(0, 400, len(rows)) * MINUTE
    rows["client"] = random.integers(0, 1 << 63, 20).astype(np.uint64)[random.integers(0, 20, len(rows))]
    rows["service"] = random.choice([*services, -1], len(rows))
    often = np.concatenate([rows, rows[::-1], rows[:99]])
    assert np.array_equal(np.unique(_distinct(often)), np.unique(rows))
    assert len(_distinct(often)) == len(np.unique(rows))
    results = []
    for given in (often, _distinct(often)):
        found = empty(catalogue)
        found.take(given, 500 * MINUTE)
        found.finish()
        results.append(found.result())
    assert results[0] == results[1] != []


def test_nothing_new_is_worked_out_once() -> None:
    catalogue = shipped_catalogue()
    track = EmbeddingTrack(catalogue, EmbeddingSettings(), 1000)
    app = np.array([catalogue.ids.index("zuoyebang")], np.int32)
    track.take(deltas({}), app, np.zeros(1, np.uint8), None, np.full(1, -1, np.int32))
    track.finish()
    told = track.result()
    track.advance(START + 100 * MINUTE)
    track.finish()
    assert track.result() is told


def test_of_sessions_too_many_the_latest_are_remembered_and_the_rest_counted() -> None:
    catalogue = shipped_catalogue()
    app, third = (catalogue.ids.index(id) for id in ("zuoyebang", "umeng"))
    found = empty(catalogue, EmbeddingSettings(most_open_sessions=2))

    def call(*calls: tuple[int, int, int]) -> np.ndarray:
        rows = np.zeros(len(calls), SIGHTING)
        for at, (minute, client, service) in enumerate(calls):
            rows[at] = (minute * MINUTE, client, service)
        return rows

    met = [(minute, client, each) for minute, client in ((0, 9), (20, 8), (40, 1)) for each in (app, third)]
    found.take(call((0, 5, app), *met), 47 * MINUTE)
    assert found.counters["embedding_sessions_shed"] == 1
    found.take(call((44, 1, app), (44, 1, third)), 60 * MINUTE)  # the session of minute 40 goes on
    assert int(found.statistics.sessions.sum()) == 4
    assert int(found.statistics.sessions_with.sum()) == 3


def test_what_an_app_leads_to_by_its_own_word_is_accepted_from_enough_clients() -> None:
    catalogue = shipped_catalogue()
    ids = [catalogue.ids.index(id) for id in ("zuoyebang", "umeng", "jpush")]
    track = EmbeddingTrack(catalogue, EmbeddingSettings(least_clients=5), 1000)

    def led(client: int, third: int, led_by: int) -> None:
        row = deltas({"client": f"10.0.0.{client}", "minute": client})
        category = np.zeros(1, np.uint8)
        track.take(row, np.array([third], np.int32), category, None, np.array([led_by], np.int32))

    for client in range(1, 5):
        led(client, ids[1], ids[0])
        led(client, ids[2], ids[0])
        led(client, ids[0], ids[0])  # its own page
        led(client, ids[1], ids[2])  # no app led there
    track.finish()
    assert track.result() == []
    led(4, ids[1], ids[0])
    assert track.result() == []  # four clients still
    led(9, ids[1], ids[0])
    (found,) = track.result()
    assert (found.app, found.third_party, found.clients, found.accepted) == ("zuoyebang", "umeng", 5, True)
    assert found.q_value == 1.0
