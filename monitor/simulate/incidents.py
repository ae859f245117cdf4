"""Incidents become conversations, each with what a detector should say of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import IPv4Address
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detectors.findings import rfc3339
from monitor.simulate import incident_kinds as kinds
from monitor.simulate.conversations import (
    ANSWERED,
    ARP,
    DNS_ID,
    ICMP,
    REFUSED,
    RESET,
    SILENT,
    TLS_RANDOM,
    UDP,
    conversations,
    frames_of,
)
from monitor.simulate.openings import PROGRAM, Arena, dns_opening, tls_opening
from monitor.simulate.people import ANDROID, RESOLVER, People
from monitor.simulate.scenario import Scenario
from monitor.simulate.streams import stream
from monitor.simulate.tls_bytes import Entropy
from monitor.simulate.visits import TLS

_MINUTE_NS, _SECOND_NS = 60_000_000_000, 1_000_000_000
#: Where scans go, and who is outside: documentation addresses (RFC 5737) that no catalogue knows.
_SCANNED, _OUTSIDE = 0x0A320000, 0xCB007100
#: A NetBIOS session message around an SMB2 NEGOTIATE ([MS-SMB2] 2.2.1, 2.2.3) with one dialect.
_SMB_HEAD = b"\xfeSMB\x40" + bytes(59)
_SMB_NEGOTIATE = b"\x24\0\x01\0\x01" + bytes(31) + b"\x02\x02"
_SMB = b"\0\0\0\x66" + _SMB_HEAD + _SMB_NEGOTIATE
_LOGIN = {"ssh": 22, "rdp": 3389, "ftp": 21, "web": 80}


@dataclass(frozen=True, slots=True)
class Scene:
    """Where an incident takes place: its host's address, what may be drawn and where bytes are kept."""

    scenario: Scenario
    people: People
    arena: Arena
    draw: np.random.Generator
    number: int

    @property
    def outside(self) -> int:
        """An address outside the campus that this incident has for itself."""
        return _OUTSIDE + 1 + self.number % 250


def incidents(
    scenario: Scenario, people: People, arena: Arena
) -> tuple[NDArray[np.void], list[dict[str, Any]]]:
    """CONVERSATIONs of all incidents, and their entries in the truth (CONTRACTS: Truth files)."""
    rows, truth = [conversations(0)], []
    for number, incident in enumerate(scenario.incidents):
        scene = Scene(scenario, people, arena, stream(scenario.seed, "incident", str(number)), number)
        made = _MAKERS[incident.kind](incident, scene)
        made["client"][made["client"] == 0] = people.address[incident.host]
        rows.append(made)
        truth.extend(_told(incident.kind, number, made, int(people.address[incident.host])))
    return np.concatenate(rows), truth


def _told(kind: str, number: int, rows: NDArray[np.void], host: int) -> list[dict[str, Any]]:
    """One entry for each host that does it: a worm's finds do it, too."""
    told = []
    clients = [host, *sorted(set(np.unique(rows["client"]).tolist()) - {host})]
    for place, client in enumerate(clients):
        own = rows[rows["client"] == client]
        if len(own) == 0:
            continue
        frames = np.maximum(own["up"].astype(np.int64), own["down"]) * own["gap_ns"]
        peers = np.unique(own["server"][own["server"] != RESOLVER])
        told.append(
            {
                "id": f"{kind}-{number + 1}" + (f"-{place + 1}" if place else ""),
                "kind": kind,
                "subject": str(IPv4Address(client)),
                "peers": [str(IPv4Address(peer)) for peer in peers.tolist()],
                "start": rfc3339(int(own["start_ns"].min())),
                "end": rfc3339(int((own["start_ns"] + frames).max())),
            }
        )
    return told


def _begin(incident: Any, scene: Scene) -> int:
    return scene.scenario.start_ns + int(incident.start_hours * 60 * _MINUTE_NS)


def _spread(incident: Any, scene: Scene, per_minute: float) -> NDArray[np.int64]:
    """Moments at a rate, evenly with a little jitter."""
    count = max(int(incident.minutes * per_minute), 1)
    step = incident.minutes * _MINUTE_NS / count
    place = np.arange(count) + scene.draw.random(count) * 0.5
    return np.asarray(_begin(incident, scene) + (place * step).astype(np.int64), np.int64)


