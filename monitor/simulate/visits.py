"""What devices do in a scenario: which name they call when, how, and with what volume.

A visit becomes a connection, and a DNS query before it where the name is not in the cache. The
random draws of each part come from a stream of their own, so that adding an app does not change
what the others do.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from monitor.simulate.habits import Habits
from monitor.simulate.hosts import Hosts
from monitor.simulate.people import People
from monitor.simulate.scenario import App, Scenario
from monitor.simulate.service_incidents import surges, uploads
from monitor.simulate.streams import stream

#: How a visit is made.
TLS, QUIC, HTTP, PUSH, TLS12, TLS10, TLS_RSA, SILENT = range(8)
_OF_TRANSPORT = {"modern": TLS, "tls12": TLS12, "tls10": TLS10, "rsa": TLS_RSA, "http": HTTP}
_MINUTE_NS, _SECOND_NS, _DAY_HOURS = 60_000_000_000, 1_000_000_000, 24.0

VISIT = np.dtype(
    [
        ("start_ns", "i8"),
        ("down_bytes", "i8"),  # payload from the server, beside the opening
        ("up_bytes", "i8"),
        ("device", "i4"),
        ("host", "i4"),
        ("app", "i4"),  # place in Scenario.apps of the app that called, -1 none: what is the truth
        ("how", "u1"),
        ("page", "i4"),  # host of the page or app that led here, -1 none: HTTP's Referer
    ]
)


@dataclass(frozen=True, slots=True)
class Sessions:
    """Sessions of one app: device int32[n], start_ns and length_ns int64[n]."""

    device: NDArray[np.int32]
    start_ns: NDArray[np.int64]
    length_ns: NDArray[np.int64]


def visits_of(scenario: Scenario, people: People, hosts: Hosts) -> NDArray[np.void]:
    """Every visit of the scenario, VISIT in order of time. Raises ScenarioError."""
    habits = Habits(scenario)
    sessions = _all_sessions(scenario, people, habits)
    parts = [
        _app_visits(scenario, number, sessions[app.service], len(people), hosts)
        for number, app in enumerate(scenario.apps)
    ]
    parts += [
        _push(scenario, people, hosts),
        _trackers(scenario, people, hosts, habits),
        _updates(scenario, people, hosts, habits),
        _failures(scenario, people, hosts, habits),
        _pages(scenario, people, hosts, habits),
    ]
    visits = np.concatenate(parts)
    end_ns = scenario.start_ns + int(scenario.hours * 3_600 * _SECOND_NS)
    visits = visits[(visits["start_ns"] >= scenario.start_ns) & (visits["start_ns"] < end_ns)]
    return visits[np.lexsort((visits["host"], visits["device"], visits["start_ns"]))]


def _all_sessions(scenario: Scenario, people: People, habits: Habits) -> dict[str, Sessions]:
    """Sessions by service, those that another app brings about included."""
    found = {app.service: _sessions(scenario, app, people, habits) for app in scenario.apps}
    for pair in scenario.together:
        draw = stream(scenario.seed, "together", pair.first, pair.second)
        first = found[pair.first]
        led = np.flatnonzero(draw.random(len(first.device)) < pair.share)
        shift = (draw.normal(0, 60, len(led)) * _SECOND_NS).astype(np.int64)
        second = found[pair.second]
        found[pair.second] = Sessions(
            np.concatenate([second.device, first.device[led]]),
            np.concatenate([second.start_ns, first.start_ns[led] + shift]),
            np.concatenate([second.length_ns, first.length_ns[led]]),
        )
    return found


def _sessions(scenario: Scenario, app: App, people: People, habits: Habits) -> Sessions:
    draw = stream(scenario.seed, "sessions", app.service)
    users = np.flatnonzero(draw.random(len(people)) < app.users)
    eager = draw.gamma(4.0, 0.25, len(users))  # some open it often, some seldom
    count = draw.poisson(eager * app.sessions_per_day * habits.days)
    device = np.repeat(users, count).astype(np.int32)
    length = np.clip(draw.lognormal(np.log(app.minutes), 0.5, len(device)), 0.5, 180)
    fixed = (*app.uses, *surges(scenario, app, len(people)))
    return Sessions(
        np.concatenate([device, np.array([use.device for use in fixed], np.int32)]),
        np.concatenate(
            [
                habits.draw(len(device), draw),
                np.array(
                    [scenario.start_ns + int(use.start_hours * 60 * _MINUTE_NS) for use in fixed], np.int64
                ),
            ]
        ),
        (np.concatenate([length, np.array([use.minutes for use in fixed])]) * _MINUTE_NS).astype(np.int64),
    )


def _app_visits(
    scenario: Scenario, number: int, sessions: Sessions, people: int, hosts: Hosts
) -> NDArray[np.void]:
    """An app's own calls, and those of what rides along."""
    app = scenario.apps[number]
    draw = stream(scenario.seed, "visits", app.service)
    own = hosts.of_service(app.service)
    how = _OF_TRANSPORT[app.transport]
    minutes = sessions.length_ns / _MINUTE_NS
    calls = 1 + draw.poisson(1.2 * minutes)
    of = np.repeat(np.arange(len(calls)), calls)
    first = np.concatenate([[0], np.cumsum(calls)[:-1]]) if len(calls) else np.zeros(0, np.int64)
    within = (draw.random(len(of)) * sessions.length_ns[of]).astype(np.int64)
    within[first] = 0
    visits = _visits(len(of))
    visits["start_ns"] = sessions.start_ns[of] + within
    visits["device"] = sessions.device[of]
    visits["host"] = own[np.minimum(draw.geometric(0.5, len(of)) - 1, len(own) - 1)]
    visits["how"] = how
    if app.transport == "modern":
        visits["how"][draw.random(len(of)) < 0.15] = QUIC
    each = app.kilobytes * 1_000 * draw.pareto(1.7, len(of)) / 1.4
    visits["down_bytes"] = np.minimum(each / np.maximum(calls[of], 1) + 800, 2e9)
    visits["up_bytes"] = draw.integers(200, 3_000, len(of))
    visits["app"] = number
    parts = [visits, _uploads(scenario, number, own, people)]
    for third, share in app.embeds.items():
        parts.append(_riding(scenario, number, third, share, sessions, hosts))
    return np.concatenate(parts)


