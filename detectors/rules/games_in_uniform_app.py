"""Article 11: apps whose uniform use is required carry no games.

Measured: game services that ride along (embedding) with an app that a list gives as a uniform-use
tool of teaching or management. Not seen: what is displayed; fees; what a contract says.
"""

from __future__ import annotations

from detectors.rules.riders import uniform_rule
from detectors.rules.rule import Words


def _text(app: Words, party: Words) -> Words:
    return Words(
        f"统一使用的应用{app.zh}使用时伴随出现游戏服务{party.zh}，此类应用不得植入游戏。",
        f"The game service {party.en} rides along with {app.en}, whose use is uniform; such apps carry no "
        "games.",
    )


GAMES_IN_UNIFORM_APP = uniform_rule("games-in-uniform-app", "game", _text)