def _tried(times: NDArray[np.int64], answered: float, scene: Scene) -> NDArray[np.void]:
    """Attempts, most in vain: half silent, half refused."""
    rows = conversations(len(times))
    rows["start_ns"] = times
    luck = scene.draw.random(len(rows))
    rows["shape"] = np.where(luck < answered, RESET, np.where(luck < 0.5, REFUSED, SILENT))
    rows["up"] = rows["shape"] == SILENT
    rows["rtt_ns"] = 2_000_000
    return rows


def _scan_horizontal(incident: kinds.ScanHorizontal, scene: Scene) -> NDArray[np.void]:
    rows = _tried(_spread(incident, scene, incident.targets_per_minute), incident.answered, scene)
    rows["server"] = _SCANNED + scene.draw.permutation(max(len(rows), 65_000))[: len(rows)]
    rows["server_port"] = incident.port
    return rows


def _scan_vertical(incident: kinds.ScanVertical, scene: Scene) -> NDArray[np.void]:
    rows = _tried(_spread(incident, scene, incident.ports_per_minute), incident.answered, scene)
    rows["server"] = _target(scene)
    rows["server_port"] = 1 + scene.draw.permutation(65_000)[np.arange(len(rows)) % 65_000]
    return rows


def _address_sweep(incident: kinds.AddressSweep, scene: Scene) -> NDArray[np.void]:
    times = _spread(incident, scene, incident.targets_per_minute)
    rows = conversations(len(times))
    rows["start_ns"], rows["server"] = times, _SCANNED + 2 + np.arange(len(times))
    if incident.protocol == "arp":
        rows["protocol"] = ARP
        return rows
    rows["protocol"], rows["up"], rows["up_bytes"], rows["down_bytes"] = ICMP, 1, 56, 56
    rows["down"] = scene.draw.random(len(rows)) < incident.answered
    return rows


def _brute_force(incident: kinds.BruteForce, scene: Scene) -> NDArray[np.void]:
    rows = conversations(len(times := _spread(incident, scene, incident.tries_per_minute)))
    rows["start_ns"], rows["server"] = times, _target(scene)
    rows["server_port"] = _LOGIN[incident.service]
    client, server = {
        "ssh": (b"SSH-2.0-libssh_0.10.6\r\n", b"SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n"),
        "rdp": (b"\x03\0\0\x13\x0e\xe0\0\0\0\0\0\x01\0\x08\0\x03\0\0\0", b"\x03\0\0\x13\x0e\xd0" + bytes(13)),
        "ftp": (b"USER admin\r\n", b"331 Please specify the password.\r\n"),
        "web": (
            b"POST /login HTTP/1.1\r\nHost: portal.example.edu.cn\r\nUser-Agent: python-requests/2.32\r\n"
            b"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 24\r\n\r\n"
            b"user=admin&pass=00000000",
            b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 12\r\n\r\nwrong login\n",
        ),
    }[incident.service]
    rows["client_at"], rows["client_bytes"] = scene.arena.add(client)
    rows["server_at"], rows["server_bytes"] = scene.arena.add(server)
    quick = incident.service in ("ftp", "web")
    rows["up"] = rows["down"] = 1 if quick else 6
    rows["up_bytes"], rows["down_bytes"] = (24, 40) if quick else (180, 260)
    rows["gap_ns"] = 60_000_000
    return rows


def _flood(incident: kinds.Flood, scene: Scene) -> NDArray[np.void]:
    if incident.protocol == "syn":
        rows = conversations(len(times := _spread(incident, scene, incident.packets_per_second * 60)))
        rows["start_ns"], rows["shape"], rows["server_port"] = times, SILENT, 80
        rows["server"] = _target(scene)
        return rows
    rows = conversations(1)
    rows["start_ns"], rows["server"] = _begin(incident, scene), scene.outside
    rows["up"] = max(int(incident.packets_per_second * incident.minutes * 60), 1)
    rows["up_bytes"], rows["gap_ns"] = 512, int(_SECOND_NS / incident.packets_per_second)
    rows["protocol"] = UDP if incident.protocol == "udp" else ICMP
    rows["server_port"] = 8_080
    return rows


