"""Reads of big-endian integers. The caller has checked that the bytes are there."""

from __future__ import annotations

import numpy as np

from wire.flows.records import IPV4_MAPPED
from wire.kernel import kernel

_MAPPED = np.uint64(IPV4_MAPPED)


@kernel(inline=True)
def u16(buffer, at):  # type: ignore[no-untyped-def]
    """Two bytes in network order."""
    return (np.int64(buffer[at]) << 8) | np.int64(buffer[at + 1])


@kernel(inline=True)
def u32(buffer, at):  # type: ignore[no-untyped-def]
    """Four bytes in network order, as a non-negative int64."""
    return (
        (np.int64(buffer[at]) << 24)
        | (np.int64(buffer[at + 1]) << 16)
        | (np.int64(buffer[at + 2]) << 8)
        | np.int64(buffer[at + 3])
    )


@kernel(inline=True)
def u64(buffer, at):  # type: ignore[no-untyped-def]
    """Eight bytes in network order, as uint64."""
    return (np.uint64(u32(buffer, at)) << np.uint64(32)) | np.uint64(u32(buffer, at + 4))


@kernel(inline=True)
def ipv4_mapped_low(buffer, at):  # type: ignore[no-untyped-def]
    """The low half of the IPv4-mapped form of the four bytes (RFC 4291 section 2.5.5.2)."""
    return _MAPPED | np.uint64(u32(buffer, at))
