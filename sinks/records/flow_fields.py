"""The columns of flows.parquet, described: JSON Schema of a row, times as RFC 3339."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from detectors.catalogue.categories import CATEGORIES
from wire.flows.records import FIRST_PACKETS, PROTO_NAMES, TCP_END_NAMES, TUNNEL_NAMES
from wire.names.facts import ECH_NAMES, NAME_SOURCES

_Field = Mapping[str, Any]
_TIME = r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z$"


def _number(what: str, kind: str = "integer", **limits: Any) -> _Field:
    return {"type": kind, "description": what, **limits}


def _maybe(what: str, kind: str, **limits: Any) -> _Field:
    return {"type": [kind, "null"], "description": what, **limits}


def _time(what: str) -> _Field:
    return {"type": "string", "pattern": _TIME, "description": what}


def _one_of(names: tuple[str, ...], what: str) -> _Field:
    return {"enum": list(names), "description": what}


def _list(items: str, what: str, most: int) -> _Field:
    return {"type": ["array", "null"], "items": {"type": items}, "maxItems": most, "description": what}


def _figure_both(name: str, what: str, **limits: Any) -> dict[str, _Field]:
    """A statistic of each direction; null where too few frames went that way."""
    return {
        f"{name}_c2s": _maybe(f"{what}, client to server", "number", **limits),
        f"{name}_s2c": _maybe(f"{what}, server to client", "number", **limits),
    }


def _both(name: str, what: str, kind: str = "integer", **limits: Any) -> dict[str, _Field]:
    return {
        f"{name}_c2s": _number(f"{what}, client to server", kind, **limits),
        f"{name}_s2c": _number(f"{what}, server to client", kind, **limits),
    }


_PORT: dict[str, Any] = {"minimum": 0, "maximum": 65_535}
_COUNT: dict[str, Any] = {"minimum": 0}

FLOW_FIELDS: Mapping[str, _Field] = {
    "flow_id": _number("keyed hash of the key and first time; joins the rows of a flow", **_COUNT),
    "ts_start": _time("first packet of this row"),
    "ts_end": _time("last packet of this row"),
    "client_ip": {"type": "string", "description": "who opened; a pseudonym when asked for and internal"},
    "client_port": _number("0 for protocols without ports", **_PORT),
    "server_ip": {"type": "string", "description": "as client_ip"},
    "server_port": _number("ICMP: type and code", **_PORT),
    "proto": _one_of(tuple(sorted(PROTO_NAMES.values())), "transport protocol, or ARP"),
    "vlan": _maybe("outermost VLAN id", "integer", minimum=0, maximum=4095),
    "tunnel": _one_of(TUNNEL_NAMES, "innermost tunnel"),
    **_both("packets", "frames", **_COUNT),
    **_both("bytes", "whole frames on the wire", **_COUNT),
    **_both("payload_bytes", "transport payload", **_COUNT),
    "tcp_end": _one_of(TCP_END_NAMES, "how a TCP flow ended; `none` while it goes on"),
    "rtt_ms": _maybe("SYN to the ACK that completes the handshake", "number", minimum=0),
    "name": _maybe("server name by the best evidence", "string", maxLength=253),
    "name_source": _one_of(NAME_SOURCES, "that evidence"),
    "dns_query": _list("string", "names that a DNS flow asked for", 64),
    "http_host": _maybe("first Host of HTTP/1", "string"),
    "user_agent": _maybe("product tokens alone", "string"),
    "alpn": _maybe("the client's ALPN list, comma between", "string"),
    "tls_version": _maybe("negotiated, or the client's highest while the server is unseen", "string"),
    "ja3": _maybe("JA3 of the client", "string", pattern="^[0-9a-f]{32}$"),
    "ja4": _maybe("JA4 of the client", "string", pattern="^[tq][0-9a-z]{9}_[0-9a-f]{12}_[0-9a-f]{12}$"),
    "ech": _one_of(ECH_NAMES, "Encrypted Client Hello"),
    "service": _maybe("id of the catalogue's entry", "string"),
    "category": _one_of(CATEGORIES, "what the name is; `unknown` without a name"),
    "checkpoint": {"type": "boolean", "description": "the flow goes on"},
    "flow_start": _time("first packet of the whole flow"),
    "midstream": {"type": "boolean", "description": "a TCP flow whose opening was not seen"},
    "fragments": {"type": "boolean", "description": "some packet was an IP fragment"},
    "vlan_inner": _maybe("next VLAN id", "integer", minimum=0, maximum=4095),
    "interface": _number("interface of the capture", **_COUNT),
    **_figure_both("size_mean", "bytes per frame", **_COUNT),
    **_figure_both("size_std", "sample standard deviation, bytes", **_COUNT),
    **_both("size_min", "bytes", **_COUNT),
    **_both("size_max", "bytes", **_COUNT),
    **_figure_both("iat_mean_ms", "gap between frames"),
    **_figure_both("iat_std_ms", "sample standard deviation of gaps", **_COUNT),
    **_figure_both("iat_min_ms", "smallest gap"),
    **_figure_both("iat_max_ms", "largest gap"),
    **_both("tcp_flags", "flags seen, or-ed", minimum=0, maximum=255),
    **_both("retransmissions", "segments sent again", **_COUNT),
    **_both("zero_windows", "segments that closed the window", **_COUNT),
    **_both("ttl_min", "lowest TTL or hop limit", minimum=0, maximum=255),
    **_both("ttl_max", "highest TTL or hop limit", minimum=0, maximum=255),
    "first_sizes": _list("integer", "bytes of the first frames; negative: from the server", FIRST_PACKETS),
    "first_gaps_us": _list("integer", "gaps before the first frames", FIRST_PACKETS),
    "name_confidence": _number("of `name`; 0 without one", "number", minimum=0, maximum=1),
    "alpn_chosen": _maybe("the server's choice, visible up to TLS 1.2", "string"),
    "tls_cipher": _maybe("negotiated cipher suite", "string", pattern="^0x[0-9a-f]{4}$"),
    "server_name": _maybe("SNI as sent, whatever it is good for", "string"),
    "outer_name": _maybe("public name of an ECH hello; never classifies", "string"),
    "cert_name": _maybe("name of the server's certificate, up to TLS 1.2", "string"),
    "dns_name": _maybe("name by which DNS told the client of this server", "string"),
    "dns_chain_end": _maybe("where the CNAME chain behind dns_name ended, when not there", "string"),
    "proxy_target": _maybe("host of CONNECT or SOCKS", "string"),
    "more_hosts": _list("string", "further distinct HTTP hosts", 3),
    "dns_query_count": _number("names asked for, whether kept or not", **_COUNT),
    "dns_responses": _number("DNS answers seen", **_COUNT),
    "dns_nxdomain": _number("answers that the name does not exist", **_COUNT),
    "cloaked_service": _maybe("ad network or tracker that a first-party name is an alias of", "string"),
    "cloaked_category": {"enum": ["advertising", "tracking", None], "description": "of cloaked_service"},
}
