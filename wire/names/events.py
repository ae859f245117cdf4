"""EVENT: what one worker saw that another worker's flows may be named by, in the order of packets.

A client's DNS and its TLS may pass different workers, so the answers that DNS gave and the flows
that opened travel as events; whoever sees the events of all workers puts them in order and joins
them (wire/names/join.py). String ids are those of the worker that wrote the event.
"""

from __future__ import annotations

import numpy as np

from wire.kernel import kernel
from wire.names.dns_message import (
    DNS_ADDRESSES,
    DNS_CHAIN_END,
    DNS_ECH,
    DNS_HTTPS,
    DNS_NAME,
    DNS_NAME_IS_HOST,
    DNS_OPCODE,
    DNS_RCODE,
    DNS_RESPONSE,
    DNS_TTL,
)
from wire.names.strings import ABSENT

#: A flow opened; a client was given an address for a name; HTTPS records for a name offered ECH or not.
EVENT_OPEN, EVENT_ANSWER, EVENT_ECH = 0, 1, 2

EVENT = np.dtype(
    [
        ("order", "i8"),  # place in the order of all workers: the frame's number, or its time
        ("timestamp_ns", "i8"),
        ("flow", "i8"),  # serial
        ("client_hi", "u8"),
        ("client_lo", "u8"),
        ("server_hi", "u8"),  # OPEN: of the flow; ANSWER: the address that was answered
        ("server_lo", "u8"),
        ("ttl_seconds", "i8"),  # ANSWER, ECH
        ("name", "i4"),  # ANSWER, ECH: string id of the name that was asked for
        ("chain_end", "i4"),  # ANSWER: string id of its last alias, the name itself without
        ("client_port", "u2"),
        ("server_port", "u2"),
        ("protocol", "u1"),
        ("kind", "u1"),  # EVENT_*
        ("offered", "u1"),  # ECH: 1 when a configuration was offered
        ("fresh", "u1"),  # OPEN: 1 when a TCP SYN opened the flow
        ("vlan", "i2"),  # of the flow, -1 without
        ("vlan_inner", "i2"),
    ]
)


@kernel
def _next_event(events, work, ref, order, kind):  # type: ignore[no-untyped-def]
    """The place of a fresh event about the reference's flow; the caller has made sure of room."""
    at = np.int64(work.events)
    work.events = at + 1
    event = events[at]
    event.order = order
    event.timestamp_ns = ref.timestamp_ns
    event.flow = ref.flow
    event.client_hi = ref.client_hi
    event.client_lo = ref.client_lo
    event.server_hi = ref.server_hi
    event.server_lo = ref.server_lo
    event.ttl_seconds = 0
    event.name = ABSENT
    event.chain_end = ABSENT
    event.client_port = ref.client_port
    event.server_port = ref.server_port
    event.protocol = ref.protocol
    event.kind = kind
    event.offered = 0
    event.fresh = ref.fresh
    event.vlan = ref.vlan
    event.vlan_inner = ref.vlan_inner
    return at


@kernel
def tell_opening(events, work, ref, order):  # type: ignore[no-untyped-def]
    """Write the event of a flow that opened."""
    _next_event(events, work, ref, order, EVENT_OPEN)


@kernel
def tell_message(events, work, message, ref, order):  # type: ignore[no-untyped-def]
    """Write what a message that read_dns_message has just read tells its client.

    Only a successful answer to a query for a host name counts.
    """
    out = message.out
    if out[DNS_RESPONSE] == 0 or out[DNS_OPCODE] != 0 or out[DNS_RCODE] != 0:
        return
    if out[DNS_NAME] == ABSENT or out[DNS_NAME_IS_HOST] == 0:
        return
    for i in range(out[DNS_ADDRESSES]):
        event = events[_next_event(events, work, ref, order, EVENT_ANSWER)]
        event.server_hi = message.address_hi[i]
        event.server_lo = message.address_lo[i]
        event.name = out[DNS_NAME]
        event.chain_end = out[DNS_CHAIN_END]
        event.ttl_seconds = out[DNS_TTL]
    if out[DNS_HTTPS] > 0:
        event = events[_next_event(events, work, ref, order, EVENT_ECH)]
        event.name = out[DNS_NAME]
        event.ttl_seconds = out[DNS_TTL]
        event.offered = out[DNS_ECH]
