"""A local day of the campus, closed: what each app did on it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date

import numpy as np
from numpy.typing import NDArray

from detectors.embedding.embedding import Embedding
from detectors.window_features import MINUTE_NS


@dataclass(frozen=True, slots=True)
class AppUse:
    """One service on one day. `devices`: DEVICE_USE rows, one each."""

    service: int
    devices: NDArray[np.void]

    @property
    def used(self) -> NDArray[np.void]:
        """The devices on which somebody or something talked with it in earnest for a minute."""
        return self.devices[self.devices["interactive"] > 0]

    @property
    def start_ns(self) -> int:
        """The first minute of traffic."""
        return int(self.devices["first_minute"].min()) * MINUTE_NS

    @property
    def end_ns(self) -> int:
        """The end of the last minute of traffic."""
        return (int(self.devices["last_minute"].max()) + 1) * MINUTE_NS

    def total(self, name: str) -> int:
        """The sum of a field over the devices."""
        return int(self.devices[name].sum())


@dataclass(frozen=True, slots=True)
class Weakness:
    """Connections of a service on one day, and how many of them are weak in which way."""

    connections: int
    kinds: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Leak:
    """One kind of personal identifier that went to a host in cleartext: how often, never which."""

    service: int
    host: str
    kind: str
    count: int


@dataclass(frozen=True, slots=True)
class Day:
    """All of a local day. `embeddings` is what is known by its end."""

    date: date
    start_ns: int
    end_ns: int
    is_school_day: bool
    apps: Mapping[int, AppUse]
    weaknesses: Mapping[int, Weakness] = field(default_factory=dict)
    leaks: tuple[Leak, ...] = ()
    embeddings: tuple[Embedding, ...] = ()


def apps_of(uses: NDArray[np.void]) -> dict[int, AppUse]:
    """DEVICE_USE rows, ordered by service, as apps."""
    return {service: AppUse(service, part) for service, part in by_service(uses).items()}


def by_service(rows: NDArray[np.void]) -> dict[int, NDArray[np.void]]:
    """Rows that are ordered by service, cut up by it."""
    services, starts = np.unique(rows["service"], return_index=True)
    parts = np.split(rows, starts[1:]) if len(rows) else []
    return {int(service): part for service, part in zip(services, parts, strict=True)}