def _uploads(scenario: Scenario, number: int, own: NDArray[np.int32], people: int) -> NDArray[np.void]:
    """What is sent to an app in its incidents."""
    parts = [_visits(0)]
    for each in uploads(scenario, scenario.apps[number], people):
        visits = _visits(len(each.device))
        visits["start_ns"], visits["device"], visits["up_bytes"] = each.start_ns, each.device, each.up_bytes
        visits["host"], visits["down_bytes"], visits["app"] = own[0], 400, number
        parts.append(visits)
    return np.concatenate(parts)


def _riding(
    scenario: Scenario, number: int, third: str, share: float, sessions: Sessions, hosts: Hosts
) -> NDArray[np.void]:
    """A third party in a share of the sessions: soon after the start, then now and then."""
    app = scenario.apps[number]
    draw = stream(scenario.seed, "riding", app.service, third)
    with_it = np.flatnonzero(draw.random(len(sessions.device)) < share)
    later = draw.poisson(0.15 * sessions.length_ns[with_it] / _MINUTE_NS)
    calls = 1 + later
    of = np.repeat(np.arange(len(with_it)), calls)
    first = np.concatenate([[0], np.cumsum(calls)[:-1]]) if len(calls) else np.zeros(0, np.int64)
    within = (draw.random(len(of)) * sessions.length_ns[with_it][of]).astype(np.int64)
    within[first] = (draw.exponential(8.0, len(with_it)) * _SECOND_NS).astype(np.int64)
    names = hosts.of_service(third)
    visits = _visits(len(of))
    visits["start_ns"] = sessions.start_ns[with_it][of] + within
    visits["device"] = sessions.device[with_it][of]
    visits["host"] = names[draw.integers(0, len(names), len(of))]
    visits["how"] = HTTP if app.transport == "http" else TLS
    visits["down_bytes"] = draw.integers(300, 20_000, len(of))
    visits["up_bytes"] = draw.integers(300, 4_000, len(of))
    visits["app"] = number
    visits["page"] = hosts.of_service(app.service)[0]
    return visits


def _push(scenario: Scenario, people: People, hosts: Hosts) -> NDArray[np.void]:
    """A connection to a push service that is kept for hours and beats every few minutes."""
    services = scenario.background.push
    if not services:
        return _visits(0)
    draw = stream(scenario.seed, "push")
    chosen = draw.integers(0, len(services), len(people))
    each = int(np.ceil(scenario.hours / 6.0))
    device = np.repeat(np.arange(len(people)), each)
    visits = _visits(len(device))
    number = np.tile(np.arange(each), len(people))
    hours = (number + draw.random(len(device))) * 6
    visits["start_ns"] = scenario.start_ns + (hours * 3_600e9).astype(np.int64)
    visits["device"] = device
    names = [hosts.of_service(service)[0] for service in services]
    visits["host"] = np.array(names, np.int32)[chosen[device]]
    visits["how"] = PUSH
    visits["down_bytes"], visits["up_bytes"] = 60, 60
    return visits


