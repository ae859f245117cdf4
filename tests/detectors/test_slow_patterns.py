"""Slow forms of patterns: what fires over hours, and near misses that do not."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta, timezone, tzinfo
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from detectors.campus_networks import DEFAULT_NETWORKS
from detectors.columns import Columns
from detectors.findings import Origin
from detectors.forest.isolation import ForestSettings
from detectors.forest.learner import Learner, Schedule
from detectors.host_rows import Ends, rows_of_hosts
from detectors.hour_rows import merged_places, places_of_minutes, rare_opens, rows_of_hours
from detectors.networks import Networks
from detectors.open_rows import rows_of_opens
from detectors.parts import within
from detectors.rules.patterns.pattern import Watch
from detectors.rules.patterns.watches import OF_HOUR_ROWS, OF_RARE_OPENS
from detectors.track import HostTrack
from detectors.waiting_rows import from_packed_state
from detectors.window_features import HOUR_NS
from detectors.windows import HostWindows
from tests.detectors.made_deltas import SILENT, START, deltas, pair, verdicts
from wire.flows.records import ICMP, TCP, UDP
from wire.names.events import EVENT, EVENT_OPEN

CAMPUS = Networks(DEFAULT_NETWORKS)
Flow = dict[str, Any]
HOUR_START = START - START % HOUR_NS + HOUR_NS


#: Zones in which the hours that are seen begin at nine, and at midnight.
BY_DAY, BY_NIGHT = timezone(timedelta(hours=10)), timezone(timedelta(hours=1))


def seen(
    hours: int, flows_of_minute: Callable[[int], list[Flow]], zone: tzinfo = BY_DAY, named: int = 0
) -> set[tuple[str, int]]:
    """(pattern, last byte of the host) over some hours; the flows of a minute by its number."""
    watches = [Watch(pattern, 100_000) for pattern in OF_HOUR_ROWS]
    found = set()
    for hour in range(hours):
        told = [
            {"minute": 60 * hour + minute, "flow": 10_000 * hour + 100 * minute + at, **flow}
            for minute in range(60)
            for at, flow in enumerate(flows_of_minute(60 * hour + minute))
        ]
        if not told:
            continue
        made = deltas(*told)
        made["window_start_ns"] += HOUR_START - START
        known = verdicts(made, named=[named] * len(made))
        places = places_of_minutes(Columns(rows_of_hosts(made, known, Ends.of(made, CAMPUS))))
        rows = rows_of_hours(places, zone)
        for watch in watches:
            found |= {(signal.pattern or "", signal.host[1] & 255) for signal in watch.take(rows)}
    return found


def every(minutes: int, flow: Callable[[int], Flow]) -> Callable[[int], list[Flow]]:
    return lambda minute: [flow(minute // minutes)] if minute % minutes == 0 else []


SSH: Flow = {
    "server": "10.0.0.9", "server_port": 22, "flags_c2s": 0x1B, "flags_s2c": 0x1B, "bytes_s2c": 3000,
}  # fmt: skip


def neighbour(at: int) -> str:
    return f"10.9.{at // 200}.{at % 200}"


def sent(kib: int, back_kib: int = 20, to: str = "9.8.7.6") -> Flow:
    return {"server": to, "bytes_c2s": kib << 10, "bytes_s2c": back_kib << 10}


FIRE: dict[str, Callable[[int], list[Flow]]] = {
    "scan-horizontal": every(1, lambda at: {"server": neighbour(at), "server_port": 445, **SILENT}),
    "scan-vertical": every(5, lambda at: {"server": "10.9.0.1", "server_port": 1000 + at, **SILENT}),
    "exfiltration": every(10, lambda at: sent(1200)),
    "brute-force": every(3, lambda at: SSH),
    "lateral-movement": every(12, lambda at: {"server": neighbour(at), "server_port": 445}),
}
SILENT_CASES: dict[str, Callable[[int], list[Flow]]] = {
    "a dead printer": every(1, lambda at: {"server": "10.9.0.1", "server_port": 9100, **SILENT}),
    "peer-to-peer": every(
        1, lambda at: {"server": f"9.9.0.{at % 200}", "server_port": 20_000 + at, **SILENT}
    ),
    "contacts that mostly answer": every(
        1, lambda at: {"server": neighbour(at), "server_port": 443, **(SILENT if at % 2 else {})}
    ),
    "a few files": every(60, lambda at: sent(2048)),
    "downloads": every(10, lambda at: sent(2048, 40_960)),
    "a backup server inside": every(10, lambda at: sent(20_480, to="10.0.0.8")),
    "an hourly copy": every(60, lambda at: SSH),
    "a few file servers": every(5, lambda at: {"server": neighbour(at % 7), "server_port": 445}),
    "web servers inside": every(5, lambda at: {"server": neighbour(at), "server_port": 443}),
}


def test_an_hour_holds_only_rows_that_it_is_made_of() -> None:
    made = deltas(
        {"server": "10.0.0.2", "flow": 1},  # inside, both ends make a row
        {"server": "1.1.1.1", "server_port": 53, "protocol": UDP, "flow": 2},
        {"server": "1.1.1.1", "protocol": ICMP, "flow": 3},
        {"server": "239.1.1.1", "protocol": UDP, "flow": 4, "answered": 0},
    )
    rows = rows_of_hosts(made, verdicts(made), Ends.of(made, CAMPUS))
    track = HostTrack(
        Learner(ForestSettings(), Schedule()), Origin("campus", "sensor", b"key"), 1.0, max_open_rows=5
    )
    track.add("host", rows)
    track.advance(START + 60_000_000_000)
    held = from_packed_state(within("place-hours/windows", track.state()))[0].rows()
    assert sorted(held["server_port"].tolist()) == [53, 443]
    assert track.counters["rows_shed"] == 0


_BITS = st.integers(0, 1)


@given(
    st.lists(
        st.tuples(st.integers(1, 2), st.integers(1, 3), st.integers(22, 23), st.integers(0, 2), _BITS, _BITS),
        min_size=1,
        max_size=24,
    ),
    st.integers(0, 24),
)
def test_an_hour_is_the_same_however_its_rows_were_made_one(
    flows: list[tuple[int, int, int, int, int, int]], at: int
) -> None:
    """All at once, in two parts, and in the other order; against counting one by one."""
    made = deltas(
        *(
            {"client": f"10.0.0.{host}", "server": f"1.1.1.{peer}", "server_port": port, "bytes_c2s": much,
             "answered": answered, "opened": opened, "flow": number, "minute": number % 3}
            for number, (host, peer, port, much, answered, opened) in enumerate(flows)
        )
    )  # fmt: skip
    rows = rows_of_hosts(made, verdicts(made), Ends.of(made, CAMPUS))
    rows["category"] = np.arange(len(rows)) % 5
    whole = places_of_minutes(Columns(rows))
    parts = [places_of_minutes(Columns(part)) for part in (rows[at:], rows[:at])]
    again = merged_places(np.concatenate(parts))
    assert again.tobytes() == whole.tobytes()
    seen: dict[tuple[int, ...], list[int]] = {}
    for row in rows:
        key = tuple(int(row[name]) for name in ("host_lo", "peer_lo", "server_port"))
        sums = seen.setdefault(key, [0, 0, 0, -1, 0])
        sums[0] += int(row["bytes_out"])
        sums[1] += int(row["opened"])
        sums[2] += int(row["failed"])
        sums[3:] = max(sums[3:], [int(row["bytes_out"]), int(row["category"])])
    place = ("host_lo", "peer_lo", "server_port")
    told = ("bytes_out", "opened", "failed", "most_bytes_out", "category")
    assert [seen[tuple(int(row[of]) for of in place)] for row in whole] == [
        [int(row[of]) for of in told] for row in whole
    ]
    assert len(seen) == len(whole)


def test_a_host_that_comes_again_takes_no_more_room() -> None:
    made = deltas(*({"server": neighbour(at % 40), "flow": at} for at in range(400)))
    rows = places_of_minutes(Columns(rows_of_hosts(made, verdicts(made), Ends.of(made, CAMPUS))))
    own = rows[rows["peer_internal"] == 1]
    windows = HostWindows(3 * len(own), HOUR_NS, merged_places)
    for _ in range(60):
        windows.add(own)
    assert windows.shed == 0
    kept = windows.finish()
    assert kept is not None
    assert len(kept) == len(own)
    assert kept["opened"].sum() == 60 * own["opened"].sum()


@pytest.mark.parametrize("case", FIRE)
def test_fires(case: str) -> None:
    assert seen(8, FIRE[case]) == {(case, 1)}


@pytest.mark.parametrize("case", SILENT_CASES)
def test_stays_silent(case: str) -> None:
    assert seen(12, SILENT_CASES[case]) == set()


def test_what_goes_out_at_night_needs_no_missing_name() -> None:
    dawn = 5 * 60  # of the night one hour is left
    assert seen(6, FIRE["exfiltration"], BY_NIGHT, named=1) == {("exfiltration", 1)}
    assert seen(9, FIRE["exfiltration"], BY_DAY, named=1) == set()
    late = every(10, lambda at: sent(1200 if 10 * at >= dawn else 1))
    assert seen(9, late, BY_NIGHT, named=1) == set()


def test_a_store_that_many_send_to_is_no_exfiltration() -> None:
    def many(minute: int) -> list[Flow]:
        if minute % 10:
            return []
        return [{"client": f"10.0.0.{h}", **sent(3072)} for h in range(1, 6)]

    assert seen(8, many) == set()


def beacons(times_seconds: NDArray[np.float64], hosts: int = 1) -> int:
    """Signs of a slow beacon when each of some hosts opens one place at these times."""
    watch = Watch(OF_RARE_OPENS[0], 100_000)
    signs = 0
    for hour in range(int(times_seconds.max() // 3600) + 1):
        times = times_seconds[(times_seconds >= 3600 * hour) & (times_seconds < 3600 * (hour + 1))]
        events = np.zeros(len(times) * hosts, EVENT)
        events["kind"], events["protocol"], events["server_port"] = EVENT_OPEN, TCP, 443
        events["timestamp_ns"] = np.tile(HOUR_START + (times * 1e9).astype(np.int64), hosts)
        events["client_lo"] = pair("10.0.0.1")[1] + np.repeat(np.arange(hosts), len(times)).astype(np.uint64)
        events["server_lo"] = pair("1.2.3.4")[1]
        rows = rare_opens(rows_of_opens(events))
        if len(rows):
            signs += len(watch.take(rows))
    return signs


@pytest.mark.parametrize("seed", range(10))
def test_a_beacon_every_ten_minutes_with_jitter_fires(seed: int) -> None:
    jitter = np.random.default_rng(seed).uniform(-0.3, 0.3, 48)
    assert beacons(600 * np.arange(1, 49) + 600 * jitter) > 0


@pytest.mark.parametrize("seconds", [21, 40, 60])
def test_periods_between_the_two_forms_are_seen(seconds: int) -> None:
    jitter = np.random.default_rng(seconds).uniform(-0.1, 0.1, 600)
    assert beacons(seconds * (np.arange(1, 601) + jitter)) > 0


@pytest.mark.parametrize(("minutes", "fires"), [(19, True), (25, False)])
def test_periods_over_twenty_minutes_are_not_seen(minutes: int, fires: bool) -> None:
    assert (beacons(60.0 * minutes * np.arange(40)) > 0) == fires


def test_what_many_hosts_call_regularly_is_no_beacon() -> None:
    assert beacons(600.0 * np.arange(48), hosts=3) == 0


def test_random_calls_are_seldom_a_beacon() -> None:
    fired = 0
    for seed in range(60):
        fired += beacons(np.cumsum(np.random.default_rng(seed).exponential(600, 40))) > 0
    assert fired <= 3
