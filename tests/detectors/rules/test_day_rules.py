"""Each rule that judges a day: what it must find, and the near-misses that it must not."""

from __future__ import annotations

from datetime import date

import pytest

from detectors.register.lists import RegisterList
from detectors.rules.ads_for_minors import ADS_FOR_MINORS
from detectors.rules.ads_in_uniform_app import ADS_IN_UNIFORM_APP
from detectors.rules.blacklisted_app import BLACKLISTED_APP
from detectors.rules.cleartext_personal_data import CLEARTEXT_PERSONAL_DATA
from detectors.rules.curfew_use import CURFEW_USE
from detectors.rules.games_in_uniform_app import GAMES_IN_UNIFORM_APP
from detectors.rules.rule import Rule
from detectors.rules.single_vendor import SINGLE_VENDOR
from detectors.rules.third_party_tracking import THIRD_PARTY_TRACKING
from detectors.rules.too_many_apps import TOO_MANY_APPS
from detectors.rules.unfiled_app import UNFILED_APP
from detectors.rules.unselected_app import UNSELECTED_APP
from detectors.rules.usage_time import USAGE_TIME
from detectors.rules.weak_transport import WEAK_TRANSPORT
from detectors.rules.withdrawn_app import WITHDRAWN_APP
from tests.detectors.rules.cases import (
    DAY,
    complete,
    day_case,
    found,
    knowledge,
    leak,
    on_list,
    rider,
    uses,
    weakness,
)

APP = "sample-xuetang"
EVE = date(2024, 5, 5)
MINORS = on_list(APP, "audience", "minors")
UNIFORM = on_list(APP, "uniform")


@pytest.mark.parametrize(
    ("lists", "fires", "silent"),
    [
        ([complete("provider-filing", "sample-zuoye")], True, 0),
        ([complete("user-filing", "sample-zuoye"), complete("provider-filing", APP)], True, 0),
        ([complete("provider-filing", APP)], False, 0),
        ([on_list("sample-zuoye", "provider-filing", "filed")], False, 1),  # not complete: unknown
        ([], False, 1),
        ([complete("provider-filing", "sample-zuoye", first=date(2024, 5, 7))], False, 1),  # not yet
        ([complete("provider-filing"), on_list(APP, "provider-filing", "revoked")], True, 0),
        ([complete("provider-filing"), on_list(APP, "provider-filing", "pending")], False, 0),
        ([complete("provider-filing"), on_list(APP, "provider-filing", "filed", last=EVE)], True, 0),
        ([complete("provider-filing"), on_list(APP, "provider-filing", "filed", last=DAY)], False, 0),
    ],
)
def test_unfiled_app(lists: list[RegisterList], fires: bool, silent: int) -> None:
    known = knowledge(lists)
    findings = found(UNFILED_APP, day_case(known, uses(known, APP)))
    assert [each.subject.value for each in findings] == [APP] * fires
    assert known.silent.get("unfiled-app", 0) == silent


def test_unfiled_app_needs_use_in_earnest_and_an_education_app() -> None:
    known = knowledge([complete("provider-filing", "sample-zuoye")])
    assert found(UNFILED_APP, day_case(known, uses(known, APP, interactive=0))) == []
    assert found(UNFILED_APP, day_case(known, uses(known, "dingtalk"))) == []


@pytest.mark.parametrize(
    ("lists", "minutes", "fires"),
    [
        ([MINORS], 120, True),
        ([MINORS], 119, False),
        ([on_list(APP, "audience", "university")], 600, False),
        ([], 600, False),
        ([on_list(APP, "audience", "minors", first=date(2024, 5, 7))], 600, False),
    ],
)
def test_usage_time(lists: list[RegisterList], minutes: int, fires: bool) -> None:
    known = knowledge(lists)
    parts = uses(known, APP, 3, active=minutes), uses(known, APP, active=10)
    findings = found(USAGE_TIME, day_case(known, *parts))
    assert [each.evidence["devices"] for each in findings] == [3] * fires
    if not lists:
        assert known.silent == {"usage-time": 1}


def test_usage_time_has_another_limit_on_free_days() -> None:
    known = knowledge([MINORS], usage_time={"limit_minutes": 60, "limit_minutes_free_days": 180})
    assert found(USAGE_TIME, day_case(known, uses(known, APP, active=61)))
    saturday = date(2024, 5, 11)
    assert not found(USAGE_TIME, day_case(known, uses(known, APP, active=179), on=saturday))
    moved = knowledge(
        [MINORS],
        usage_time={"limit_minutes": 60, "limit_minutes_free_days": 180},
        calendar={
            "workdays": [saturday.isoformat()],
            "holidays": [{"first": "2024-05-01", "last": "2024-05-06"}],
        },
    )
    assert found(USAGE_TIME, day_case(moved, uses(moved, APP, active=179), on=saturday))
    assert not found(USAGE_TIME, day_case(moved, uses(moved, APP, active=179)))  # Monday is a holiday


