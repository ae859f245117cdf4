"""DNS messages: who was asked for, and which addresses answer for it (RFC 1035, 3596, 9460).

    message = dns_message()                                          work space, one per thread
    status = read_dns_message(buffer, start, end, strings, message)  kernel; one UDP payload
    status = read_dns_stream(buffer, at, end, strings, message)      kernel; one TCP message,
             next one at message.out[DNS_NEXT]; loop until DNS_NEED_MORE
    kind = dns_kind(protocol, client_port, server_port)              kernel; KIND_*

`status` is an index into DNS_STATUS_NAMES. Whatever it is, message.out holds what was read
(fields: wire/names/dns_message.py): DNS_NAME is ABSENT when no question could be read. After a
malformed answer section (status above DNS_NEED_MORE) there are no addresses, since the client's
resolver refuses it too; after DNS_CUT (snap length) those before the cut remain.
Feed answer map and query list from KIND_DNS alone; KIND_MDNS and KIND_LLMNR only count.
"""

from __future__ import annotations

import numpy as np

from wire.kernel import kernel
from wire.names.dns_answers import follow_chain, list_records, take_answers, u16
from wire.names.dns_message import (
    DNS_ADDRESSES,
    DNS_ALPN,
    DNS_ALPN_END,
    DNS_ALPN_START,
    DNS_CHAIN_END,
    DNS_ECH,
    DNS_FIELDS,
    DNS_HTTPS,
    DNS_ID,
    DNS_IGNORED,
    DNS_NAME,
    DNS_NAME_IS_HOST,
    DNS_NEXT,
    DNS_OPCODE,
    DNS_QCLASS,
    DNS_QTYPE,
    DNS_QUESTIONS,
    DNS_RCODE,
    DNS_RESPONSE,
    DNS_TRUNCATED,
    DNS_TTL,
    KIND_DNS,
    KIND_LLMNR,
    KIND_MDNS,
    KIND_NONE,
    MAX_QUESTIONS,
    DnsMessage,
    dns_kind,
    dns_message,
)
from wire.names.dns_name import (
    DNS_BAD_OPCODE,
    DNS_CUT,
    DNS_NEED_MORE,
    DNS_OK,
    DNS_SHORT,
    DNS_STATUS_NAMES,
    HEADER_BYTES,
    hash_name,
    read_name,
)
from wire.names.strings import ABSENT, intern

__all__ = [
    "DNS_ADDRESSES", "DNS_ALPN", "DNS_CHAIN_END", "DNS_CUT", "DNS_ECH", "DNS_HTTPS", "DNS_ID",
    "DNS_IGNORED", "DNS_NAME", "DNS_NAME_IS_HOST", "DNS_NEED_MORE", "DNS_NEXT", "DNS_OK",
    "DNS_OPCODE", "DNS_QCLASS", "DNS_QTYPE", "DNS_QUESTIONS", "DNS_RCODE", "DNS_RESPONSE",
    "DNS_SHORT", "DNS_STATUS_NAMES", "DNS_TRUNCATED", "DNS_TTL", "KIND_DNS", "KIND_LLMNR",
    "KIND_MDNS", "KIND_NONE", "DnsMessage", "dns_kind", "dns_message", "read_dns_message",
    "read_dns_stream",
]  # fmt: skip

_HIGHEST_OPCODE = 6  # stateful operations, RFC 8490; none is given out above it


@kernel
def _read_header(buffer, start, end, out):  # type: ignore[no-untyped-def]
    """Reset `out` and fill in the header. Returns a status."""
    for i in range(DNS_FIELDS):
        out[i] = 0
    out[DNS_NAME] = ABSENT
    out[DNS_CHAIN_END] = ABSENT
    out[DNS_ALPN] = ABSENT
    out[DNS_QTYPE] = -1
    out[DNS_TTL] = -1
    out[DNS_NEXT] = end
    if start < 0 or end > len(buffer) or end - start < HEADER_BYTES:
        return DNS_SHORT
    flags = u16(buffer, start + 2)
    out[DNS_ID] = u16(buffer, start)
    out[DNS_RESPONSE] = flags >> 15
    out[DNS_OPCODE] = flags >> 11 & 15
    out[DNS_TRUNCATED] = flags >> 9 & 1
    out[DNS_RCODE] = flags & 15
    return DNS_OK if out[DNS_OPCODE] <= _HIGHEST_OPCODE else DNS_BAD_OPCODE


