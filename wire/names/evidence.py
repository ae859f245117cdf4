"""Which evidence names a flow: the best there is, and how sure that is (CONTRACTS: Names)."""

from __future__ import annotations

from wire.kernel import kernel
from wire.names.facts import (
    ECH_OFFERED,
    ECH_OUTER,
    SOURCE_DNS_ANSWER,
    SOURCE_HTTP_HOST,
    SOURCE_QUIC_SNI,
    SOURCE_TLS_CERT,
    SOURCE_TLS_SNI,
)

#: Bits of `doubt`: the client was given the server's address for several names; the name it was
#: given it for has an HTTPS record that offered ECH to this client.
DOUBT_SEVERAL_NAMES, DOUBT_ECH_ON_OFFER = 1, 2

#: What Python found out about a string once: no valid IDNA name; the public name of an ECH operator.
VERDICT_BAD_NAME, VERDICT_ECH_PUBLIC_NAME = 1, 2

#: Shares of flows that a reviewer should expect to be named rightly: rough ranks, not measurements.
#: The client's own words come first; a name that ECH may hide behind, or that came by the address
#: (several sites share one), is worth less; a certificate often speaks for many names.
CONFIDENCE_SNI = 0.99
CONFIDENCE_SNI_ECH_OFFERED = 0.9
CONFIDENCE_HTTP_HOST = 0.95
CONFIDENCE_PROXY_TARGET = 0.9
CONFIDENCE_DNS_ANSWER = 0.8
CONFIDENCE_DNS_ANSWER_SEVERAL = 0.6
CONFIDENCE_DNS_ANSWER_SHARED = 0.5
CONFIDENCE_TLS_CERT = 0.5


@kernel
def _usable(verdicts, name):  # type: ignore[no-untyped-def]
    return name >= 0 and (name >= len(verdicts) or verdicts[name] & VERDICT_BAD_NAME == 0)


@kernel
def _is_outer(verdicts, facts, doubt):  # type: ignore[no-untyped-def]
    """Whether a hello that carries the ECH extension is a real outer hello (see tls.py)."""
    name = facts.server_name
    if name < 0:
        return False
    if name < len(verdicts) and verdicts[name] & VERDICT_ECH_PUBLIC_NAME:
        return True
    if doubt & DOUBT_ECH_ON_OFFER == 0 or doubt & DOUBT_SEVERAL_NAMES:
        return False
    return name != facts.dns_name and name != facts.dns_chain_end


@kernel
def _set(facts, name, source, confidence):  # type: ignore[no-untyped-def]
    facts.name = name
    facts.name_source = source
    facts.name_confidence = confidence


@kernel
def _choose_name(verdicts, facts, doubt):  # type: ignore[no-untyped-def]
    """Set name, name_source and name_confidence of one record."""
    # What a real outer hello says of itself is about the operator, and so is its certificate.
    trusted = facts.ech != ECH_OUTER
    if trusted and _usable(verdicts, facts.server_name):
        sure = CONFIDENCE_SNI_ECH_OFFERED if facts.ech == ECH_OFFERED else CONFIDENCE_SNI
        _set(facts, facts.server_name, SOURCE_QUIC_SNI if facts.quic else SOURCE_TLS_SNI, sure)
    elif trusted and _usable(verdicts, facts.http_host):
        _set(facts, facts.http_host, SOURCE_HTTP_HOST, CONFIDENCE_HTTP_HOST)
    elif _usable(verdicts, facts.proxy_target):
        _set(facts, facts.proxy_target, SOURCE_HTTP_HOST, CONFIDENCE_PROXY_TARGET)
    elif _usable(verdicts, facts.dns_name):
        sure = CONFIDENCE_DNS_ANSWER_SHARED
        if facts.dns_source == SOURCE_DNS_ANSWER:
            several = doubt & DOUBT_SEVERAL_NAMES
            sure = CONFIDENCE_DNS_ANSWER_SEVERAL if several else CONFIDENCE_DNS_ANSWER
        _set(facts, facts.dns_name, facts.dns_source, sure)
    elif trusted and _usable(verdicts, facts.cert_name):
        _set(facts, facts.cert_name, SOURCE_TLS_CERT, CONFIDENCE_TLS_CERT)


@kernel
def judge_and_name(verdicts, facts, doubt):  # type: ignore[no-untyped-def]
    """Judge ECH and choose the name of one record, all of whose evidence is in."""
    if facts.ech == ECH_OFFERED and _is_outer(verdicts, facts, doubt):
        facts.ech = ECH_OUTER
        facts.outer_name = facts.server_name
    _choose_name(verdicts, facts, doubt)