@pytest.mark.parametrize(
    ("lists", "minutes", "fires"),
    [
        ([MINORS], 10, True),
        ([MINORS], 9, False),
        ([on_list(APP, "audience", "staff")], 90, False),
        ([], 90, False),
    ],
)
def test_curfew_use(lists: list[RegisterList], minutes: int, fires: bool) -> None:
    known = knowledge(lists)
    findings = found(CURFEW_USE, day_case(known, uses(known, APP, 2, active=90, curfew=minutes)))
    assert [each.evidence["devices"] for each in findings] == [2] * fires
    assert known.silent.get("curfew-use", 0) == (not lists)


RIDES = [
    (ADS_FOR_MINORS, "advertising", "tencent-ads", [MINORS]),
    (THIRD_PARTY_TRACKING, "tracking", "umeng", []),
    (ADS_IN_UNIFORM_APP, "advertising", "tencent-ads", [UNIFORM]),
    (GAMES_IN_UNIFORM_APP, "game", "honor-of-kings", [UNIFORM]),
]


@pytest.mark.parametrize(("rule", "category", "party", "lists"), RIDES)
def test_third_parties_that_ride_along(
    rule: Rule, category: str, party: str, lists: list[RegisterList]
) -> None:
    known = knowledge(lists)
    party = next(each.id for each in known.catalogue.services if each.category == category)
    use = uses(known, APP, 30)

    def told(pair_category: str = category, to: str = APP, **more: object) -> list[str]:
        pair = rider(to, party, pair_category, **more)
        return [each.subject.value for each in found(rule, day_case(known, use, embeddings=(pair,)))]

    assert told() == [f"{APP} {party}"]
    assert told(accepted=False) == []
    assert told(clients=4) == []
    assert told("functional") == []  # push and captcha are neither
    assert told(to="sample-zuoye") == []  # not used that day
    if lists:
        nobody = knowledge()
        pair = rider(APP, party, category)
        assert found(rule, day_case(nobody, use, embeddings=(pair,))) == []
        assert nobody.silent == {rule.name: 1}


def test_riders_of_apps_with_another_standing() -> None:
    adults = knowledge([on_list(APP, "audience", "university"), on_list(APP, "uniform", "no")])
    ads = next(each.id for each in adults.catalogue.services if each.category == "advertising")
    case = day_case(adults, uses(adults, APP, 30), embeddings=(rider(APP, ads, "advertising"),))
    assert found(ADS_FOR_MINORS, case) == found(ADS_IN_UNIFORM_APP, case) == []
    assert adults.silent == {}


def test_weak_transport() -> None:
    known = knowledge([on_list("dingtalk", "business", "score-query")])

    def kinds(service: str, **weak: int) -> list[object]:
        case = day_case(known, uses(known, APP), weaknesses=weakness(known, service, 50, **weak))
        return [each.evidence["weak"] for each in found(WEAK_TRANSPORT, case)]

    assert kinds(APP, obsolete_version=3) == [{"obsolete-version": 3}]
    assert kinds(APP, obsolete_version=5, rsa_key_exchange=2) == [{"obsolete-version": 5}]
    assert kinds(APP, obsolete_version=2, rsa_key_exchange=2) == []
    assert kinds(APP) == []
    assert kinds("dingtalk", rsa_key_exchange=9) == [{"rsa-key-exchange": 9}]  # not education, but important
    assert kinds("umeng", rsa_key_exchange=9) == []


@pytest.mark.parametrize(
    ("lists", "devices", "fires"),
    [
        ([complete("selected", "sample-zuoye")], 5, True),
        ([complete("selected", "sample-zuoye")], 4, False),
        ([complete("selected", APP)], 50, False),
        ([on_list("sample-zuoye", "selected")], 50, False),
        ([on_list(APP, "selected", "no")], 50, True),
    ],
)
def test_unselected_app(lists: list[RegisterList], devices: int, fires: bool) -> None:
    known = knowledge(lists)
    findings = found(UNSELECTED_APP, day_case(known, uses(known, APP, devices)))
    assert [(each.subject.value, each.evidence["devices"]) for each in findings] == [(APP, devices)] * fires


def test_unselected_app_is_about_wide_use() -> None:
    known = knowledge([complete("selected", "sample-zuoye")])
    many = uses(known, "sample-zuoye", 200)
    assert found(UNSELECTED_APP, day_case(known, many, uses(known, APP, 9))) == []  # under 5% of the devices
    assert found(UNSELECTED_APP, day_case(known, many, uses(known, APP, 10)))


