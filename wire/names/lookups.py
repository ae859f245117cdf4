"""What a flow's DNS messages say: the questions it asks, and the answers that others are told of."""

from __future__ import annotations

import numpy as np

from wire.flows.records import REF_PAYLOAD, SERVER_TO_CLIENT, UDP
from wire.kernel import kernel
from wire.names.dns import read_dns_message
from wire.names.dns_message import (
    DNS_QUESTIONS,
    DNS_RCODE,
    DNS_RESPONSE,
    KIND_DNS,
    KIND_NONE,
    MAX_ADDRESSES,
)
from wire.names.dns_name import DNS_SHORT
from wire.names.events import tell_message
from wire.names.flow_states import PHASE_DONE
from wire.names.queries import append_query
from wire.names.stream import SLOT_BYTES
from wire.names.work import CURSOR_AT, CURSOR_NEED

_NXDOMAIN = 3
_COUNT_LIMIT = 65535
_HEADER_BYTES = 12


#: An address in an answer takes four octets at least.
_ADDRESS_BYTES = 4


@kernel
def most_events(ref, kind, buffer_bytes):  # type: ignore[no-untyped-def]
    """The most events that one reference into a buffer of this size can yield."""
    if kind == KIND_NONE or ref.kind != REF_PAYLOAD:
        return np.int64(1)
    if ref.protocol == UDP:
        return np.int64(MAX_ADDRESSES + 1)
    length = min(max(np.int64(ref.length), 0), buffer_bytes)
    return 1 + (length + SLOT_BYTES) // _ADDRESS_BYTES


@kernel
def take_dns(flow, work, dns_counters, strings, events, queries, message, ref, kind, order, data, start, end):  # type: ignore[no-untyped-def]
    """Read the DNS message data[start:end]: count it, list what it asks for, tell what it answers.

    Nothing is told of what is read late, from behind a hole in its stream.
    """
    status = read_dns_message(data, start, end, strings, message)
    dns_counters[status] += 1
    facts = flow.facts
    facts.dns_kind = kind
    out = message.out
    if out[DNS_RESPONSE] == 0:
        if out[DNS_QUESTIONS] > 0 and facts.dns_query_count < _COUNT_LIMIT:
            facts.dns_query_count += np.uint16(1)
    else:
        if facts.dns_responses < _COUNT_LIMIT:
            facts.dns_responses += np.uint16(1)
        if out[DNS_RCODE] == _NXDOMAIN and facts.dns_nxdomain < _COUNT_LIMIT:
            facts.dns_nxdomain += np.uint16(1)
    for i in range(out[DNS_QUESTIONS]):
        if message.questions[i] >= 0:
            flow.queries = append_query(queries, np.int64(flow.queries), message.questions[i])
    if kind == KIND_DNS and ref.kind == REF_PAYLOAD and ref.direction == SERVER_TO_CLIENT:
        tell_message(events, work, message, ref, order)


@kernel
def next_dns_message(flow, side, work, dns_counters, data, at, end):  # type: ignore[no-untyped-def]
    """Whether a whole message stands at data[at] of a TCP stream (RFC 7766 section 8).

    Leaves its bounds in work.bounds[0:2], or in work.cursor where reading goes on and what it needs.
    """
    work.cursor[CURSOR_AT] = at
    work.cursor[CURSOR_NEED] = at + 2
    if at + 2 > end:
        return False
    length = (np.int64(data[at]) << 8) | np.int64(data[at + 1])
    if length < _HEADER_BYTES:
        dns_counters[DNS_SHORT] += 1
        flow.phase[side] = PHASE_DONE
        return False
    work.cursor[CURSOR_NEED] = at + 2 + length
    if at + 2 + length > end:
        return False
    work.bounds[0] = at + 2
    work.bounds[1] = at + 2 + length
    return True
