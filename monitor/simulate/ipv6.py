"""IPv6 of dual-stack devices: what frames.py wrote for IPv4, with the longer header (RFC 8200)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

#: Addresses end in the IPv4 address; clients are of a unique local prefix, servers of documentation's.
CLIENTS = bytes.fromhex("fd00 0010 0000 0000 0000 0000")
SERVERS = bytes.fromhex("2001 0db8 0000 0000 0000 ffff")
HEADER = 40


def server_address(address: int) -> bytes:
    """The IPv6 address of a server, 16 bytes."""
    return SERVERS + address.to_bytes(4, "big")


def has_ipv6(host: NDArray[np.integer]) -> NDArray[np.bool_]:
    """Which hosts, by number, answer over IPv6: about half, always the same."""
    mixed = host.astype(np.uint64) * np.uint64(2_654_435_761)  # Knuth's multiplicative hash
    return np.asarray(mixed >> np.uint64(11) & np.uint64(1) == 1)


def headers(
    protocol: NDArray[np.uint8],
    from_server: NDArray[np.bool_],
    payload: NDArray[np.int64],
    sender: NDArray[np.uint8],
    receiver: NDArray[np.uint8],
) -> NDArray[np.uint8]:
    """Headers uint8[n, 40]. payload: bytes behind them; sender, receiver: uint8[n, 4], as IPv4 has them."""
    heads = np.zeros((len(protocol), HEADER), np.uint8)
    heads[:, 0] = 0x60
    heads[:, 4], heads[:, 5] = payload >> 8, payload & 0xFF
    heads[:, 6], heads[:, 7] = protocol, np.where(from_server, 57, 64)
    client, server = np.frombuffer(CLIENTS, np.uint8), np.frombuffer(SERVERS, np.uint8)
    heads[:, 8:20] = np.where(from_server[:, None], server, client)
    heads[:, 20:24] = sender
    heads[:, 24:36] = np.where(from_server[:, None], client, server)
    heads[:, 36:40] = receiver
    return heads
