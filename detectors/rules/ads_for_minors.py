"""Article 5: advertisements fit the service; apps for minors are strictly checked.

Measured: advertising services that ride along (embedding) with an app whose audience a list gives as
minors. Not seen: what an advertisement displays.
"""

from __future__ import annotations

from collections.abc import Iterator

from detectors.findings import Finding
from detectors.rules.riders import RIDER_LIMITS, rider_finding, riders
from detectors.rules.rule import DayCase, Rule, Words, listed, title


def _judge(case: DayCase) -> Iterator[Finding]:
    for app, party, pair in riders(case, "advertising"):
        if not case.is_education(app):
            continue
        audience = case.state(app, "audience")
        if not audience.known:
            case.known.unknown(ADS_FOR_MINORS)
        if audience.has("minors"):
            names, other = title(case.known.service(app)), title(party)
            text = Words(
                f"面向未成年人的应用{names.zh}使用时伴随出现广告服务{other.zh}。",
                f"The advertising service {other.en} rides along with {names.en}, an app for minors.",
            )
            yield rider_finding(case, ADS_FOR_MINORS, app, pair, text, {"audience": listed(audience)})


ADS_FOR_MINORS = Rule("ads-for-minors", ("5",), RIDER_LIMITS, _judge)