def test_too_many_apps() -> None:
    known = knowledge(too_many_apps={"most_apps": 3})
    ids = [each.id for each in known.catalogue.services if each.category == "education"]
    wide = [uses(known, each, 5) for each in ids[:3]]
    assert found(TOO_MANY_APPS, day_case(known, *wide, uses(known, ids[3], 4))) == []
    assert found(TOO_MANY_APPS, day_case(known, *wide, uses(known, "dingtalk", 9))) == []
    (finding,) = found(TOO_MANY_APPS, day_case(known, *wide, uses(known, ids[3], 5)))
    assert finding.evidence["apps"] == 4
    assert finding.subject.kind == "campus"


BAOMING = on_list("sample-baoming", "business", "exam-registration")


@pytest.mark.parametrize(
    ("other", "minutes", "share", "hhi"),
    [("sample-lianxi", 0, 1.0, 1.0), ("sample-lianxi", 1, 0.9091, 0.8347), ("sample-lianxi", 2, None, None)],
)
def test_single_vendor(other: str, minutes: int, share: float | None, hhi: float | None) -> None:
    known = knowledge([BAOMING, on_list(other, "business", "exam-registration")])
    parts = [uses(known, "sample-baoming", 10, interactive=1), uses(known, other, 1, interactive=minutes)]
    findings = found(SINGLE_VENDOR, day_case(known, *parts))
    told = [(each.evidence["share"], each.evidence["hhi"]) for each in findings]
    assert told == ([] if share is None else [(share, hhi)])
    assert all(each.subject.value == "样例考务科技" for each in findings)


def test_single_vendor_leaves_authorities_and_other_businesses_alone() -> None:
    known = knowledge(
        [on_list("sample-chafen", "business", "score-query"), on_list(APP, "business", "teaching")]
    )
    parts = [uses(known, "sample-chafen", 50), uses(known, APP, 50)]
    assert found(SINGLE_VENDOR, day_case(known, *parts)) == []  # an examination authority runs it itself
    few = knowledge([BAOMING])
    assert found(SINGLE_VENDOR, day_case(few, uses(few, "sample-baoming", 4))) == []


@pytest.mark.parametrize(("devices", "fires"), [(5, True), (4, False)])
def test_single_vendor_of_an_app_without_operator_counts_no_rivals(devices: int, fires: bool) -> None:
    known = knowledge([BAOMING, on_list("eudic", "business", "exam-registration")])
    assert known.service(known.catalogue.ids.index("eudic")).operator == ""
    parts = [
        uses(known, "eudic", devices, interactive=100),
        uses(known, "sample-baoming", 10, interactive=1),
    ]
    findings = found(SINGLE_VENDOR, day_case(known, *parts))
    told = [(each.subject.value, each.evidence["apps"], each.evidence["devices"]) for each in findings]
    assert told == ([("eudic", ["eudic"], 5)] if fires else [])


@pytest.mark.parametrize(
    ("rule", "status", "service"),
    [
        (BLACKLISTED_APP, "blacklist", APP),
        (BLACKLISTED_APP, "negative-list", APP),
        (BLACKLISTED_APP, "blacklist", "honor-of-kings"),  # whatever it is
        (WITHDRAWN_APP, "withdrawn", APP),
    ],
)
def test_listed_apps(rule: Rule, status: str, service: str) -> None:
    known = knowledge([on_list(APP, status, first=date(2024, 4, 26))])
    trace = uses(known, APP, interactive=0, flows=1, bytes=60)
    (finding,) = found(rule, day_case(known, trace))  # any traffic at all
    assert finding.evidence["standing"][status]["since"] == "2024-04-26"
    assert finding.evidence.get("days_since_listing", 10) == 10
    assert found(rule, day_case(known, uses(known, "sample-zuoye", 50))) == []
    assert found(rule, day_case(known, trace, on=date(2024, 4, 25))) == []  # the day before it was listed
    over = knowledge([on_list(APP, status, last=date(2024, 5, 5))])
    assert found(rule, day_case(over, uses(over, APP))) == []


def test_cleartext_personal_data() -> None:
    known = knowledge()
    leaks = (leak(known, APP, "imei", 3), leak(known, APP, "citizen-id"), leak(known, "umeng", "oaid", 2))
    app, sdk = found(CLEARTEXT_PERSONAL_DATA, day_case(known, uses(known, APP), leaks=leaks))
    by_id = {each.subject.value: each for each in (app, sdk)}
    assert by_id[APP].evidence["kinds"] == {"imei": 3, "citizen-id": 1}
    assert by_id["umeng"].subject.kind == "service"
    games = (leak(known, "dingtalk", "imei"),)
    assert found(CLEARTEXT_PERSONAL_DATA, day_case(known, uses(known, APP), leaks=games)) == []
    assert found(CLEARTEXT_PERSONAL_DATA, day_case(known, uses(known, APP))) == []
