"""Article 11: apps whose uniform use is required carry no games.

Measured: game services that ride along (embedding) with an app that a list gives as a uniform-use
tool of teaching or management. Not seen: what is displayed; fees; what a contract says.
"""

from __future__ import annotations

from collections.abc import Iterator

from detectors.findings import Finding
from detectors.rules.riders import RIDER_LIMITS, rider_finding, riders
from detectors.rules.rule import DayCase, Rule, Words, listed, title


def _judge(case: DayCase) -> Iterator[Finding]:
    for app, party, pair in riders(case, "game"):
        uniform = case.state(app, "uniform")
        if not uniform.known:
            case.known.unknown(GAMES_IN_UNIFORM_APP)
        if uniform.has("yes"):
            names, other = title(case.known.service(app)), title(party)
            text = Words(
                f"统一使用的应用{names.zh}使用时伴随出现游戏服务{other.zh}，此类应用不得植入游戏。",
                f"The game service {other.en} rides along with {names.en}, whose use is "
                "uniform; such apps carry no games.",
            )
            yield rider_finding(case, GAMES_IN_UNIFORM_APP, app, pair, text, {"uniform": listed(uniform)})


GAMES_IN_UNIFORM_APP = Rule("games-in-uniform-app", ("11",), RIDER_LIMITS, _judge)
