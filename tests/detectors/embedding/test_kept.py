"""What the embedding learned survives a restart, and a catalogue that changes under it."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from detectors.catalogue.catalogue import Catalogue
from detectors.catalogue.categories import CATEGORIES, GENERAL
from detectors.embedding.embeddings import Embeddings
from detectors.embedding.settings import EmbeddingSettings
from detectors.embedding.sightings import SIGHTING
from detectors.embedding.track import EmbeddingTrack
from detectors.parts import Parts
from tests.detectors.embedding.campuses import empty, shipped_catalogue
from tests.detectors.made_deltas import MINUTE, START, deltas

IDS = ("zuoyebang", "umeng", "honor-of-kings")
SETTINGS = EmbeddingSettings(least_clients=2, least_minutes=100)


def sightings(catalogue: Catalogue, minutes: int, seed: int = 5) -> NDArray[np.void]:
    random = np.random.default_rng(seed)
    services = [catalogue.ids.index(id) for id in IDS]
    rows = np.zeros(15 * minutes, SIGHTING)
    rows["window_start_ns"] = np.sort(random.integers(0, minutes, len(rows))) * MINUTE
    rows["client"] = random.integers(0, 1 << 63, 20).astype(np.uint64)[random.integers(0, 20, len(rows))]
    rows["service"] = random.choice([*services, -1], len(rows))
    return rows


def learned(catalogue: Catalogue, rows: NDArray[np.void], stops: tuple[int, ...]) -> Embeddings:
    """What is learned of 600 minutes, minute by minute, with a restart after each of the stops."""
    found = empty(catalogue, SETTINGS)
    for minute in range(600):
        found.take(rows[rows["window_start_ns"] == minute * MINUTE], (minute + 1) * MINUTE)
        if minute in stops:
            state = {key: value.copy() for key, value in found.state().items()}
            found = empty(catalogue, SETTINGS)
            found.restore(state)
    found.finish()
    return found


def test_an_interrupted_run_learns_what_an_uninterrupted_one_does() -> None:
    catalogue = shipped_catalogue()
    rows = sightings(catalogue, 600)
    whole, parts = learned(catalogue, rows, ()), learned(catalogue, rows, (3, 4, 250, 599))
    assert parts.result() == whole.result() != []
    assert parts.counters == whole.counters
    again = empty(catalogue, SETTINGS)
    again.restore(whole.state())
    assert {k: v.tobytes() for k, v in again.state().items()} == {
        k: v.tobytes() for k, v in whole.state().items()
    }


def test_what_was_learned_follows_services_to_other_places_and_loses_those_that_are_gone() -> None:
    catalogue = shipped_catalogue()
    whole = learned(catalogue, sightings(catalogue, 600), ())
    codes = whole._category.tolist()
    order = np.random.default_rng(1).permutation(len(catalogue.ids))
    order = order[[catalogue.ids[i] != "umeng" for i in order]]
    moved = Embeddings([catalogue.ids[i] for i in order], [codes[i] for i in order], SETTINGS)
    moved.restore(whole.state())
    found, expected = moved.statistics, whole.statistics
    before = {whole._ids[i]: n for i, n in zip(whole._apps, expected.sessions, strict=True)}
    assert found.sessions.tolist() == [before[moved._ids[i]] for i in moved._apps]
    told = {(each.app, each.third_party): each.clients for each in whole.result()}
    assert {pair: n for pair, n in told.items() if pair[1] != "umeng"} == {
        (each.app, each.third_party): each.clients for each in moved.result()
    }
    assert any(pair[1] == "umeng" for pair in told)
    ours, theirs = found.share_within(), expected.share_within()
    at = [whole._app_of[order[i]] for i in moved._apps], [whole._third_of[order[i]] for i in moved._thirds]
    assert np.array_equal(ours, theirs[np.ix_(*at)])


def test_a_state_of_other_services_than_it_says_is_refused() -> None:
    catalogue = shipped_catalogue()
    state = learned(catalogue, sightings(catalogue, 600), ()).state()
    state["statistics/plain"] = state["statistics/plain"] + 1
    with pytest.raises(ValueError, match="other services"):
        empty(catalogue, SETTINGS).restore(state)


def test_new_services_of_a_reloaded_catalogue_join_without_a_restart() -> None:
    """The track is first given a catalogue without the third party, then the whole one."""
    services = shipped_catalogue().services
    before = Catalogue([each for each in services if each.id != "umeng"])
    after = Catalogue(services, keep_ids=before.ids)
    small, whole = EmbeddingTrack(before, SETTINGS, 10_000), EmbeddingTrack(after, SETTINGS, 10_000)
    app, third = after.ids.index("zuoyebang"), len(before.ids)
    assert after.ids[third] == "umeng"
    for track in (small, whole):
        call(track, 0, app)
        track.advance(START + 30 * MINUTE)
    small.adopt(after)
    for track in (small, whole):
        call(track, 60, app, third)
        track.finish()
    ours, theirs = small._learned.statistics, whole._learned.statistics
    assert ours.sessions_with.sum() == theirs.sessions_with.sum() == 1
    assert ours.sessions.tolist() == theirs.sessions.tolist()
    assert ours.sessions.sum() == 2


def test_minutes_that_are_open_survive() -> None:
    catalogue = shipped_catalogue()
    app = catalogue.ids.index("zuoyebang")
    track = EmbeddingTrack(catalogue, SETTINGS, 10_000)
    call(track, 0, app)
    again = EmbeddingTrack(catalogue, SETTINGS, 10_000)
    again.restore({key: value.copy() for key, value in track.state().items()})
    again.finish()
    assert again._learned.statistics.sessions.sum() == 1


def call(track: EmbeddingTrack, minute: int, *services: int) -> None:
    rows = deltas(*({"minute": minute, "opened": 1} for _ in services))
    track.take(
        rows,
        np.array(services, np.int32),
        np.zeros(len(services), np.uint8),
        None,
        np.full(len(services), -1, np.int32),
    )


def track(catalogue: Catalogue) -> EmbeddingTrack:
    return EmbeddingTrack(catalogue, SETTINGS, 100_000, keeps_news=True)


def seen_by(found: EmbeddingTrack, catalogue: Catalogue, rows: NDArray[np.void], minutes: range) -> None:
    """Let the sightings of some minutes come as deltas, some of them led by another service."""
    for minute in minutes:
        own = rows[rows["window_start_ns"] == minute * MINUTE]
        made = deltas(*({"minute": minute, "opened": 1} for _ in own))
        made["client_lo"], made["client_hi"] = own["client"], 0
        named = own["service"] >= 0
        category = np.where(named, codes_of(catalogue)[own["service"]], GENERAL).astype(np.uint8)
        led = np.where(own["client"] % 3 == 0, catalogue.ids.index("zuoyebang"), -1).astype(np.int32)
        found.take(made, own["service"], category, None, led)
        found.advance(START + (minute - 1) * MINUTE)


def codes_of(catalogue: Catalogue) -> NDArray[np.int64]:
    return np.array([CATEGORIES.index(service.category) for service in catalogue.services])


def copied(parts: Parts) -> Parts:
    return {key: value.copy() for key, value in parts.items()}


def result_of(found: EmbeddingTrack) -> list[object]:
    found.finish()
    return list(found.result())


@pytest.mark.parametrize("killed", [31, 77, 290])
def test_who_is_killed_goes_on_from_the_checkpoint_and_not_from_what_was_learned(killed: int) -> None:
    """A state every hour, news every minute."""
    catalogue = shipped_catalogue()
    rows = sightings(catalogue, 400)
    whole, dies, again = track(catalogue), track(catalogue), track(catalogue)
    seen_by(whole, catalogue, rows, range(400))
    state: Parts = {}
    for minute in range(killed):
        seen_by(dies, catalogue, rows, range(minute, minute + 1))
        if minute % 60 == 59:
            state = copied(dies.state())
    news = copied(dies.news())
    assert len(news["counted/packed"]) > 0
    if state:
        again.restore(state)
    again.catch_up(news)
    seen_by(again, catalogue, rows, range(killed, 400))
    assert result_of(again) == result_of(whole) != []
    assert again.counters == whole.counters
