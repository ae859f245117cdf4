"""Third parties that ride along with an app: the words and evidence that four rules share."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from detectors.catalogue.schema import Service
from detectors.embedding.embedding import Embedding
from detectors.findings import Finding, Subject
from detectors.rules.rule import DayCase, Rule, Words, listed, title

#: What statistics of who appears with whom can't show.
RIDER_LIMITS = Words(
    "由统计关联得出，看不到加密内容，也看不到屏幕上显示了什么、是否取得同意。",
    "Found by statistical association: neither encrypted content, nor what was displayed, nor consent shows.",
)


def riders(case: DayCase, category: str) -> Iterator[tuple[int, Service, Embedding]]:
    """Accepted embeddings of a category in apps that were used that day: app's index, party, figures."""
    least = case.known.settings.riders.least_clients
    pairs = [
        pair
        for pair in case.day.embeddings
        if pair.accepted and pair.category == category and pair.clients >= least
    ]
    if not pairs:
        return
    ids = {service_id: index for index, service_id in enumerate(case.known.catalogue.ids)}
    for pair in sorted(pairs, key=lambda each: (each.app, each.third_party)):
        app, party = ids.get(pair.app), ids.get(pair.third_party)
        if app is not None and party is not None and app in case.day.apps:
            yield app, case.known.service(party), pair


def uniform_rule(name: str, category: str, text: Callable[[Words, Words], Words]) -> Rule:
    """Article 11: services of a category that ride along with an app whose use is uniform.

    text: the words of a finding, from the names of the app and of the service.
    """

    def judge(case: DayCase) -> Iterator[Finding]:
        for app, party, pair in riders(case, category):
            uniform = case.state(app, "uniform")
            if not uniform.known:
                case.known.unknown(rule)
            if uniform.has("yes"):
                words = text(title(case.known.service(app)), title(party))
                yield rider_finding(case, rule, app, pair, words, {"uniform": listed(uniform)})

    rule = Rule(name, ("11",), RIDER_LIMITS, judge)
    return rule


def rider_finding(
    case: DayCase, rule: Rule, app: int, pair: Embedding, text: Words, standing: dict[str, Any] | None = None
) -> Finding:
    """A finding about an app and a third party."""
    use = case.day.apps[app]
    evidence: dict[str, Any] = {
        "app": pair.app,
        "third_party": pair.third_party,
        "sessions": pair.sessions,
        "sessions_with": pair.sessions_with,
        "effect": round(pair.effect, 6),
        "interval": [round(pair.low, 6), round(pair.high, 6)],
        "q_value": round(pair.q_value, 6),
        "clients": pair.clients,
    }
    if standing is not None:
        evidence["standing"] = standing
    return case.known.finding(
        rule,
        Subject("app-third-party", f"{pair.app} {pair.third_party}"),
        (use.start_ns, use.end_ns),
        1.0 - min(max(pair.q_value, 0.0), 1.0),
        evidence,
        text,
    )
