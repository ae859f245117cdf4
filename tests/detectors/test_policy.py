"""The rules over time: days and windows close in event time, whatever the blocks and their order."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import numpy as np
import pytest

from detectors.campus_networks import DEFAULT_NETWORKS
from detectors.embedding.embedding import Embedding
from detectors.findings import Finding
from detectors.networks import Networks
from detectors.parts import json_of, of_json
from detectors.policy import Policy, Told
from detectors.register.standing import Register
from detectors.rules.settings import RuleSettings
from tests.detectors.made_deltas import pair
from tests.detectors.rules.cases import complete, knowledge, on_list, rider
from wire.flows.records import DELTA, FLOW_ROW, TCP
from wire.names.certificate_check import MATCH_NO, MATCH_YES
from wire.names.facts import FACTS, TLS_CLIENT_HELLO, TLS_SERVER_HELLO
from wire.names.identifiers import IDENTIFIER_KINDS

APP = "sample-zuoye"
MINUTE = 60_000_000_000
#: 20:00 in Shanghai on Monday, 6 May 2024.
EVENING = int(datetime(2024, 5, 6, 12, tzinfo=UTC).timestamp()) * 1_000_000_000
HOUR_AGO = EVENING // 1_000_000_000 - 3_600
LISTS = [on_list(APP, "audience", "minors"), complete("provider-filing", "sample-xuetang")]


def policy(lists: Any = LISTS, **settings: Any) -> tuple[Policy, Any]:
    known = knowledge(lists, **settings)
    networks = Networks(DEFAULT_NETWORKS)
    rules, zone = known.settings, "Asia/Shanghai"
    made = Policy(known.catalogue, known.register, rules, zone, networks, known.origin, "host-{}".format)
    return made, known


def use(service: int, minutes: range, client: str = "10.0.0.9") -> tuple[np.ndarray, np.ndarray]:
    """Deltas of one device that uses an app in these minutes, and the service of each."""
    deltas = np.zeros(len(minutes), DELTA)
    deltas["flow"] = 1 + np.arange(len(minutes))
    deltas["window_start_ns"] = EVENING + np.array(minutes) * MINUTE
    deltas["client_hi"], deltas["client_lo"] = pair(client)
    deltas["server_hi"], deltas["server_lo"] = pair("203.0.113.9")
    told = {
        "server_port": 443, "protocol": TCP, "opened": 1, "answered": 1, "established": 1, "packets_c2s": 9,
        "packets_s2c": 20, "bytes_c2s": 3_000, "bytes_s2c": 30_000, "payload_bytes_c2s": 2_000,
        "payload_bytes_s2c": 28_000,
    }  # fmt: skip
    for name, value in told.items():
        deltas[name] = value
    return deltas, np.full(len(minutes), service, np.int32)


def said(told: Told) -> list[Finding]:
    return [*told.findings, *told.updates]


def run(made: Policy, deltas: np.ndarray, service: np.ndarray, cut: int = 10_000) -> list[Finding]:
    """What stands in the end: what is told again under its id replaces what was told before."""
    found: dict[str, Finding] = {}
    for at in range(0, len(deltas), cut):
        part = deltas[at : at + cut]
        made.take(part, service[at : at + cut])
        told = said(made.advance(int(part["window_start_ns"].max()) + MINUTE, all_clients=False))
        found |= {each.id: each for each in told}
    found |= {each.id: each for each in said(made.finish(all_clients=False))}
    return list(found.values())


def test_a_day_closes_ten_minutes_after_midnight_and_is_judged_by_its_date() -> None:
    made, known = policy()
    deltas, service = use(known.catalogue.ids.index(APP), range(150))
    made.take(deltas, service)
    midnight = EVENING + 240 * MINUTE
    assert said(made.advance(midnight + 9 * MINUTE, all_clients=False)) == []
    found = said(made.advance(midnight + 10 * MINUTE, all_clients=False))
    assert [each.rule for each in found] == ["unfiled-app", "usage-time", "curfew-use"]
    by_rule = {each.rule: each for each in found}
    assert by_rule["usage-time"].evidence["longest_minutes"] == 150
    assert by_rule["curfew-use"].evidence["longest_minutes"] == 30
    assert by_rule["curfew-use"].start_ns == EVENING + 120 * MINUTE
    assert said(made.finish(all_clients=False)) == []
    assert made.counters == {"use_rows_late": 0, "use_rows_shed": 0}


def test_blocks_and_order_change_nothing() -> None:
    index = policy()[1].catalogue.ids.index(APP)
    parts = [use(index, range(0, 700), f"10.0.0.{host}") for host in range(1, 5)]
    deltas, service = (np.concatenate(each) for each in zip(*parts, strict=True))
    order = np.argsort(deltas["window_start_ns"], kind="stable")
    deltas, service = deltas[order], service[order]
    told = [[each.to_json() for each in run(policy()[0], deltas, service, cut)] for cut in (1, 97, 10_000)]
    assert told[0] == told[1] == told[2]
    assert {each["rule"] for each in told[0]} == {"unfiled-app", "usage-time", "curfew-use"}
    shuffled = np.random.default_rng(1).permutation(len(deltas))
    assert [each.to_json() for each in run(policy()[0], deltas[shuffled], service)] == told[0]


def test_years_of_silence_cost_nothing() -> None:
    made, known = policy()
    index = known.catalogue.ids.index(APP)
    first, service = use(index, range(150))
    later = first.copy()
    later["window_start_ns"] += 20 * 365 * 1440 * MINUTE
    made.take(first, service)
    made.take(later, service)
    found = said(made.finish(all_clients=False))
    assert [each.rule for each in found].count("usage-time") == 2


def test_devices_outside_count_only_while_nobody_is_inside() -> None:
    made, known = policy()
    deltas, service = use(known.catalogue.ids.index(APP), range(150), "198.51.100.7")
    made.take(deltas, service)
    assert said(made.finish(all_clients=False)) == []
    made.take(*use(known.catalogue.ids.index(APP), range(3_000, 3_150), "198.51.100.7"))
    assert said(made.finish(all_clients=True))


def test_late_rows_and_rows_that_do_not_fit_are_counted() -> None:
    made, known = policy(max_use_rows=1_000)
    deltas, service = use(known.catalogue.ids.index(APP), range(1_200))
    made.take(deltas, service)
    assert made.counters["use_rows_shed"] == 200
    said(made.advance(EVENING + 10_000 * MINUTE, all_clients=False))
    made.take(deltas[:5], service[:5])
    assert made.counters["use_rows_late"] == 5


def test_other_services_are_not_kept_unless_a_list_names_them() -> None:
    made, known = policy()
    game = next(each.id for each in known.catalogue.services if each.category == "game")
    deltas, service = use(known.catalogue.ids.index(game), range(20))
    assert run(made, deltas, service) == []
    listed, _ = policy([on_list(game, "blacklist")])
    assert [each.rule for each in run(listed, deltas, service)] == ["blacklisted-app"]
    nothing, _ = policy()
    assert run(nothing, deltas, np.full(20, -1, np.int32)) == []


def test_a_reload_judges_by_the_new_and_keeps_what_was_counted() -> None:
    made, known = policy(lists=[])
    deltas, service = use(known.catalogue.ids.index(APP), range(150))
    made.take(deltas, service)
    made.judge_by(known.catalogue, Register(LISTS, known.catalogue), RuleSettings(), "Asia/Shanghai")
    found = said(made.finish(all_clients=False))
    assert {each.rule for each in found} == {"unfiled-app", "usage-time", "curfew-use"}


def test_a_restart_changes_nothing() -> None:
    lists = [*LISTS, on_list(APP, "business", "score-query")]
    whole, known = policy(lists)
    index = known.catalogue.ids.index(APP)
    first, second = policy(lists)[0], policy(lists)[0]
    deltas, service = use(index, range(150))
    kinds = 1 << IDENTIFIER_KINDS.index("imei")

    def steps(made: Policy, numbers: range) -> list[Finding]:
        found: list[Finding] = []
        for at in numbers:
            part = (deltas["window_start_ns"] - EVENING) // MINUTE // 15 == at
            made.take(deltas[part], service[part])
            made.take_rows(*connections(index, at, 30, rtt_ms=20.0 if at < 12 else 200.0, personal=kinds))
            made.take_rows(*connections(index, at, 5, tls_version=0x0301))
            found += said(made.advance(EVENING + (at + 1) * 15 * MINUTE, all_clients=False))
        return found

    expected = steps(whole, range(14)) + said(whole.finish(False))
    found = steps(first, range(6))
    second.restore({name: part.copy() for name, part in first.state().items()})
    found += steps(second, range(6, 14)) + said(second.finish(False))
    assert [each.to_json() for each in found] == [each.to_json() for each in expected]
    assert {each.rule for each in found} == {
        "unfiled-app", "usage-time", "curfew-use", "important-service-degraded", "weak-transport",
        "cleartext-personal-data",
    }  # fmt: skip


def test_a_small_service_is_found_by_its_rank_once_enough_windows_are_known() -> None:
    """Eight days of a dozen connections in a quarter of an hour, then forty; over a restart, too."""
    draw = np.random.default_rng(4)
    whole, known = policy()
    second = policy()[0]
    counts = draw.poisson(12, 8 * 96)
    counts[-3] = 40
    window = np.repeat(np.arange(len(counts)), counts)
    deltas, service = use(known.catalogue.ids.index(APP), range(len(window)))
    deltas["window_start_ns"] = EVENING + (window * 15 + draw.integers(0, 15, len(window))) * MINUTE
    early = window < 7 * 96

    def found(made: Policy) -> list[Finding]:
        told = run(made, deltas[~early], service[~early])
        return [each for each in told if each.rule == "anomalous-service"]

    whole.take(deltas[early], service[early])
    whole.advance(EVENING + 7 * 96 * 15 * MINUTE, all_clients=False)
    second.restore({name: part.copy() for name, part in whole.state().items()})
    for made in (whole, second):
        (finding,) = found(made)
        assert finding.start_ns == EVENING + (len(counts) - 3) * 15 * MINUTE
        assert finding.p_value is not None
        assert finding.p_value < 0.005
        assert next(iter(finding.evidence["deviations"])) == "flows"


def test_a_restart_under_a_catalogue_that_has_changed() -> None:
    first, known = policy()
    deltas, service = use(known.catalogue.ids.index(APP), range(150))
    first.take(deltas, service)
    parts = first.state()
    ids = json_of(parts["services"])
    ids[known.catalogue.ids.index(APP)], ids[0] = ids[0], ids[known.catalogue.ids.index(APP)]
    moved, _ = policy([complete("provider-filing")])
    moved.restore({**parts, "services": of_json(ids)})
    assert {each.subject.value for each in said(moved.finish(False))} == {known.catalogue.ids[0]}
    gone, _ = policy()
    gone.restore({**parts, "services": of_json(["x"] * len(ids))})
    assert said(gone.finish(False)) == []


def test_embeddings_are_asked_for_when_a_day_is_over() -> None:
    made, known = policy()
    tracker = next(each.id for each in known.catalogue.services if each.category == "tracking")
    asked = []

    def embeddings() -> tuple[Embedding, ...]:
        asked.append(1)
        return (rider(APP, tracker, "tracking"),)

    deltas, service = use(known.catalogue.ids.index(APP), range(20))
    made.take(deltas, service)
    assert said(made.advance(EVENING + 60 * MINUTE, False, embeddings)) == []
    assert asked == []
    found = said(made.finish(False, embeddings))
    assert [each.rule for each in found] == ["third-party-tracking", "unfiled-app"]
    assert asked == [1]


def connections(service: int, window: int, count: int, **more: Any) -> tuple[np.ndarray, ...]:
    """Flow rows of good connections in a quarter of an hour, their facts and service."""
    rows, facts = np.zeros(count, FLOW_ROW), np.zeros(count, FACTS)
    rows["flow"] = np.arange(count)
    rows["ts_start_ns"] = rows["flow_start_ns"] = EVENING + window * 15 * MINUTE
    rows["ts_end_ns"] = rows["ts_start_ns"] + MINUTE
    rows["protocol"], rows["rtt_ms"] = TCP, 20.0 + np.arange(count) % 5
    rows["packets"], rows["payload_bytes"] = 20, 2_000
    facts["tls"], facts["tls_version"] = TLS_CLIENT_HELLO | TLS_SERVER_HELLO, 0x0304
    for name, value in more.items():
        (facts if name in (FACTS.names or ()) else rows)[name] = value
    return rows, facts, np.full(count, service, np.int32)


def test_an_important_service_that_degrades() -> None:
    lists = [on_list(APP, "business", "score-query")]
    made, known = policy(lists)
    index = known.catalogue.ids.index(APP)
    for window in range(12):
        made.take_rows(*connections(index, window, 30))
    made.take_rows(*connections(index, 12, 30, rtt_ms=200.0))
    silent = connections(index, 13, 15, packets=np.array([[3, 0]] * 15), tls=0, payload_bytes=0)
    refused = connections(index, 13, 15, tcp_flags=np.array([[2, 4]] * 15), payload_bytes=0, tls=0)
    alerts = connections(index, 14, 30, tls=TLS_CLIENT_HELLO, payload_bytes=np.array([[500, 7]] * 30))
    for rows in (silent, refused, alerts):
        made.take_rows(*rows)
    found = [each for each in said(made.finish(False)) if each.rule == "important-service-degraded"]
    worse = [list(each.evidence["worse"]) for each in found]
    assert worse == [["rtt_ms"], ["failed_share"], ["failed_share"]]
    assert found[0].evidence["worse"]["rtt_ms"]["usual"] == pytest.approx(22, rel=0.1)


def test_identifiers_in_cleartext() -> None:
    made, known = policy()
    index = known.catalogue.ids.index(APP)
    kinds = IDENTIFIER_KINDS.index
    imei, phone = 1 << kinds("imei"), 1 << kinds("mobile-number")
    for window, personal, more in (
        (0, imei, {}), (1, imei | phone, {}), (2, phone, {"checkpoint": 1}), (100, phone, {}), (3, 0, {}),
    ):  # fmt: skip
        made.take_rows(*connections(index, window, 2, tls=0, personal=personal, http_host=7, **more))
    made.take_rows(*connections(-1, 3, 2, personal=phone))
    found = [each for each in said(made.finish(False)) if each.rule == "cleartext-personal-data"]
    first, later = found
    assert first.evidence["kinds"] == {"imei": 4, "mobile-number": 2}
    assert later.evidence["kinds"] == {"mobile-number": 2}
    assert first.evidence["hosts"] == {"host-7": {"imei": 4, "mobile-number": 2}}


@pytest.mark.parametrize(
    ("more", "weak"),
    [
        ({"tls_version": 0x0301}, {"obsolete-version": 5}),
        ({"tls_version": 0x0303, "tls_cipher": 0x009C}, {"rsa-key-exchange": 5}),
        ({"tls_version": 0x0302, "tls_cipher": 0x002F}, {"obsolete-version": 5, "rsa-key-exchange": 5}),
        ({"tls_version": 0x0303, "tls_cipher": 0xC02F}, None),
        ({"tls_version": 0x0304, "tls_cipher": 0x1301}, None),
        ({"cert_not_before": 1, "cert_not_after": HOUR_AGO}, {"expired-certificate": 5}),
        ({"cert_not_before": 2 * HOUR_AGO, "cert_not_after": 2 * HOUR_AGO + 9}, {"expired-certificate": 5}),
        ({"cert_not_before": 1, "cert_not_after": 2 * HOUR_AGO}, None),
        ({"tls_version": 0x0303, "cert_match": MATCH_NO}, {"mismatched-certificate": 5}),
        ({"tls_version": 0x0303, "cert_match": MATCH_YES}, None),
        ({"tls": TLS_CLIENT_HELLO, "tls_version": 0x0301}, None),  # offered, not negotiated
        ({"tls_version": 0x0301, "checkpoint": 1}, None),  # told when it ends
    ],
)
def test_weak_transport_of_a_day(more: dict[str, Any], weak: dict[str, int] | None) -> None:
    made, known = policy()
    made.take_rows(*connections(known.catalogue.ids.index(APP), 0, 5, **more))
    found = said(made.finish(False))
    assert [each.evidence["weak"] for each in found] == ([weak] if weak else [])


def test_an_earlier_row_that_comes_late_does_not_tell_a_ban_twice() -> None:
    made, known = policy([*LISTS, on_list(APP, "blacklist", "yes")])
    deltas, service = use(known.catalogue.ids.index(APP), range(30))
    made.take(deltas[5:10], service[5:10])
    (first,) = made.advance(EVENING + 10 * MINUTE, False).findings
    made.take(deltas[:5], service[:5])
    assert said(made.advance(EVENING + 11 * MINUTE, False)) == []
    over = made.finish(False)
    (update,) = over.updates
    assert (update.id, update.start_ns) == (first.id, first.start_ns)
    assert first.rule not in {finding.rule for finding in over.findings}


def test_what_is_over_is_closed_once_a_minute() -> None:
    made, known = policy()
    clock = EVENING + 1_440 * MINUTE
    assert said(made.advance(clock, all_clients=False)) == []
    made.take(*use(known.catalogue.ids.index(APP), range(150)))
    assert said(made.advance(clock + 59_000_000_000, all_clients=False)) == []
    assert said(made.advance(clock + MINUTE, all_clients=False))


def test_dates_of_findings_follow_the_campus() -> None:
    """The same traffic, a day later by another zone, is judged by that day's lists."""
    made, known = policy([replace(on_list(APP, "blacklist", first=date(2024, 5, 7)))])
    deltas, service = use(known.catalogue.ids.index(APP), range(230, 250))
    assert [each.start_ns for each in run(made, deltas, service)] == [EVENING + 240 * MINUTE]


def test_a_ban_is_told_at_once_and_again_when_the_day_is_over() -> None:
    lists = [*LISTS, on_list(APP, "blacklist", "yes")]
    made, known = policy(lists)
    deltas, service = use(known.catalogue.ids.index(APP), range(30))
    first = [made.take(deltas[:2], service[:2]), made.advance(EVENING + 2 * MINUTE, False)][1]
    assert [each.rule for each in first.findings] == ["blacklisted-app"]
    made.take(deltas[2:], service[2:])
    again = made.advance(EVENING + 31 * MINUTE, False)
    assert (again.findings, again.updates) == ([], [])
    restarted, _ = policy(lists)
    restarted.restore({name: part.copy() for name, part in made.state().items()})
    for each in (made, restarted):
        over = each.finish(False)
        (update,) = over.updates
        assert update.id == first.findings[0].id
        assert update.end_ns > first.findings[0].end_ns
        assert "blacklisted-app" not in {finding.rule for finding in over.findings}
    assert made.silent == restarted.silent
