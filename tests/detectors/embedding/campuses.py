"""Random campuses with everything that fools an attribution, and the pairs that are true in them.

Ubiquitous trackers that systems call all day, ads on web pages, apps that are opened together,
dormitory rooms behind one address, third parties in 2% of an app's sessions.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from detectors.catalogue.catalogue import Catalogue
from detectors.catalogue.categories import CATEGORIES
from detectors.embedding.embeddings import Embeddings
from detectors.embedding.settings import EmbeddingSettings
from monitor.shipped import shipped
from monitor.simulate.hosts import Hosts, ScenarioError
from monitor.simulate.people import people_of
from monitor.simulate.scenario import Scenario
from monitor.simulate.sightings import sightings
from monitor.simulate.streams import stream
from monitor.simulate.visits import visits_of

APPS, THIRDS = 24, 22
RARE = 0.02
SHARES = (RARE, 0.1, 0.3, 0.6, 0.9)
_DAY_NS = 86_400_000_000_000


def callable_services(catalogue: Catalogue, *categories: str) -> list[str]:
    """Services of the categories that have a host to call."""
    hosts, found = Hosts(catalogue), []
    for service in catalogue.services:
        if service.category in categories:
            try:
                hosts.of_service(service.id)
            except ScenarioError:
                continue
            found.append(service.id)
    return found


def campus(seed: int, clients: int, days: float, catalogue: Catalogue) -> Scenario:
    """A campus of `clients` addresses, a sixth of them dormitory rooms of four devices."""
    draw = np.random.default_rng([77, seed])
    education = draw.permutation(callable_services(catalogue, "education"))[: APPS - 4].tolist()
    others = draw.permutation(callable_services(catalogue, "game", "platform"))[:4].tolist()
    thirds = draw.permutation(callable_services(catalogue, "advertising", "tracking"))[:THIRDS].tolist()
    everywhere, on_pages = thirds[:3], thirds[3:9]
    apps: list[dict[str, Any]] = []
    for name in education + others:
        embeds: dict[str, float] = {}
        if draw.random() < 0.75:
            for third in draw.permutation(thirds)[: draw.integers(1, 6)].tolist():
                embeds[third] = float(draw.choice(SHARES, p=[0.15, 0.15, 0.2, 0.25, 0.25]))
        apps.append(
            {
                "service": name, "users": float(draw.uniform(0.4, 0.9)),
                "sessions_per_day": float(draw.uniform(1.5, 5)), "minutes": float(draw.uniform(2, 10)),
                "embeds": embeds,
            }
        )  # fmt: skip
    pairs = draw.permutation(APPS)[:8].reshape(4, 2)
    rooms = clients // 6
    return Scenario.model_validate(
        {
            "schema": 1, "seed": seed, "hours": 24 * days,
            "devices": {
                "phones": clients - rooms - clients // 5, "laptops": clients // 5,
                "dormitory": {"rooms": rooms, "devices_each": 4},
            },
            "apps": apps,
            "together": [
                {"first": apps[a]["service"], "second": apps[b]["service"], "share": 0.7}
                for a, b in pairs.tolist()
            ],
            "background": {"trackers": {third: float(draw.uniform(10, 60)) for third in everywhere}},
            "browsing": {"ads": {third: float(draw.uniform(0.05, 0.5)) for third in on_pages}},
        }
    )  # fmt: skip


def truth(scenario: Scenario) -> dict[tuple[str, str], float]:
    """Share of the app's sessions by (app, third party)."""
    return {(app.service, third): share for app in scenario.apps for third, share in app.embeds.items()}


def learned(
    scenario: Scenario, catalogue: Catalogue, settings: EmbeddingSettings | None = None
) -> Embeddings:
    """What the embedding learns from the scenario's calls, fed six hours at a time."""
    hosts = Hosts(catalogue)
    people = people_of(scenario.devices, stream(scenario.seed, "people"))
    rows = sightings(visits_of(scenario, people, hosts), people, hosts)
    found = empty(catalogue, settings)
    edge = scenario.start_ns
    while edge < scenario.start_ns + scenario.hours * 3_600_000_000_000:
        edge += _DAY_NS // 4
        at = np.searchsorted(rows["window_start_ns"], [edge - _DAY_NS // 4, edge])
        found.take(rows[at[0] : at[1]], edge)
    found.finish()
    return found


def empty(catalogue: Catalogue, settings: EmbeddingSettings | None = None) -> Embeddings:
    """An embedding over the catalogue that has seen nothing."""
    return Embeddings(
        catalogue.ids, [CATEGORIES.index(service.category) for service in catalogue.services], settings
    )


def shipped_catalogue() -> Catalogue:
    """The catalogue as shipped."""
    return Catalogue.load([shipped("configs/catalogue")])
