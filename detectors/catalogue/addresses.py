"""Address ranges of services: evidence of last resort, for flows that nothing names."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from detectors.campus_networks import Network
from detectors.catalogue.schema import Service
from wire.flows.records import IPV4_MAPPED, TCP, UDP
from wire.names.strings import StringTable
from wire.names.tls_parameters import ja4

NO_SERVICE = -1
#: How sure such a class is: an address says who runs the server, not what the flow is.
CONFIDENCE = 0.3


class AddressRanges:
    """From server addresses to services. Ranges may nest; the narrowest whose conditions hold decides.

    The line of addresses is cut where ranges begin and end; a sorted search finds the piece.
    """

    def __init__(self, services: Sequence[Service]) -> None:
        self._services = services
        ranges = [
            (*_bounds(network), index)
            for index, service in enumerate(services)
            for network in service.addresses
        ]
        cuts = sorted({first for first, _, _ in ranges} | {last + 1 for _, last, _ in ranges})
        #: Services of each piece, the narrowest range first.
        self._pieces: list[tuple[int, ...]] = [()]
        for cut in cuts:
            holding = sorted((last - first, index) for first, last, index in ranges if first <= cut <= last)
            self._pieces.append(tuple(index for _, index in holding))
        self._cuts = np.array([cut.to_bytes(16, "big") for cut in cuts], "S16")

    def __bool__(self) -> bool:
        return len(self._cuts) > 0

    def services_of(
        self, flows: NDArray[np.void], facts: NDArray[np.void], strings: StringTable
    ) -> NDArray[np.int32]:
        """The service index of each flow, NO_SERVICE without; TCP and UDP alone.

        `flows` are DELTA or FLOW_ROW, `facts` the FACTS of each.
        """
        service = np.full(len(flows), NO_SERVICE, np.int32)
        if not self or not len(flows):
            return service
        pairs = np.empty((len(flows), 2), ">u8")
        pairs[:, 0], pairs[:, 1] = flows["server_hi"], flows["server_lo"]
        piece = np.searchsorted(self._cuts, pairs.view("S16").ravel(), side="right")
        claimed = np.array([len(each) > 0 for each in self._pieces])[piece]
        claimed &= (flows["protocol"] == TCP) | (flows["protocol"] == UDP)
        for at in np.flatnonzero(claimed).tolist():
            for index in self._pieces[piece[at]]:
                if _holds(self._services[index], int(flows["server_port"][at]), facts[at], strings):
                    service[at] = index
                    break
        return service


def _holds(service: Service, port: int, facts: np.void, strings: StringTable) -> bool:
    """Whether a flow meets what narrows the service's ranges."""
    if service.ports and not any(first <= port <= last for first, last in service.ports):
        return False
    if service.alpn and not set(service.alpn) & set(_offered(int(facts["alpn"]), strings)):
        return False
    if not service.ja4:
        return True
    parameters = int(facts["parameters"])
    return parameters >= 0 and ja4(strings[parameters]) in service.ja4


def _offered(alpn: int, strings: StringTable) -> list[str]:
    """The protocols of a list as on the wire: length and text, one after the other (RFC 7301)."""
    protocols: list[str] = []
    wire = strings[alpn] if alpn >= 0 else b""
    at = 0
    while at < len(wire):
        end = at + 1 + wire[at]
        protocols.append(wire[at + 1 : end].decode("latin-1"))
        at = end
    return protocols


def _bounds(network: Network) -> tuple[int, int]:
    """First and last address of a network as 128-bit numbers, IPv4 in its mapped form."""
    first = int(network.network_address)
    last = int(network.broadcast_address)
    mapped = IPV4_MAPPED if network.version == 4 else 0
    return first | mapped, last | mapped
