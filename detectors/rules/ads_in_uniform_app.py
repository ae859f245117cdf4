"""Article 11: apps whose uniform use is required carry no commercial advertisements.

Measured: advertising services that ride along (embedding) with an app that a list gives as a uniform-use
tool of teaching or management. Not seen: what is displayed; fees; what a contract says.
"""

from __future__ import annotations

from detectors.rules.riders import uniform_rule
from detectors.rules.rule import Words


def _text(app: Words, party: Words) -> Words:
    return Words(
        f"统一使用的应用{app.zh}使用时伴随出现广告服务{party.zh}，此类应用不得植入商业广告。",
        f"The advertising service {party.en} rides along with {app.en}, whose use is uniform; such apps "
        "carry no commercial advertisements.",
    )


ADS_IN_UNIFORM_APP = uniform_rule("ads-in-uniform-app", "advertising", _text)
