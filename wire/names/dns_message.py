"""What a DNS reader finds in a message, and the work space it uses."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from wire.flows.records import TCP, UDP
from wire.kernel import kernel
from wire.names.dns_name import TEXT_BYTES

KIND_NONE, KIND_DNS, KIND_MDNS, KIND_LLMNR = 0, 1, 2, 3

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
DNS_ALPN_START, DNS_ALPN_END = 19, 20  # where the alpn list stands; 0 without
DNS_FIELDS = 21

MAX_QUESTIONS = 16
MAX_RECORDS = 64
MAX_ADDRESSES = 64
MAX_CHAIN = 16  # BIND and Unbound give up after 11 to 16 aliases

#: Columns of a row of `records`.
RECORD_OWNER, RECORD_TYPE, RECORD_TTL, RECORD_START, RECORD_END = 0, 1, 2, 3, 4
RECORD_TARGET, RECORD_TARGET_AT, RECORD_COLUMNS = 5, 6, 7


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
        records=np.zeros(MAX_RECORDS * RECORD_COLUMNS, np.int64),
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
