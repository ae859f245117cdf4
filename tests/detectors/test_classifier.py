"""From the evidence of flows to their services: names, address ranges, aliases, reloads."""

from __future__ import annotations

from ipaddress import ip_address, ip_network
from typing import Any

import numpy as np

from detectors.catalogue.catalogue import Catalogue
from detectors.catalogue.categories import CATEGORIES
from detectors.catalogue.classifier import Classifier
from tests.detectors.made_services import made
from wire.flows.records import FLOW_ROW, IPV4_MAPPED
from wire.names.facts import FACTS, SOURCE_ADDRESS_RANGE
from wire.names.strings import StringTable


def test_classifier_gives_each_name_its_class(catalogue: Catalogue) -> None:
    strings = StringTable(100, 1000)
    umeng, other = strings.add(b"a.umeng.com"), strings.add(b"nothing.example")
    service, category = Classifier(catalogue, strings).classify(np.array([umeng, -1, other, umeng], np.int32))
    assert service.tolist() == [catalogue.ids.index("umeng"), -1, -1, catalogue.ids.index("umeng")]
    assert [CATEGORIES[code] for code in category] == ["tracking", "unknown", "general", "tracking"]


def test_classifier_grows_with_the_table(catalogue: Catalogue) -> None:
    strings = StringTable(5000, 100_000)
    ids = np.array([strings.add(f"{i}.duolingo.com".encode()) for i in range(3000)], np.int32)
    classifier = Classifier(catalogue, strings)
    classifier.classify(ids[:1])
    service, _ = classifier.classify(ids)
    assert set(service.tolist()) == {catalogue.ids.index("duolingo")}


def flow(address: str, port: int = 443, protocol: int = 6) -> np.void:
    made_row = np.zeros(1, FLOW_ROW)
    number = int(ip_address(address)) | (IPV4_MAPPED if ":" not in address else 0)
    made_row["server_hi"], made_row["server_lo"] = number >> 64, number & (1 << 64) - 1
    made_row["server_port"], made_row["protocol"] = port, protocol
    return made_row[0]


def unnamed(count: int) -> np.ndarray:
    facts = np.zeros(count, FACTS)
    for name in ("name", "alpn", "parameters", "dns_chain_end"):
        facts[name] = -1
    return facts


def networks(*texts: str) -> tuple[Any, ...]:
    return tuple(ip_network(text) for text in texts)


def test_address_ranges_are_the_last_resort() -> None:
    catalogue = Catalogue(
        [
            made("wide", addresses=networks("198.51.100.0/24", "2001:db8::/32")),
            made("narrow", addresses=networks("198.51.100.128/25"), ports=((7000, 7010),)),
            made("named", suffixes=("named.example",)),
        ]
    )
    strings = StringTable(10, 100)
    rows = np.array(
        [
            flow("198.51.100.1"),
            flow("198.51.100.200", 7005),
            flow("198.51.100.200", 7011),
            flow("198.51.101.0"),
            flow("198.51.99.255"),
            flow("2001:db8:ffff::1"),
            flow("198.51.100.1", protocol=1),
            flow("198.51.100.1"),
        ]
    )
    facts = unnamed(len(rows))
    facts["name"][7], facts["name_source"][7] = strings.add(b"a.named.example"), 1
    classes = Classifier(catalogue, strings).classify_flows(facts, rows)
    found = [catalogue.ids[index] if index >= 0 else None for index in classes.service.tolist()]
    assert found == ["wide", "narrow", "wide", None, None, "wide", None, "named"]
    by_address = facts["name_source"] == SOURCE_ADDRESS_RANGE
    assert by_address.tolist() == [True, True, True, False, False, True, False, False]
    assert (facts["name_confidence"][by_address] > 0).all()
    assert (facts["name"][:7] == -1).all()


def test_alpn_and_ja4_narrow_an_address_range() -> None:
    catalogue = Catalogue([made("push", addresses=networks("192.0.2.0/24"), alpn=("mqtt", "x-push"))])
    strings = StringTable(10, 100)
    rows = np.array([flow("192.0.2.1")] * 3)
    facts = unnamed(3)
    facts["alpn"] = [strings.add(b"\x02h2\x06x-push"), strings.add(b"\x02h2"), -1]
    classes = Classifier(catalogue, strings).classify_flows(facts, rows)
    assert classes.service.tolist() == [0, -1, -1]
    other = Catalogue(
        [made("app", addresses=networks("192.0.2.0/24"), ja4=("t00i000000_" + "0" * 12 + "_" + "0" * 12,))]
    )
    assert Classifier(other, strings).classify_flows(unnamed(3), rows).service.tolist() == [-1, -1, -1]


def test_a_first_party_alias_of_a_tracker_is_classed_by_both(catalogue: Catalogue) -> None:
    strings = StringTable(10, 1000)
    facts = unnamed(4)
    facts["name"] = [
        strings.add(b"m1.zybang.com"), strings.add(b"www.school.example"), strings.add(b"a.umeng.com"),
        strings.add(b"www.zybang.com"),
    ]  # fmt: skip
    facts["dns_chain_end"] = [
        strings.add(b"x.sc.omtrdc.net"), strings.add(b"cname.appsflyer.com"), strings.add(b"b.umeng.com"),
        strings.add(b"www.zybang.com.cdn.example"),
    ]  # fmt: skip
    classes = Classifier(catalogue, strings).classify_flows(facts, np.array([flow("192.0.2.1")] * 4))
    assert [CATEGORIES[code] for code in classes.category] == [
        "education",
        "general",
        "tracking",
        "education",
    ]
    behind = [catalogue.ids[index] if index >= 0 else None for index in classes.cloaked_service.tolist()]
    assert behind == ["adobe-experience-cloud", "appsflyer", None, None]
    assert [CATEGORIES[code] for code in classes.cloaked_category[:2]] == ["tracking", "tracking"]


def test_a_reload_keeps_indices_and_forgets_answers() -> None:
    first = Catalogue([made("b", suffixes=("b.example",)), made("c", suffixes=("c.example",))])
    strings = StringTable(10, 100)
    names = np.array(
        [strings.add(b"b.example"), strings.add(b"c.example"), strings.add(b"a.example")], np.int32
    )
    classifier = Classifier(first, strings)
    assert classifier.classify(names)[0].tolist() == [0, 1, -1]
    second = Catalogue(
        [made("a", suffixes=("a.example",)), made("b", "game", suffixes=("b.example",))], keep_ids=first.ids
    )
    classifier.replace(second)
    service, category = classifier.classify(names)
    assert service.tolist() == [0, -1, 2]
    assert second.ids == ("b", "c", "a")
    assert [CATEGORIES[code] for code in category] == ["game", "general", "advertising"]
