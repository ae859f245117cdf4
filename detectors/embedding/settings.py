"""When a third party is held to ride along with an app."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class EmbeddingSettings:
    """docs/embedding.md argues the defaults.

    false_discovery_rate: accepted share of false pairs among the accepted. least_clients: distinct
    clients that a pair needs. least_effect: minutes a session. least_share: of the third party's
    minutes in the app's sessions, what the app itself must account for. misfit_share: of the same,
    what a model that is only nearly right may lay at the app's door; q-values are against no more
    than that. most_inflation: beyond
    it the app is too often in use together with others to be told from them. least_game_share: of a
    game's minutes, what must lie in sessions of the app: a game that is played for itself is none
    that rides along. least_minutes: event time from the first call to the last; less shows no habit
    and is not fitted. most_open_sessions: 28 bytes each.
    """

    false_discovery_rate: float = 0.03
    least_clients: int = 5
    least_effect: float = 0.005
    least_share: float = 0.1
    misfit_share: float = 0.01
    most_inflation: float = 20.0
    least_game_share: float = 0.8
    least_minutes: int = 30
    most_open_sessions: int = 1 << 18
