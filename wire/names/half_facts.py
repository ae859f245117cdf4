"""FACTS of a flow whose halves different workers read: each field from whoever knows it."""

from __future__ import annotations

from wire.kernel import kernel
from wire.names.facts import TLS_SERVER_HELLO
from wire.names.strings import ABSENT

_COUNT_LIMIT = 65535


@kernel
def add_facts(into, facts):  # type: ignore[no-untyped-def]
    """Fill what `into` does not know from `facts`; counts are sums. The join's own fields stay."""
    into.http_host = _first(into.http_host, facts.http_host)
    into.user_agent = _first(into.user_agent, facts.user_agent)
    into.alpn = _first(into.alpn, facts.alpn)
    into.alpn_chosen = _first(into.alpn_chosen, facts.alpn_chosen)
    into.parameters = _first(into.parameters, facts.parameters)
    into.server_name = _first(into.server_name, facts.server_name)
    into.proxy_target = _first(into.proxy_target, facts.proxy_target)
    into.referer = _first(into.referer, facts.referer)
    if into.cert_name < 0 and into.cert_not_after == 0:
        into.cert_name = facts.cert_name
        into.cert_match = facts.cert_match
        into.cert_not_before = facts.cert_not_before
        into.cert_not_after = facts.cert_not_after
    if into.more_hosts[0] < 0:
        for k in range(len(into.more_hosts)):
            into.more_hosts[k] = facts.more_hosts[k]
    if into.quic_version == 0:
        into.quic_version = facts.quic_version
    # What was negotiated stands in the server's hello.
    if into.tls_version == 0 or (into.tls & TLS_SERVER_HELLO == 0 and facts.tls & TLS_SERVER_HELLO != 0):
        into.tls_version = facts.tls_version
        into.tls_cipher = facts.tls_cipher
    into.dns_query_count = min(int(into.dns_query_count) + facts.dns_query_count, _COUNT_LIMIT)
    into.dns_responses = min(int(into.dns_responses) + facts.dns_responses, _COUNT_LIMIT)
    into.dns_nxdomain = min(int(into.dns_nxdomain) + facts.dns_nxdomain, _COUNT_LIMIT)
    into.ech = max(into.ech, facts.ech)
    into.tls |= facts.tls
    into.quic |= facts.quic
    into.dns_kind = max(into.dns_kind, facts.dns_kind)
    into.http = max(into.http, facts.http)
    into.mining |= facts.mining
    into.personal |= facts.personal
    known = False
    for k in range(len(into.ja3)):
        known = known or into.ja3[k] != 0
    if not known:
        for k in range(len(into.ja3)):
            into.ja3[k] = facts.ja3[k]


@kernel(inline=True)
def _first(known, told):  # type: ignore[no-untyped-def]
    return told if known == ABSENT else known
