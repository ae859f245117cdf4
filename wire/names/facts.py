"""FACTS: what is known about one flow's name, one record per flow.

String fields are ids, -1 when absent. A Namer fills in what the flow's own bytes say; NameJoin adds
what DNS says of it, judges ECH and chooses the name: `name`, `name_source`, `name_confidence`,
`outer_name` and the fields `dns_name`, `dns_chain_end`, `dns_source` are its own.
"""

from __future__ import annotations

import numpy as np

#: Closed set; a lower index is better evidence, `none` apart (CONTRACTS: Names and categories).
NAME_SOURCES = (
    "none",
    "tls_sni",
    "quic_sni",
    "http_host",
    "dns_answer",
    "dns_answer_shared",
    "tls_cert",
    "address_range",
)
SOURCE_NONE, SOURCE_TLS_SNI, SOURCE_QUIC_SNI, SOURCE_HTTP_HOST = 0, 1, 2, 3
SOURCE_DNS_ANSWER, SOURCE_DNS_ANSWER_SHARED, SOURCE_TLS_CERT, SOURCE_ADDRESS_RANGE = 4, 5, 6, 7

#: Encrypted Client Hello. `offered`: the extension stands in the hello and nothing says that it is
#: more than GREASE, so the SNI still names the flow, with less confidence. `outer`: the hello is
#: judged a real outer hello; its SNI goes to `outer_name` and never names the flow.
ECH_NAMES = ("none", "offered", "outer")
ECH_NONE, ECH_OFFERED, ECH_OUTER = 0, 1, 2

#: Distinct HTTP hosts kept per flow; the first is `http_host`.
MORE_HOSTS = 3

FACTS = np.dtype(
    [
        ("flow", "i8"),  # serial, 0 when nothing is known
        ("name", "i4"),
        ("name_confidence", "f4"),
        ("http_host", "i4"),
        ("user_agent", "i4"),  # product tokens only
        ("alpn", "i4"),  # the client's protocol list as on the wire (length-prefixed)
        ("alpn_chosen", "i4"),  # the server's choice, visible up to TLS 1.2
        ("parameters", "i4"),  # blob of tls_parameters.py, from which JA4 comes
        ("outer_name", "i4"),
        ("cert_name", "i4"),
        ("server_name", "i4"),  # SNI as sent, whatever it is good for
        ("dns_name", "i4"),
        ("dns_chain_end", "i4"),  # where the CNAME chain behind dns_name ended; -1 at dns_name itself
        ("proxy_target", "i4"),  # host of CONNECT or SOCKS
        ("referer", "i4"),  # host of the first Referer or Origin; no name of the flow, never written
        ("more_hosts", "i4", (MORE_HOSTS,)),  # further distinct HTTP hosts
        ("quic_version", "u4"),  # as on the wire; 0 without
        ("tls_version", "u2"),  # negotiated; the client's highest while the server is unseen; 0 none
        ("tls_cipher", "u2"),  # negotiated; 0 unseen
        ("dns_query_count", "u2"),
        ("dns_responses", "u2"),
        ("dns_nxdomain", "u2"),
        ("name_source", "u1"),  # index into NAME_SOURCES
        ("dns_source", "u1"),  # SOURCE_DNS_ANSWER | SOURCE_DNS_ANSWER_SHARED | SOURCE_NONE
        ("ech", "u1"),  # index into ECH_NAMES
        ("tls", "u1"),  # bits: 1 ClientHello, 2 ServerHello, 4 HelloRetryRequest seen
        ("quic", "u1"),  # 1: a QUIC or gQUIC hello was read
        ("dns_kind", "u1"),  # KIND_* of dns_message.py: unicast DNS, mDNS or LLMNR
        ("http", "u1"),  # 1: HTTP/1 requests, 2: HTTP/2 with prior knowledge
        ("cert_match", "u1"),  # MATCH_* of certificate_check.py: does it cover the SNI?
        ("mining", "u1"),  # 1: the client's first line is a miner's request to a pool (mining.py)
        ("personal", "u2"),  # kinds of identifiers in cleartext HTTP, bits of IDENTIFIER_KINDS
        ("cert_not_before", "u4"),  # seconds since 1970; 0 unseen
        ("cert_not_after", "u4"),
        ("ja3", "u1", (16,)),  # MD5 of the JA3 text, all zero without a hello
    ]
)

TLS_CLIENT_HELLO, TLS_SERVER_HELLO, TLS_RETRY_REQUEST = 1, 2, 4
HTTP_1, HTTP_2_PRIOR_KNOWLEDGE = 1, 2
