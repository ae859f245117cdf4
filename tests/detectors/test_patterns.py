"""Each pattern: a loud case that fires, and near misses that do not."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from detectors.campus_networks import DEFAULT_NETWORKS
from detectors.host_rows import Ends, rows_of_hosts
from detectors.minutes import summarise
from detectors.networks import Networks
from detectors.open_rows import rows_of_opens
from detectors.rules.patterns.beacon import BEACON
from detectors.rules.patterns.pattern import Pattern, Watch
from detectors.rules.patterns.watches import OF_HOST_ROWS, PATTERN_NAMES
from tests.detectors.made_deltas import MINUTE, SILENT, START, deltas, pair, verdicts
from wire.flows.records import ARP, ICMP, TCP, UDP
from wire.names.events import EVENT

CAMPUS = Networks(DEFAULT_NETWORKS)
Flow = dict[str, Any]


def patterns(*minutes: list[Flow]) -> set[tuple[str, int]]:
    """(pattern, last byte of the host) that the host patterns see, a list of flows a minute."""
    watches = [Watch(pattern, 10_000) for pattern in OF_HOST_ROWS]
    seen = set()
    for minute, flows in enumerate(minutes):
        made = deltas(
            *({"minute": minute, "flow": 1000 * minute + at, **flow} for at, flow in enumerate(flows))
        )
        rows = rows_of_hosts(made, verdicts(made), Ends.of(made, CAMPUS))
        summarise(rows)
        for watch in watches:
            seen |= {(signal.pattern or "", signal.host[1] & 255) for signal in watch.take(rows)}
    return seen


def scan(ports: range = range(1), hosts: range = range(1), **more: Any) -> list[Flow]:
    return [
        {"server": f"10.9.0.{host}", "server_port": port, **SILENT, **more}
        for host in hosts
        for port in ports
    ]


SSH_TRY: Flow = {
    "server": "10.0.0.9", "server_port": 22, "flags_c2s": 0x1B, "flags_s2c": 0x1B, "bytes_s2c": 3000,
}  # fmt: skip
PING: Flow = {
    "protocol": ICMP, "server": "10.0.0.9", "established": 0, "packets_c2s": 25, "packets_s2c": 25,
    "bytes_c2s": 2450, "bytes_s2c": 2450,
}  # fmt: skip

UPLOAD: Flow = {"server": "9.8.7.6", "opened": 1, "bytes_s2c": 200_000}
WEB_TRY: Flow = {
    "server": "10.0.0.9", "server_port": 80, "flags_c2s": 0x1B, "flags_s2c": 0x1B,
    "payload_bytes_c2s": 312, "payload_bytes_s2c": 1804,
}  # fmt: skip
ANSWERS: Flow = {"protocol": UDP, "server_port": 123, "packets_c2s": 0, "bytes_c2s": 0, "established": 0}

FIRE = {
    "scan-vertical": [scan(ports=range(1, 21))],
    "scan-vertical, refused": [scan(ports=range(1, 21), answered=1, packets_s2c=1, flags_s2c=0x14)],
    "scan-vertical, over minutes": [scan(ports=range(5 * m, 5 * m + 5)) for m in range(4)],
    "scan-horizontal": [scan(hosts=range(1, 31), ports=range(445, 446))],
    "scan-horizontal, over minutes": [scan(hosts=range(10 * m, 10 * m + 10)) for m in range(3)],
    "address-sweep": [scan(hosts=range(1, 101), protocol=ARP)],
    "address-sweep, by ping": [scan(hosts=range(1, 101), protocol=ICMP)],
    "brute-force": [[SSH_TRY] * 6, [SSH_TRY] * 6],
    "flood": [scan(hosts=range(1), ports=range(80, 81)) * 1000],
    "flood, of datagrams": [scan(protocol=UDP, packets_c2s=60_000)],
    "flood, of pings": [[{**PING, "packets_c2s": 6000, "packets_s2c": 6000}]],
    "icmp-tunnel": [[{**PING, "bytes_s2c": 25_000}]],
    "lateral-movement": [[{"server": f"10.7.0.{h}", "server_port": 445} for h in range(10)]],
    "exfiltration": [[{**UPLOAD, "bytes_c2s": 30 << 20}], [{**UPLOAD, "bytes_c2s": 30 << 20}]],
    "brute-force, of a web login": [[WEB_TRY] * 40, [WEB_TRY] * 40],
    "brute-force, of a web login, most of it at first": [[WEB_TRY] * tries for tries in (25, 11, 11, 11, 11)],
    "flood, amplified": [
        [{**ANSWERS, "server": f"9.9.9.{h}", "packets_s2c": 400, "bytes_s2c": 190_000} for h in range(20)]
    ],
}

#: Loud forms that are two things at once.
FIRE_TOGETHER: dict[str, tuple[set[str], list[list[Flow]]]] = {
    "a scan that aims anywhere": (
        {"worm", "scan-horizontal"},
        [[{"server": f"{net}.{net}.3.4", "server_port": 445, **SILENT} for net in range(11, 140)]],
    ),
}

SILENT_CASES = {
    "fourteen ports": [scan(ports=range(1, 15))],
    "ports that mostly answer": [scan(ports=range(1, 16)) + [{"server": "10.9.0.0", "server_port": p}
                                                             for p in range(100, 120)]],
    "traceroute": [scan(ports=range(33434, 33500), protocol=UDP)],
    "a resolver whose contacts mostly answer": [
        scan(hosts=range(30), ports=range(53, 54), protocol=UDP)
        + [{"server": f"10.8.0.{h}", "server_port": 53, "protocol": UDP} for h in range(40)]
    ],
    "peers on many ports": [
        [{"server": f"10.9.0.{h}", "server_port": 20000 + h, **SILENT} for h in range(60)]
    ],
    "twenty-four addresses": [scan(hosts=range(24), protocol=ARP)],
    "scan too slow for minutes": [scan(hosts=range(2 * m, 2 * m + 2)) for m in range(20)],
    "nine logins": [[SSH_TRY] * 9],
    "long ssh sessions": [[{**SSH_TRY, "bytes_s2c": 100_000}] * 20],
    "open ssh sessions": [[{**SSH_TRY, "flags_c2s": 0x1A, "flags_s2c": 0x1A}] * 20],
    "https": [[{**SSH_TRY, "server_port": 443}] * 50],
    "an honest ping": [[PING]],
    "answers to a spoofed flood": [
        [{"client": f"9.9.{h % 200}.{h // 200}", "server": "10.0.0.1", "established": 0} for h in range(400)]
    ],
    "seven servers that are administered": [
        [{"server": f"10.7.0.{h}", "server_port": 22} for h in range(7)]
    ],
    "many web servers inside": [[{"server": f"10.7.0.{h}", "server_port": 443} for h in range(60)]],
    "remote desktops outside": [[{"server": f"9.7.0.{h}", "server_port": 3389} for h in range(20)]],
    "a large download": [[{**UPLOAD, "bytes_c2s": 5 << 20, "bytes_s2c": 900 << 20}]],
    "a large upload inside": [[{**UPLOAD, "server": "10.0.0.7", "bytes_c2s": 300 << 20}]],
    "an upload of forty megabytes": [[{**UPLOAD, "bytes_c2s": 40 << 20}]],
    "pages of a web site": [
        [{**WEB_TRY, "payload_bytes_c2s": 300 + 7 * at % 90, "payload_bytes_s2c": 900 * at}
         for at in range(1, 90)]
    ],
    "a resolver that answers much": [
        [{**ANSWERS, "server": "9.9.9.9", "server_port": 53, "packets_c2s": 5000, "packets_s2c": 5000,
          "bytes_c2s": 400_000, "bytes_s2c": 900_000, "answered": 1}]
    ],
    "a silent minute": [[], []],
}  # fmt: skip


@pytest.mark.parametrize("case", FIRE)
def test_fires(case: str) -> None:
    assert patterns(*FIRE[case]) == {(case.split(",")[0], 1)}


@pytest.mark.parametrize("case", SILENT_CASES)
def test_stays_silent(case: str) -> None:
    assert patterns(*SILENT_CASES[case]) == set()


def test_the_target_of_a_flood_is_told() -> None:
    flood = [
        {"client": f"9.9.{at % 200}.{at // 200}", "server": "10.0.0.7", "server_port": 80, "established": 0}
        for at in range(1200)
    ]
    assert patterns(flood) == {("flood", 7)}


@pytest.mark.parametrize("case", FIRE_TOGETHER)
def test_fires_as_several(case: str) -> None:
    names, minutes = FIRE_TOGETHER[case]
    assert patterns(*minutes) == {(name, 1) for name in names}


def test_a_scan_that_spreads_is_a_worm_on_both_hosts() -> None:
    def scans(client: str, net: int) -> list[Flow]:
        vain = [{"server": f"10.{net}.0.{h}", "server_port": 445, **SILENT} for h in range(30)]
        return [{"client": client, **flow} for flow in vain]

    reached: Flow = {"client": "10.0.0.1", "server": "10.0.0.2", "server_port": 445}
    spread = [[*scans("10.0.0.1", 5), reached], scans("10.0.0.2", 6)]
    assert {each for each in patterns(*spread) if each[0] == "worm"} == {("worm", 1), ("worm", 2)}
    apart = [scans("10.0.0.1", 5), scans("10.0.0.2", 6)]
    assert {name for name, _ in patterns(*apart)} == {"scan-horizontal"}
    datagrams = [{**flow, "protocol": UDP} for flow in scans("10.0.0.2", 6)]
    otherwise = [[*scans("10.0.0.1", 5), reached], datagrams]  # what it scans is not how it was reached
    assert {name for name, _ in patterns(*otherwise)} == {"scan-horizontal"}
    both = [[*scans("10.0.0.1", 5), reached], scans("10.0.0.2", 6) + datagrams[:20]]
    assert {each for each in patterns(*both) if each[0] == "worm"} == {("worm", 1), ("worm", 2)}


def test_the_target_of_login_attempts_in_one_network_is_no_worm() -> None:
    addresses = [f"10.9.{h // 200}.{h % 200}" for h in range(300)]
    neighbours = [[{"server": address, "server_port": 445, **SILENT} for address in addresses]]
    assert patterns(*neighbours) == {("scan-horizontal", 1)}


def test_what_no_span_reaches_any_more_is_let_go() -> None:
    """Also when nothing comes that a pattern looks for: a flood's rows would else lie there until then."""
    watches = [Watch(pattern, 10_000) for pattern in OF_HOST_ROWS]
    longest = max(pattern.span for pattern in OF_HOST_ROWS)
    busy = [*scan(range(1, 200)), *[SSH_TRY] * 20, PING, UPLOAD, WEB_TRY]
    held = []
    for minute in range(longest + 1):
        made = deltas(*({"minute": minute, "flow": at, **flow} for at, flow in enumerate(busy or [{}])))
        rows = rows_of_hosts(made, verdicts(made), Ends.of(made, CAMPUS))
        summarise(rows)
        for watch in watches:
            watch.take(rows)
        held.append(sum(len(watch.state().get("recent", ())) for watch in watches))
        busy = []
    assert held[0] > 200
    assert held[-1] == 0