def _trackers(scenario: Scenario, people: People, hosts: Hosts, habits: Habits) -> NDArray[np.void]:
    """Calls of trackers that nobody's app has to do with; two thirds while the device is in use."""
    parts = [_visits(0)]
    for service, per_day in scenario.background.trackers.items():
        draw = stream(scenario.seed, "trackers", service)
        count = draw.poisson(per_day * scenario.hours / _DAY_HOURS * draw.gamma(4.0, 0.25, len(people)))
        device = np.repeat(np.arange(len(people)), count)
        visits = _visits(len(device))
        awake = draw.random(len(device)) < 2 / 3
        visits["start_ns"] = np.where(
            awake, habits.draw(len(device), draw), habits.draw_any(len(device), draw)
        )
        visits["device"] = device
        names = hosts.of_service(service)
        visits["host"] = names[draw.integers(0, len(names), len(device))]
        visits["down_bytes"] = draw.integers(300, 6_000, len(device))
        visits["up_bytes"] = draw.integers(300, 3_000, len(device))
        parts.append(visits)
    return np.concatenate(parts)


def _updates(scenario: Scenario, people: People, hosts: Hosts, habits: Habits) -> NDArray[np.void]:
    """Updates of systems and apps: large, and no use of anything."""
    draw = stream(scenario.seed, "updates")
    count = draw.poisson(scenario.background.updates_per_day * scenario.hours / _DAY_HOURS, len(people))
    device = np.repeat(np.arange(len(people)), count)
    visits = _visits(len(device))
    visits["start_ns"] = habits.draw_any(len(device), draw)
    visits["device"] = device
    names = np.array([hosts.add(f"dl{number}.update.example.net") for number in range(4)], np.int32)
    visits["host"] = names[draw.integers(0, len(names), len(device))]
    visits["down_bytes"] = 1e6 * np.minimum(draw.pareto(1.2, len(device)) * 8 + 2, 300)
    visits["up_bytes"] = draw.integers(300, 2_000, len(device))
    return visits


def _failures(scenario: Scenario, people: People, hosts: Hosts, habits: Habits) -> NDArray[np.void]:
    """Servers that are gone: every network has some."""
    draw = stream(scenario.seed, "failures")
    count = draw.poisson(scenario.background.failures_per_day * scenario.hours / _DAY_HOURS, len(people))
    device = np.repeat(np.arange(len(people)), count)
    visits = _visits(len(device))
    visits["start_ns"] = habits.draw(len(device), draw)
    visits["device"] = device
    names = np.array([hosts.add(f"old{number}.example.org") for number in range(12)], np.int32)
    visits["host"] = names[draw.integers(0, len(names), len(device))]
    visits["how"] = SILENT
    return visits


def _pages(scenario: Scenario, people: People, hosts: Hosts, habits: Habits) -> NDArray[np.void]:
    """Web pages, with the ad networks and trackers that are on some of them."""
    browsing = scenario.browsing
    draw = stream(scenario.seed, "pages")
    count = draw.poisson(browsing.pages_per_day * habits.days * draw.gamma(2.0, 0.5, len(people)))
    device = np.repeat(np.arange(len(people)), count)
    names = np.array(
        [hosts.add(f"www.site{number}.example.com") for number in range(browsing.sites)], np.int32
    )
    weight = 1.0 / np.arange(1, len(names) + 1) ** 0.8
    pages = _visits(len(device))
    pages["start_ns"] = habits.draw(len(device), draw)
    pages["device"] = device
    pages["host"] = names[draw.choice(len(names), len(device), p=weight / weight.sum())]
    pages["how"] = draw.choice([TLS, QUIC, HTTP], len(device), p=[0.75, 0.15, 0.10])
    pages["down_bytes"] = np.minimum(20_000 + 60_000 * draw.pareto(1.5, len(device)), 5e7)
    pages["up_bytes"] = draw.integers(500, 4_000, len(device))
    parts = [pages]
    for service, share in browsing.ads.items():
        of = np.flatnonzero(draw.random(len(pages)) < share)
        ads = pages[of]
        ads["start_ns"] += (draw.exponential(1.5, len(of)) * _SECOND_NS).astype(np.int64)
        ads["page"] = pages["host"][of]
        known = hosts.of_service(service)
        ads["host"] = known[draw.integers(0, len(known), len(of))]
        ads["how"] = np.where(pages["how"][of] == HTTP, HTTP, TLS)
        ads["down_bytes"] = draw.integers(500, 30_000, len(of))
        parts.append(ads)
    return np.concatenate(parts)


def _visits(count: int) -> NDArray[np.void]:
    visits = np.zeros(count, VISIT)
    visits["app"] = visits["page"] = -1
    return visits
