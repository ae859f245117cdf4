"""Article 6: no personal data beyond the service, none given to others.

Measured: tracking services (analytics, attribution, crash reports, fingerprints) that ride along
(embedding) with an education app. Push, captcha, one-key login and location are `functional` and not
meant. Needs no register. Not seen: what is sent; whether users or guardians consented.
"""

from __future__ import annotations

from collections.abc import Iterator

from detectors.findings import Finding
from detectors.rules.riders import RIDER_LIMITS, rider_finding, riders
from detectors.rules.rule import DayCase, Rule, Words, title


def _judge(case: DayCase) -> Iterator[Finding]:
    for app, party, pair in riders(case, "tracking"):
        if case.is_education(app):
            names, other = title(case.known.service(app)), title(party)
            text = Words(
                f"教育应用{names.zh}使用时伴随出现第三方跟踪服务{other.zh}（{party.kind}）。",
                f"The tracking service {other.en} ({party.kind}) rides along with the education app "
                f"{names.en}.",
            )
            yield rider_finding(case, THIRD_PARTY_TRACKING, app, pair, text)


THIRD_PARTY_TRACKING = Rule("third-party-tracking", ("6",), RIDER_LIMITS, _judge)
