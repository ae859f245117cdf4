"""All rules, in the order of the opinion's articles."""

from __future__ import annotations

from detectors.findings_text import LIMITS
from detectors.rules.ads_for_minors import ADS_FOR_MINORS
from detectors.rules.ads_in_uniform_app import ADS_IN_UNIFORM_APP
from detectors.rules.anomalous_service import ANOMALOUS_SERVICE
from detectors.rules.blacklisted_app import BLACKLISTED_APP
from detectors.rules.cleartext_personal_data import CLEARTEXT_PERSONAL_DATA
from detectors.rules.curfew_use import CURFEW_USE
from detectors.rules.games_in_uniform_app import GAMES_IN_UNIFORM_APP
from detectors.rules.important_service_degraded import IMPORTANT_SERVICE_DEGRADED
from detectors.rules.rule import Rule
from detectors.rules.single_vendor import SINGLE_VENDOR
from detectors.rules.third_party_tracking import THIRD_PARTY_TRACKING
from detectors.rules.too_many_apps import TOO_MANY_APPS
from detectors.rules.unfiled_app import UNFILED_APP
from detectors.rules.unselected_app import UNSELECTED_APP
from detectors.rules.usage_time import USAGE_TIME
from detectors.rules.weak_transport import WEAK_TRANSPORT
from detectors.rules.withdrawn_app import WITHDRAWN_APP

#: Judge a DayCase, when a local day is over.
DAY_RULES: tuple[Rule, ...] = (
    UNFILED_APP,
    USAGE_TIME,
    CURFEW_USE,
    ADS_FOR_MINORS,
    THIRD_PARTY_TRACKING,
    CLEARTEXT_PERSONAL_DATA,
    WEAK_TRANSPORT,
    UNSELECTED_APP,
    TOO_MANY_APPS,
    ADS_IN_UNIFORM_APP,
    GAMES_IN_UNIFORM_APP,
    SINGLE_VENDOR,
    BLACKLISTED_APP,
    WITHDRAWN_APP,
)
#: Of these, judged as soon as there is use, and again when the day is over: a ban holds at once.
PROMPT_RULES: tuple[Rule, ...] = (BLACKLISTED_APP, WITHDRAWN_APP)
#: Judge a WindowCase, when a quarter of an hour of a service is over.
WINDOW_RULES: tuple[Rule, ...] = (ANOMALOUS_SERVICE, IMPORTANT_SERVICE_DEGRADED)

#: Every rule id: those above, and those that judge hosts.
RULE_NAMES = (*LIMITS, *(rule.name for rule in (*DAY_RULES, *WINDOW_RULES)))
