"""Third parties that ride along with an app: the words and evidence that four rules share."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from detectors.catalogue.schema import Service
from detectors.embedding.embedding import Embedding
from detectors.findings import Finding, Subject
from detectors.rules.rule import DayCase, Rule, Words


def riders(case: DayCase, category: str) -> Iterator[tuple[int, Service, Embedding]]:
    """Accepted embeddings of a category in apps that were used that day: app's index, party, figures."""
    ids = {service_id: index for index, service_id in enumerate(case.known.catalogue.ids)}
    least = case.known.settings.riders.least_clients
    for pair in sorted(case.day.embeddings, key=lambda each: (each.app, each.third_party)):
        app, party = ids.get(pair.app), ids.get(pair.third_party)
        if not pair.accepted or pair.category != category or pair.clients < least:
            continue
        if app is not None and party is not None and app in case.day.apps:
            yield app, case.known.service(party), pair


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


#: What statistics of who appears with whom can't show.
RIDER_LIMITS = Words(
    "由统计关联得出，看不到加密内容，也看不到屏幕上显示了什么、是否取得同意。",
    "Found by statistical association: neither encrypted content, nor what was displayed, nor consent shows.",
)
