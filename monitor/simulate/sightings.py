"""A scenario's calls as the embedding sees them, without packets between: for measuring at speed."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from detectors.embedding.sightings import SIGHTING, client_hash
from monitor.simulate.hosts import Hosts
from monitor.simulate.people import People
from monitor.simulate.visits import SILENT
from wire.flows.records import IPV4_MAPPED

_MINUTE_NS = 60_000_000_000


def sightings(visits: NDArray[np.void], people: People, hosts: Hosts) -> NDArray[np.void]:
    """A SIGHTING for each VISIT that somebody answers, in the visits' order."""
    visits = visits[visits["how"] != SILENT]
    rows = np.empty(len(visits), SIGHTING)
    rows["window_start_ns"] = visits["start_ns"] - visits["start_ns"] % _MINUTE_NS
    address = people.address[visits["device"]].astype(np.uint64) | np.uint64(IPV4_MAPPED)
    rows["client"] = client_hash(np.zeros(len(address), np.uint64), address)
    rows["service"] = np.array(hosts.services, np.int32)[visits["host"]]
    return rows
