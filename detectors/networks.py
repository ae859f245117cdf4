"""Which addresses are the campus's own."""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import IPv6Address, ip_address

import numpy as np
from numpy.typing import NDArray

from detectors.campus_networks import Network
from wire.flows.records import IPV4_MAPPED

_MASK64 = (1 << 64) - 1


class Networks:
    """A vectorised test of membership. Addresses are pairs of uint64, IPv4 in its mapped form."""

    def __init__(self, networks: Sequence[Network]) -> None:
        self._tests = [_as_pairs(network) for network in networks]

    def contain(self, hi: NDArray[np.uint64], lo: NDArray[np.uint64]) -> NDArray[np.bool_]:
        """True where the address lies in one of the networks."""
        inside = np.zeros(len(hi), np.bool_)
        for mask_hi, mask_lo, value_hi, value_lo in self._tests:
            inside |= ((hi & mask_hi) == value_hi) & ((lo & mask_lo) == value_lo)
        return inside


def _as_pairs(network: Network) -> tuple[np.uint64, np.uint64, np.uint64, np.uint64]:
    """Mask and value of a network as pairs of uint64."""
    bits = network.prefixlen + (96 if network.version == 4 else 0)
    value = int(network.network_address) | (IPV4_MAPPED if network.version == 4 else 0)
    mask = (((1 << bits) - 1) << (128 - bits)) if bits else 0
    return (
        np.uint64(mask >> 64),
        np.uint64(mask & _MASK64),
        np.uint64(value >> 64),
        np.uint64(value & _MASK64),
    )


def is_group(hi: NDArray[np.uint64], lo: NDArray[np.uint64]) -> NDArray[np.bool_]:
    """True for multicast and limited broadcast, where no single server could answer.

    IPv4 224.0.0.0/4 (RFC 5771) and 255.255.255.255 (RFC 919), IPv6 ff00::/8 (RFC 4291), and IPv4
    addresses that end in 255, which are directed broadcasts almost everywhere.
    """
    v4 = (hi == 0) & ((lo >> np.uint64(32)) == np.uint64(0xFFFF))
    address = lo & np.uint64(0xFFFFFFFF)
    group4 = v4 & ((address >= np.uint64(0xE0000000)) | ((address & np.uint64(0xFF)) == np.uint64(255)))
    return np.asarray(group4 | ((hi >> np.uint64(56)) == np.uint64(0xFF)))


def address_text(hi: int, lo: int) -> str:
    """The usual text of an address held as a pair of uint64."""
    address = IPv6Address((hi << 64) | lo)
    return str(address.ipv4_mapped or address)


def address_pair(text: str) -> tuple[int, int]:
    """The pair of uint64 that holds the address of a text. Raises ValueError."""
    address = ip_address(text)
    value = int(address) | (IPV4_MAPPED if address.version == 4 else 0)
    return value >> 64, value & _MASK64
