"""Visits become conversations: a DNS query where the cache does not help, then the connection."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from monitor.simulate.conversations import (
    DNS_ID,
    REFUSED,
    SAME,
    TCP,
    TLS_RANDOM,
    UDP,
    conversations,
    frames_of,
)
from monitor.simulate.conversations import SILENT as UNANSWERED
from monitor.simulate.hosts import Hosts
from monitor.simulate.ipv6 import has_ipv6, server_address
from monitor.simulate.openings import Arena, dns_opening, http_opening, quic_opening, tls_opening
from monitor.simulate.people import RESOLVER, People
from monitor.simulate.personal import query
from monitor.simulate.scenario import Scenario
from monitor.simulate.service_incidents import outages
from monitor.simulate.streams import stream
from monitor.simulate.tls_bytes import Entropy
from monitor.simulate.visits import HTTP, PUSH, QUIC, SILENT

#: A client keeps a DNS answer so long.
_CACHE_NS = 600_000_000_000
_PUSH_BEATS, _PUSH_GAP_NS = 40, 240_000_000_000
_HOUR_NS = 3_600_000_000_000


def calls(
    scenario: Scenario, visits: NDArray[np.void], people: People, hosts: Hosts, arena: Arena
) -> NDArray[np.void]:
    """CONVERSATIONs of the VISITs, not in order."""
    draw = stream(scenario.seed, "calls")
    rows = conversations(len(visits))
    how = visits["how"]
    rows["start_ns"] = visits["start_ns"] + 60_000_000  # after the DNS answer
    rows["client"] = people.address[visits["device"]]
    rows["server"] = hosts.addresses()[visits["host"]]
    rows["server_port"] = np.where(how == HTTP, 80, 443)
    rows["protocol"] = np.where(how == QUIC, UDP, TCP)
    rows["v6"] = people.dual[visits["device"]] & has_ipv6(visits["host"])
    rows["rtt_ns"] = draw.integers(8_000_000, 60_000_000, len(rows))
    rows["up"], rows["up_bytes"] = frames_of(visits["up_bytes"])
    rows["down"], rows["down_bytes"] = frames_of(visits["down_bytes"])
    quic = how == QUIC
    rows["down_bytes"][quic] = np.minimum(rows["down_bytes"][quic], 1_250)
    rows["up_bytes"][quic] = np.minimum(rows["up_bytes"][quic], 1_250)
    rows["gap_ns"] = draw.integers(3_000_000, 25_000_000, len(rows))
    rows["fresh"] = np.where((how == QUIC) | (how == HTTP), SAME, TLS_RANDOM)
    gone = how == SILENT
    rows["shape"][gone] = np.where(draw.random(int(gone.sum())) < 0.7, UNANSWERED, REFUSED)
    rows["up"][gone], rows["down"][gone] = 2, 0
    push = how == PUSH
    rows["up"][push] = rows["down"][push] = _PUSH_BEATS
    rows["gap_ns"][push] = _PUSH_GAP_NS
    _open(scenario, rows, visits, people, hosts, arena)
    _trouble(scenario, rows, visits)
    return np.concatenate([rows, _queries(rows, visits, hosts, arena, draw)])


def _open(
    scenario: Scenario,
    rows: NDArray[np.void],
    visits: NDArray[np.void],
    people: People,
    hosts: Hosts,
    arena: Arena,
) -> None:
    """Give each conversation its opening bytes: one for each distinct way, device kind and host."""
    entropy = Entropy(scenario.seed)
    kind = people.kind[visits["device"]].astype(np.int64)
    personal = np.array([*(bool(app.personal) for app in scenario.apps), False])[visits["app"]]
    told = np.flatnonzero((visits["how"] == HTTP) & personal & (visits["page"] < 0))
    _told(scenario, rows, visits, kind, hosts, arena, told)
    rest = np.ones(len(rows), np.bool_)
    rest[told] = False
    at = np.flatnonzero(rest)
    page = np.where(visits["how"][at] == HTTP, visits["page"][at], -1)
    key = ((visits["how"][at].astype(np.int64) * 4 + kind[at]) << 20 | visits["host"][at]) << 20 | (page + 1)
    _, first, which = np.unique(key, return_index=True, return_inverse=True)
    places = np.zeros((len(first), 5), np.int64)
    for number, place in enumerate(at[first].tolist()):
        visit = visits[place]
        name = hosts.names[visit["host"]]
        if visit["how"] == QUIC:
            client, server, cut = quic_opening(int(kind[place]), name, entropy)
        elif visit["how"] == HTTP:
            origin = hosts.names[visit["page"]] if visit["page"] >= 0 else ""
            client, server, cut = http_opening(int(kind[place]), name, origin, "")
        else:
            client, server, cut = tls_opening(int(visit["how"]), int(kind[place]), name, entropy)
        places[number] = (*arena.add(client), *arena.add(server), cut)
    for column, name in enumerate(("client_at", "client_bytes", "server_at", "server_bytes", "cut")):
        rows[name][at] = places[which, column]


def _told(
    scenario: Scenario,
    rows: NDArray[np.void],
    visits: NDArray[np.void],
    kind: NDArray[np.int64],
    hosts: Hosts,
    arena: Arena,
    at: NDArray[np.int64],
) -> None:
    """Requests that hold personal data, each with its own values."""
    draw = stream(scenario.seed, "personal")
    for place in at.tolist():
        kinds = scenario.apps[visits["app"][place]].personal
        name = hosts.names[visits["host"][place]]
        client, server, _ = http_opening(int(kind[place]), name, "", query(kinds, draw))
        rows["client_at"][place], rows["client_bytes"][place] = arena.add(client)
        rows["server_at"][place], rows["server_bytes"][place] = arena.add(server)


def _trouble(scenario: Scenario, rows: NDArray[np.void], visits: NDArray[np.void]) -> None:
    """Servers that do badly for a time."""
    for number, app in enumerate(scenario.apps):
        draw = stream(scenario.seed, "trouble", app.service)
        for trouble in (*(() if app.trouble is None else (app.trouble,)), *outages(app)):
            begin = scenario.start_ns + int(trouble.start_hours * _HOUR_NS)
            hit = (visits["app"] == number) & (visits["page"] < 0) & (rows["start_ns"] >= begin)
            hit &= rows["start_ns"] < begin + int(trouble.hours * _HOUR_NS)
            at = np.flatnonzero(hit)
            rows["rtt_ns"][at] = int(trouble.rtt_ms * 1e6)
            rows["again"][at] = draw.random(len(at)) < trouble.retransmissions
            failed = at[draw.random(len(at)) < trouble.failures]
            rows["shape"][failed] = np.where(draw.random(len(failed)) < 0.5, UNANSWERED, REFUSED)
            rows["protocol"][failed], rows["up"][failed], rows["down"][failed] = TCP, 2, 0


def _queries(
    rows: NDArray[np.void],
    visits: NDArray[np.void],
    hosts: Hosts,
    arena: Arena,
    draw: np.random.Generator,
) -> NDArray[np.void]:
    """A DNS query before each visit whose answer the client has forgotten or never had."""
    order = np.lexsort((visits["start_ns"], visits["host"], rows["client"]))
    client, host, start = rows["client"][order], visits["host"][order], visits["start_ns"][order]
    asks = np.ones(len(order), np.bool_)
    asks[1:] = (client[1:] != client[:-1]) | (host[1:] != host[:-1]) | (np.diff(start) > _CACHE_NS)
    at = order[asks]
    found = conversations(len(at))
    found["start_ns"] = visits["start_ns"][at]
    found["client"], found["server"] = rows["client"][at], RESOLVER
    found["server_port"], found["protocol"], found["fresh"] = 53, UDP, DNS_ID
    found["rtt_ns"] = draw.integers(1_000_000, 20_000_000, len(at))
    addresses = hosts.addresses()
    for longer in (False, True):
        of = np.flatnonzero((rows["v6"][at] == 1) == longer)
        places = np.zeros((len(hosts.names), 4), np.int64)
        for number in np.unique(visits["host"][at[of]]).tolist():
            address = int(addresses[number])
            answer = server_address(address) if longer else address.to_bytes(4, "big")
            client_opening, server_opening, _ = dns_opening(hosts.names[number], answer)
            places[number] = (*arena.add(client_opening), *arena.add(server_opening))
        for column, name in enumerate(("client_at", "client_bytes", "server_at", "server_bytes")):
            found[name][of] = places[visits["host"][at[of]], column]
    return found