def _beacon(incident: kinds.Beacon, scene: Scene) -> NDArray[np.void]:
    count = max(int(incident.minutes * 60 / incident.every_seconds), 1)
    gaps = incident.every_seconds * (1 + incident.jitter * scene.draw.uniform(-1, 1, count))
    rows = conversations(count)
    rows["start_ns"] = _begin(incident, scene) + (np.cumsum(gaps) * _SECOND_NS).astype(np.int64)
    rows["server"], rows["server_port"] = scene.outside, 443
    _say_hello(rows, "", scene)
    rows["up"], rows["up_bytes"], rows["down"], rows["down_bytes"] = 1, 220, 1, 140
    return rows


def _dns_tunnel(incident: kinds.DnsTunnel, scene: Scene) -> NDArray[np.void]:
    times = _spread(incident, scene, incident.queries_per_second * 60)
    names = [f"{scene.draw.bytes(24).hex()}.{scene.draw.bytes(20).hex()}.t.example.org" for _ in times]
    return _asked(times, names, np.ones(len(times), np.bool_), scene, kind=16)


def _dga(incident: kinds.Dga, scene: Scene) -> NDArray[np.void]:
    times = _spread(incident, scene, incident.names_per_minute)
    letters = np.array(list("abcdefghijklmnopqrstuvwxyz"))
    endings = ("com", "net", "org", "info", "biz")
    names = [
        "".join(scene.draw.choice(letters, 10 + int(scene.draw.integers(8))))
        + "."
        + endings[int(scene.draw.integers(len(endings)))]
        for _ in times
    ]
    return _asked(times, names, scene.draw.random(len(times)) < incident.answered, scene)


def _asked(
    times: NDArray[np.int64],
    names: list[str],
    known: NDArray[np.bool_],
    scene: Scene,
    kind: int = 1,
) -> NDArray[np.void]:
    rows = conversations(len(times))
    rows["start_ns"], rows["server"], rows["server_port"] = times, RESOLVER, 53
    rows["protocol"], rows["fresh"] = UDP, DNS_ID
    for place, (name, found) in enumerate(zip(names, known.tolist(), strict=True)):
        client, server, _ = dns_opening(name, scene.outside.to_bytes(4, "big") if found else None, kind)
        rows["client_at"][place], rows["client_bytes"][place] = scene.arena.add(client)
        rows["server_at"][place], rows["server_bytes"][place] = scene.arena.add(server)
    return rows


def _icmp_tunnel(incident: kinds.IcmpTunnel, scene: Scene) -> NDArray[np.void]:
    rows = conversations(1)
    rows["start_ns"], rows["server"], rows["protocol"] = _begin(incident, scene), scene.outside, ICMP
    rows["up"] = rows["down"] = max(int(incident.packets_per_second * incident.minutes * 60), 1)
    rows["up_bytes"], rows["down_bytes"] = 180, 1_020
    rows["gap_ns"] = int(_SECOND_NS / incident.packets_per_second)
    return rows