@kernel
def _read_questions(buffer, base, end, count, strings, text, questions, out):  # type: ignore[no-untyped-def]
    """Read the question section. Returns (status, next)."""
    at = np.int64(base + HEADER_BYTES)
    for i in range(count):
        status, following, length, is_host = read_name(buffer, base, at, end, text)
        if status != DNS_OK:
            return status, at
        if following + 4 > end:
            return DNS_CUT, at
        at = following + 4
        if i >= MAX_QUESTIONS:
            out[DNS_IGNORED] += 1
            continue
        name = intern(strings, text, 0, length)
        questions[i] = name
        out[DNS_QUESTIONS] = i + 1
        if i == 0:
            out[DNS_NAME] = name
            out[DNS_CHAIN_END] = name
            out[DNS_NAME_IS_HOST] = is_host
            out[DNS_QTYPE] = u16(buffer, following)
            out[DNS_QCLASS] = u16(buffer, following + 2)
    return DNS_OK, at


@kernel
def _read_answers(buffer, base, at, end, count, strings, message):  # type: ignore[no-untyped-def]
    """Read the answer section, as far as it goes, for the first question's name."""
    out, records, chain = message.out, message.records, message.chain
    status, _, question = hash_name(buffer, base, base + HEADER_BYTES, end)
    chain[0] = np.int64(question)
    cut, listed = list_records(buffer, base, at, end, count, records, out)
    if cut != DNS_OK and cut != DNS_CUT:
        return cut
    last = follow_chain(listed, records, chain, out)
    status = take_answers(
        buffer, base, listed, records, chain, message.address_hi, message.address_lo, out
    )
    if status != DNS_OK:
        out[DNS_ADDRESSES] = 0
        out[DNS_HTTPS] = 0
        out[DNS_ECH] = 0
        return status
    if out[DNS_ALPN_END] > 0:
        out[DNS_ALPN] = intern(strings, buffer, out[DNS_ALPN_START], out[DNS_ALPN_END])
    if last >= 0:
        status, _, length, is_host = read_name(buffer, base, last, end, message.text)
        if status == DNS_OK and is_host:
            out[DNS_CHAIN_END] = intern(strings, message.text, 0, length)
    return cut


@kernel
def read_dns_message(buffer, start, end, strings, message):  # type: ignore[no-untyped-def]
    """Read one DNS message, buffer[start:end], into `message`. Returns a status (DNS_*).

    The chain's last name is kept only when it is a host's; else DNS_CHAIN_END is the question's.
    """
    out = message.out
    status = _read_header(buffer, start, end, out)
    if status != DNS_OK:
        return status
    questions, answers = u16(buffer, start + 4), u16(buffer, start + 6)
    status, at = _read_questions(
        buffer, start, end, questions, strings, message.text, message.questions, out
    )
    if status != DNS_OK or out[DNS_RESPONSE] == 0 or out[DNS_OPCODE] != 0:
        return status
    if out[DNS_QUESTIONS] == 0 or answers == 0:
        return DNS_OK
    return _read_answers(buffer, start, at, end, answers, strings, message)


@kernel
def read_dns_stream(buffer, at, end, strings, message):  # type: ignore[no-untyped-def]
    """Read the message at `at` of a TCP stream: two octets of length, then the message (RFC 7766).

    Returns its status and leaves the place of the next one in out[DNS_NEXT]; DNS_NEED_MORE, with
    DNS_NEXT = at, when buffer[at:end] does not hold a whole one. A stream that was cut for good
    can still be read with read_dns_message(buffer, at + 2, end, ...).
    """
    if at < 0 or end > len(buffer) or at + 2 > end:
        message.out[DNS_NEXT] = at
        return DNS_NEED_MORE
    stop = at + 2 + u16(buffer, at)
    if stop > end:
        message.out[DNS_NEXT] = at
        return DNS_NEED_MORE
    status = read_dns_message(buffer, at + 2, stop, strings, message)
    message.out[DNS_NEXT] = stop
    return status
