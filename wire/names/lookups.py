"""What DNS says about a flow: questions it asked itself, and the name its server was answered for."""

from __future__ import annotations

import numpy as np

from wire.flows.records import SERVER_TO_CLIENT
from wire.kernel import kernel
from wire.names.answers import (
    FOUND_NONE,
    FOUND_OWN,
    LOOK_CHAIN_END,
    LOOK_NAME,
    LOOK_SEVERAL,
    ech_offered,
    look_up,
    remember_message,
)
from wire.names.dns import read_dns_message
from wire.names.dns_message import DNS_QUESTIONS, DNS_RCODE, DNS_RESPONSE, KIND_DNS
from wire.names.dns_name import DNS_SHORT
from wire.names.facts import SOURCE_DNS_ANSWER, SOURCE_DNS_ANSWER_SHARED
from wire.names.flow_states import DOUBT_ECH_ON_OFFER, DOUBT_SEVERAL_NAMES, PHASE_DONE
from wire.names.queries import append_query
from wire.names.work import CURSOR_AT, CURSOR_NEED

_NXDOMAIN = 3
_COUNT_LIMIT = 65535
_HEADER_BYTES = 12


@kernel
def look_up_server(flow, work, answers, ref):  # type: ignore[no-untyped-def]
    """Note which name the flow's server was answered for, as DNS stands when the flow opens."""
    out = work.bounds
    found = look_up(
        answers, ref.client_hi, ref.client_lo, ref.server_hi, ref.server_lo, ref.timestamp_ns, out
    )
    if found == FOUND_NONE:
        return
    flow.facts.dns_name = out[LOOK_NAME]
    if out[LOOK_CHAIN_END] != out[LOOK_NAME]:
        flow.facts.dns_chain_end = out[LOOK_CHAIN_END]
    if found != FOUND_OWN:
        flow.facts.dns_source = SOURCE_DNS_ANSWER_SHARED
        return
    flow.facts.dns_source = SOURCE_DNS_ANSWER
    if out[LOOK_SEVERAL]:
        flow.doubt |= np.uint8(DOUBT_SEVERAL_NAMES)
    if ech_offered(answers, ref.client_hi, ref.client_lo, out[LOOK_NAME], ref.timestamp_ns):
        flow.doubt |= np.uint8(DOUBT_ECH_ON_OFFER)


@kernel
def take_dns(flow, dns_counters, strings, answers, queries, message, ref, kind, data, start, end):  # type: ignore[no-untyped-def]
    """Read the DNS message data[start:end]: count it, list what it asks for, keep what it answers."""
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
    if kind == KIND_DNS and ref.direction == SERVER_TO_CLIENT:
        remember_message(answers, message, ref.client_hi, ref.client_lo, ref.timestamp_ns)


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