def _exfiltration(incident: kinds.Exfiltration, scene: Scene) -> NDArray[np.void]:
    rows = conversations(incident.connections)
    each = int(incident.megabytes * 1e6 / incident.connections)
    step = int(incident.minutes * _MINUTE_NS / incident.connections)
    rows["start_ns"] = _begin(incident, scene) + np.arange(len(rows)) * step
    rows["server"], rows["server_port"] = scene.outside, 443
    _say_hello(rows, "drop.example.net", scene)
    rows["up"], rows["up_bytes"] = frames_of(np.full(len(rows), each))
    rows["down"], rows["down_bytes"] = 2, 100
    rows["gap_ns"] = np.maximum(int(step * 0.8) // (rows["up"].astype(np.int64) + 2), 100_000)
    return rows


def _lateral_movement(incident: kinds.LateralMovement, scene: Scene) -> NDArray[np.void]:
    own = scene.people.address[incident.host]
    others = np.unique(scene.people.address[scene.people.address != own])
    rows = conversations(min(incident.targets, len(others)))
    step = int(incident.minutes * _MINUTE_NS / max(len(rows), 1))
    rows["start_ns"] = _begin(incident, scene) + np.arange(len(rows)) * step
    rows["server"] = scene.draw.permutation(others)[: len(rows)]
    rows["server_port"] = incident.port
    rows["client_at"], rows["client_bytes"] = scene.arena.add(_SMB)
    rows["server_at"], rows["server_bytes"] = scene.arena.add(_SMB)
    rows["up"], rows["up_bytes"], rows["down"], rows["down_bytes"] = 40, 1_200, 8, 200
    rows["rtt_ns"] = 1_000_000
    return rows


def _mining(incident: kinds.Mining, scene: Scene) -> NDArray[np.void]:
    rows = conversations(1)
    rows["start_ns"], rows["server"] = _begin(incident, scene), scene.outside
    rows["up"] = rows["down"] = max(int(incident.minutes * incident.shares_per_minute), 1)
    rows["up_bytes"], rows["down_bytes"] = 210, 120
    rows["gap_ns"] = int(60 * _SECOND_NS / incident.shares_per_minute)
    rows["server_port"] = 443 if incident.encrypted else 3_333
    if incident.encrypted:
        _say_hello(rows, incident.pool, scene, PROGRAM)
        return rows
    login = b'{"id":1,"jsonrpc":"2.0","method":"login","params":{"login":"48aa","agent":"XMRig/6.22"}}\n'
    job = b'{"id":1,"jsonrpc":"2.0","result":{"job":{"blob":"0e0e","job_id":"1","target":"b88d0600"}}}\n'
    rows["client_at"], rows["client_bytes"] = scene.arena.add(login)
    rows["server_at"], rows["server_bytes"] = scene.arena.add(job)
    return rows


def _worm(incident: kinds.Worm, scene: Scene) -> NDArray[np.void]:
    """The host scans; those it finds begin to scan one after another."""
    own = scene.people.address[incident.host]
    others = scene.draw.permutation(np.unique(scene.people.address[scene.people.address != own]))
    finds = others[: incident.victims]
    parts = []
    for number, client in enumerate([0, *finds.tolist()]):
        late = number / (len(finds) + 1) * incident.minutes * 0.6
        left = incident.model_copy(
            update={
                "minutes": incident.minutes - late,
                "start_hours": incident.start_hours + late / 60,
            }
        )
        rows = _tried(_spread(left, scene, incident.targets_per_minute), 0.0, scene)
        rows["server"] = _SCANNED + scene.draw.permutation(max(len(rows), 65_000))[: len(rows)]
        rows["client"], rows["server_port"] = client, incident.port
        parts.append(rows)
    hits = conversations(len(finds))
    hits["start_ns"] = [int(part["start_ns"][0]) - 5 * _SECOND_NS for part in parts[1:]]
    hits["server"], hits["server_port"] = finds, incident.port
    hits["up"], hits["up_bytes"], hits["down"], hits["down_bytes"] = 60, 1_400, 6, 200
    hits["rtt_ns"], hits["shape"] = 1_000_000, ANSWERED
    return np.concatenate([*parts, hits])


def _target(scene: Scene) -> int:
    """A server of the campus, or an outsider where it has none."""
    servers = scene.people.servers
    return int(servers[scene.number % len(servers)]) if len(servers) else scene.outside


def _say_hello(rows: NDArray[np.void], host: str, scene: Scene, kind: int = ANDROID) -> None:
    client, server, cut = tls_opening(TLS, kind, host, Entropy(scene.number))
    rows["client_at"], rows["client_bytes"] = scene.arena.add(client)
    rows["server_at"], rows["server_bytes"] = scene.arena.add(server)
    rows["cut"], rows["fresh"] = cut, TLS_RANDOM


_MAKERS: dict[str, Callable[[Any, Scene], NDArray[np.void]]] = {
    "scan-horizontal": _scan_horizontal,
    "scan-vertical": _scan_vertical,
    "address-sweep": _address_sweep,
    "brute-force": _brute_force,
    "flood": _flood,
    "beacon": _beacon,
    "dns-tunnel": _dns_tunnel,
    "icmp-tunnel": _icmp_tunnel,
    "dga": _dga,
    "exfiltration": _exfiltration,
    "lateral-movement": _lateral_movement,
    "mining": _mining,
    "worm": _worm,
}