def test_the_closed_set() -> None:
    assert PATTERN_NAMES == (
        "address-sweep", "beacon", "brute-force", "dga", "dns-tunnel", "exfiltration", "flood", "icmp-tunnel",
        "lateral-movement", "mining", "scan-horizontal", "scan-vertical", "worm",
    )  # fmt: skip


def opens(times: NDArray[np.float64]) -> NDArray[np.void]:
    events = np.zeros(len(times), EVENT)
    events["timestamp_ns"] = START + (times * 1e9).astype(np.int64)
    events["flow"] = np.arange(len(times))
    events["protocol"] = TCP
    events["client_hi"], events["client_lo"] = pair("10.0.0.1")
    events["server_hi"], events["server_lo"] = pair("1.2.3.4")
    events["server_port"] = 443
    return rows_of_opens(events)


def beacons(times: NDArray[np.float64]) -> int:
    return len(Watch(BEACON, 1000).take(opens(times)))


def test_beacon_with_jitter_fires_and_random_opens_do_not() -> None:
    random = np.random.default_rng(4)
    assert beacons(np.cumsum(5 + random.uniform(-1.5, 1.5, 40))) > 0
    fired = sum(beacons(np.cumsum(random.exponential(5, 40))) > 0 for _ in range(200))
    assert fired <= 6  # 3% of runs of wholly random opens
    assert beacons(np.arange(40) * 0.2) == 0  # a burst is no beacon
    assert beacons(np.arange(8) * 10.0) == 0  # too few
    assert MINUTE == 60 * 10**9


@pytest.mark.parametrize("pattern", [each for each in OF_HOST_ROWS if each.least_rows > 1])
def test_hosts_that_are_passed_over_would_give_no_sign(pattern: Pattern) -> None:
    """With and without the bound, minute by minute: quiet hosts, one at it, one above it, one in bursts."""
    random = np.random.default_rng(9)
    watches = [Watch(each, 10_000) for each in (pattern, replace(pattern, least_rows=1))]
    told = 0
    for minute in range(12):
        tries = {1: 3, 2: 12, 3: 14, 4: int(random.integers(0, 50)), 5: 59 * (minute == 4)}
        flows = [
            {**WEB_TRY, "client": f"10.0.0.{host}", "minute": minute, "flow": 6_000 * host + 60 * minute + at}
            for host, many in tries.items()
            for at in range(many)
        ]
        made = deltas(*flows)
        rows = rows_of_hosts(made, verdicts(made), Ends.of(made, CAMPUS))
        signals, expected = (watch.take(rows) for watch in watches)
        assert signals == expected
        told += len(signals)
    assert told > 0
