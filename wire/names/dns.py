"""DNS messages: who was asked for, and which addresses answer for it (RFC 1035, 3596, 9460).

    message = dns_message()                                          work space, one per thread
    status = read_dns_message(buffer, start, end, strings, message)  kernel; one UDP payload
    status = read_dns_stream(buffer, at, end, strings, message)      kernel; one TCP message,
             next one at message.out[DNS_NEXT]; loop until DNS_NEED_MORE
    kind = dns_kind(protocol, client_port, server_port)              kernel; KIND_*

`status` is an index into DNS_STATUS_NAMES. Whatever it is, message.out holds what was read:
DNS_NAME is ABSENT when no question could be read. After a malformed answer section (status
above DNS_NEED_MORE) there are no addresses, since the client's resolver refuses it too; after
DNS_CUT (snap length) those before the cut remain.
Feed answer map and query list from KIND_DNS alone; KIND_MDNS and KIND_LLMNR only count.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from wire.flows.records import IPV4_MAPPED, TCP, UDP
from wire.kernel import kernel
from wire.names.dns_name import (
    DNS_BAD_OPCODE,
    DNS_BAD_RDATA,
    DNS_CUT,
    DNS_NEED_MORE,
    DNS_OK,
    DNS_SHORT,
    HEADER_BYTES,
    TEXT_BYTES,
    hash_name,
    read_name,
)
from wire.names.strings import ABSENT, intern

KIND_NONE, KIND_DNS, KIND_MDNS, KIND_LLMNR = 0, 1, 2, 3
_PORTS = (53, 5353, 5355)

#: Fields of `out`.
DNS_ID = 0
DNS_RESPONSE = 1  # 1: an answer
DNS_OPCODE = 2  # 0: QUERY; answers of other operations are not read
DNS_RCODE = 3  # of the header; 3: NXDOMAIN
DNS_TRUNCATED = 4  # TC bit
DNS_QUESTIONS = 5  # names in `questions`
DNS_NAME = 6  # string id of the first question's name
DNS_NAME_IS_HOST = 7  # 1: has only bytes that host names have
DNS_QTYPE = 8  # of the first question, -1 without
DNS_QCLASS = 9  # as on the wire: mDNS sets the top bit
DNS_CHAIN_END = 10  # string id of the last CNAME (or HTTPS alias) from the question; its name without
DNS_CHAIN_LENGTH = 11  # aliases followed
DNS_ADDRESSES = 12  # addresses in address_hi, address_lo
DNS_TTL = 13  # seconds: the least of the records used, -1 without
DNS_HTTPS = 14  # HTTPS or SVCB records of the chain
DNS_ECH = 15  # 1: one of them carries an ECH configuration
DNS_ALPN = 16  # string id of the first alpn list as on the wire: length-prefixed protocol ids
DNS_IGNORED = 17  # answer records, addresses or questions beyond the bounds below
DNS_NEXT = 18  # streams: where the next message starts
DNS_FIELDS = 19

MAX_QUESTIONS = 16
MAX_RECORDS = 64
MAX_ADDRESSES = 64
MAX_CHAIN = 16  # BIND and Unbound give up after 11 to 16 aliases

TYPE_A, TYPE_CNAME, TYPE_AAAA, TYPE_SVCB, TYPE_HTTPS = 1, 5, 28, 64, 65
_CLASS_IN = 1
#: Keys of service parameters, RFC 9460 section 14.3.2.
_KEY_ALPN, _KEY_IPV4HINT, _KEY_ECH, _KEY_IPV6HINT = 1, 4, 5, 6

#: Columns of `records`.
_OWNER, _TYPE, _TTL, _START, _END, _TARGET, _TARGET_AT, _COLUMNS = 0, 1, 2, 3, 4, 5, 6, 7


class DnsMessage(NamedTuple):
    """Work space and result of a reader."""

    out: NDArray[np.int64]  # (DNS_FIELDS,)
    questions: NDArray[np.int32]  # (MAX_QUESTIONS,) string ids
    address_hi: NDArray[np.uint64]  # (MAX_ADDRESSES,) as in wire/flows/records.py
    address_lo: NDArray[np.uint64]
    text: NDArray[np.uint8]
    records: NDArray[np.int64]
    chain: NDArray[np.int64]


def dns_message() -> DnsMessage:
    """A fresh work space for one thread."""
    return DnsMessage(
        out=np.zeros(DNS_FIELDS, np.int64),
        questions=np.zeros(MAX_QUESTIONS, np.int32),
        address_hi=np.zeros(MAX_ADDRESSES, np.uint64),
        address_lo=np.zeros(MAX_ADDRESSES, np.uint64),
        text=np.zeros(TEXT_BYTES, np.uint8),
        records=np.zeros(MAX_RECORDS * _COLUMNS, np.int64),
        chain=np.zeros(MAX_CHAIN + 1, np.int64),
    )


@kernel
def dns_kind(protocol, client_port, server_port):  # type: ignore[no-untyped-def]
    """Which name service speaks on these ports: KIND_*. The server's port decides first."""
    if protocol != UDP and protocol != TCP:
        return KIND_NONE
    for port in (server_port, client_port):
        if port == 53:
            return KIND_DNS
        if port == 5353 and protocol == UDP:
            return KIND_MDNS
        if port == 5355:
            return KIND_LLMNR
    return KIND_NONE
