"""Incidents of apps: who takes part in them, what they do, and what a detector should say of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detectors.findings import rfc3339
from monitor.simulate.incident_kinds import Outage, ServiceIncident, Surge, Upload
from monitor.simulate.people import People
from monitor.simulate.scenario import App, Scenario, Trouble, Use
from monitor.simulate.streams import stream

_MINUTE_NS = 60_000_000_000


@dataclass(frozen=True, slots=True)
class Sent:
    """Connections that send a lot: device int32[n], start_ns and up_bytes int64[n]."""

    device: NDArray[np.int32]
    start_ns: NDArray[np.int64]
    up_bytes: NDArray[np.int64]


def surges(scenario: Scenario, app: App, people: int) -> tuple[Use, ...]:
    """The sessions of an app's surges; `people`: how many devices there are."""
    return tuple(
        use
        for number, each in enumerate(app.incidents)
        if isinstance(each, Surge)
        for use in _uses(scenario, app, number, each, people)
    )


def uploads(scenario: Scenario, app: App, people: int) -> Iterator[Sent]:
    """What is sent in an app's uploads; `people`: how many devices there are."""
    for number, each in enumerate(app.incidents):
        if isinstance(each, Upload):
            yield _sent(scenario, app, number, each, people)


def outages(app: App) -> Iterator[Trouble]:
    """An app's outages as troubles."""
    for each in app.incidents:
        if isinstance(each, Outage):
            hours = each.minutes / 60
            yield Trouble(start_hours=each.start_hours, hours=hours, failures=each.failures)


def truth_of(scenario: Scenario, people: People, visits: NDArray[np.void]) -> list[dict[str, Any]]:
    """Entries of the truth (CONTRACTS: Truth files), of the incidents in which there was some VISIT."""
    told = []
    end_of_all_ns = _time_ns(scenario, scenario.hours)
    for place, app in enumerate(scenario.apps):
        own = visits[(visits["app"] == place) & (visits["page"] < 0)]
        for number, each in enumerate(_all(app)):
            start_ns, end_ns, devices = _extent(scenario, app, number, each, len(people))
            end_ns = min(end_ns, end_of_all_ns)
            during = own["device"][(own["start_ns"] >= start_ns) & (own["start_ns"] <= end_ns)]
            if len(during) == 0:
                continue
            devices = devices or during.tolist()
            told.append(
                {
                    "id": f"{each.kind}-{app.service}-{number + 1}",
                    "kind": each.kind,
                    "subject": {"kind": "service", "value": app.service},
                    "peers": sorted({str(IPv4Address(int(people.address[device]))) for device in devices}),
                    "start": rfc3339(start_ns),
                    "end": rfc3339(end_ns),
                }
            )
    return told


def _all(app: App) -> tuple[ServiceIncident, ...]:
    """Trouble in which connections fail is an outage, too."""
    trouble = app.trouble
    if trouble is None or trouble.failures == 0:
        return app.incidents
    minutes, failures = trouble.hours * 60, trouble.failures
    outage = Outage.model_construct(
        kind="outage", start_hours=trouble.start_hours, minutes=minutes, failures=failures
    )
    return (*app.incidents, outage)


def _drawn(
    scenario: Scenario, app: App, number: int, count: int, people: int
) -> tuple[NDArray[np.int32], np.random.Generator]:
    """Who takes part, and what else may be drawn for it."""
    draw = stream(scenario.seed, "service-incident", app.service, str(number))
    return draw.choice(people, count, replace=False).astype(np.int32), draw


def _uses(scenario: Scenario, app: App, number: int, surge: Surge, people: int) -> list[Use]:
    devices, draw = _drawn(scenario, app, number, surge.devices, people)
    device = np.repeat(devices, surge.opens_each)
    start = surge.start_hours + draw.random(len(device)) * surge.minutes / 60
    return [
        Use(device=whose, start_hours=when, minutes=surge.session_minutes)
        for whose, when in zip(device.tolist(), start.tolist(), strict=True)
        if when < scenario.hours
    ]


def _sent(scenario: Scenario, app: App, number: int, upload: Upload, people: int) -> Sent:
    devices, draw = _drawn(scenario, app, number, upload.devices, people)
    device = np.repeat(devices, upload.connections_each)
    within = (draw.random(len(device)) * upload.minutes * _MINUTE_NS).astype(np.int64)
    size = np.full(len(device), int(upload.megabytes * 1e6 / len(device)))
    return Sent(device, _time_ns(scenario, upload.start_hours) + within, size)


def _extent(
    scenario: Scenario, app: App, number: int, incident: ServiceIncident, people: int
) -> tuple[int, int, list[int]]:
    """The first and last moment of what is done, and the devices that do it; nobody does an outage."""
    if isinstance(incident, Surge):
        uses = _uses(scenario, app, number, incident, people)
        start = [use.start_hours for use in uses] or [incident.start_hours]
        last = max(start) + incident.session_minutes / 60
        devices = [use.device for use in uses]
        return _time_ns(scenario, min(start)), _time_ns(scenario, last), devices
    if isinstance(incident, Upload):
        sent = _sent(scenario, app, number, incident, people)
        return int(sent.start_ns.min()), int(sent.start_ns.max()), sent.device.tolist()
    last = incident.start_hours + incident.minutes / 60
    return _time_ns(scenario, incident.start_hours), _time_ns(scenario, last), []


def _time_ns(scenario: Scenario, hours: float) -> int:
    return scenario.start_ns + int(hours * 60 * _MINUTE_NS)
