"""From a host's rows of closed minutes to its windows of a minute, and to what hours are made of."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Address

import numpy as np
from numpy.typing import NDArray

from detectors.catalogue.categories import ADVERTISING, TRACKING
from detectors.columns import Columns
from detectors.grouping import address_ids, combined, count, total
from detectors.host_rows import AS_CLIENT
from detectors.port_sets import ports_among
from detectors.rules.patterns.brute_force import IS_LOGIN
from detectors.seen_before import SeenBefore, mixed
from detectors.window_features import FEATURE_AT, KINDS, MINUTE_NS, MINUTE_SECONDS, SUMS, WINDOW, derive
from wire.flows.records import IPV4_MAPPED, TCP, UDP

DNS_PORTS = (53, 853, 5353, 5355)
SMALL_FLOW_PACKETS = 4
#: Web, DNS, time, addresses, local discovery, mail, push, calls: what devices use all day.
COMMON_PORTS = (
    25, 53, 67, 68, 80, 110, 123, 137, 138, 143, 443, 465, 547, 587, 853, 993, 995, 1900, 3478, 5222, 5223,
    5228, 5353, 5355, 8080, 8443,
)  # fmt: skip
#: DNS, DHCP, time, RADIUS: what infrastructure is asked for.
INFRA_PORTS = (53, 67, 123, 547, 1812, 1813)
_DOT, _HTTPS = 853, 443
#: Public resolvers that answer over HTTPS (their operators' pages): Cloudflare, Google, Quad9, AdGuard,
#: AliDNS, DNSPod, 360.
_DOH_ADDRESSES = tuple(
    IPV4_MAPPED | int(IPv4Address(text))
    for text in (
        "1.1.1.1", "1.0.0.1", "8.8.8.8", "8.8.4.4", "9.9.9.9", "149.112.112.112", "94.140.14.14",
        "94.140.15.15", "223.5.5.5", "223.6.6.6", "1.12.12.12", "120.53.53.53", "119.29.29.29",
        "101.226.4.6", "218.30.118.6",
    )
)  # fmt: skip


_RESOLVERS = np.array(_DOH_ADDRESSES, np.uint64)
_IS_DNS, _IS_COMMON, _IS_INFRA = map(ports_among, (DNS_PORTS, COMMON_PORTS, INFRA_PORTS))


@dataclass(frozen=True, slots=True)
class Minutes:
    """Windows by minute, then host, and of each what an hour adds up: SUMS, country bits, distinct items.

    pairs: by KINDS, the place of a window and a 64-bit value of an item, each pair once.
    """

    windows: NDArray[np.void]
    sums: NDArray[np.float64]
    countries: NDArray[np.uint64]
    pairs: dict[str, tuple[NDArray[np.int64], NDArray[np.uint64]]]


def host_keys(hi: NDArray[np.uint64], lo: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """An address as one 64-bit value; two of 20,000 share one once in 10^11 campuses."""
    return mixed(lo ^ mixed(hi + np.uint64(1)))


def summarise(
    rows: NDArray[np.void], columns: Columns | None = None, seen: SeenBefore | None = None
) -> Minutes:
    """The minutes of HOST_ROWs. The order of the rows has no influence.

    Score and p-value are NaN, the phase is COLLECT. Fills `host_failures` of the rows.
    columns: of these rows, where others read them, too. seen: which host has met which server.
    """
    columns = Columns(rows) if columns is None else columns
    start_ns = columns["window_start_ns"]
    host, _ = address_ids(columns["host_hi"], columns["host_lo"])
    group, first = combined(start_ns // MINUTE_NS, host)
    groups = len(first)
    windows = np.zeros(groups, WINDOW)
    for name in ("window_start_ns", "host_hi", "host_lo"):
        windows[name] = columns[name][first]
    windows["seconds"] = MINUTE_SECONDS
    for name in ("score", "p_value", "alarm_p", "peak", "usual"):
        windows[name] = np.nan
    sums = _sums(columns, group, groups)
    pairs, counts = _distinct(columns, group, groups)
    if seen is not None:
        _count_new(windows, pairs["servers"], seen, sums[:, SUMS.index("new_servers")])
    countries = np.zeros(groups, np.uint64)
    np.bitwise_or.at(countries, group, columns["countries"])
    windows["features"] = derive(sums, counts, countries)
    rows["host_failures"] = windows["features"][group, FEATURE_AT["failed_flows"]]
    return Minutes(windows, sums, countries, pairs)


def _sums(rows: Columns, group: NDArray[np.int64], groups: int) -> NDArray[np.float64]:
    client = rows["role"] == AS_CLIENT
    opens = rows["opened"] == 1
    opened = client & opens
    single = opened & (rows["group"] == 0)
    tcp, udp, port = rows["protocol"] == TCP, rows["protocol"] == UDP, rows["server_port"]
    transport = tcp | udp
    dns = _IS_DNS[port]
    web = single & transport & ~dns
    packets = rows["packets_out"] + rows["packets_in"]
    outside = client & transport & (rows["peer_internal"] == 0) & (rows["group"] == 0) & ~dns
    chosen = {
        "flows": opened,
        "single": single,
        "failed": client & (rows["failed"] == 1),
        "refused": client & (rows["refused"] == 1),
        "unreachable": rows["unreachable"] == 1,
        "web": web,
        "unnamed": web & (rows["named"] == 0),
        "third_party": web & ((rows["category"] == ADVERTISING) | (rows["category"] == TRACKING)),
        "udp": opened & udp,
        "encrypted_dns": single & transport & ((port == _DOT) | _to_resolver(rows)),
        "inbound": ~client & opens & (rows["unreachable"] == 0),
        "inbound_failed": ~client & (rows["failed"] == 1) & (rows["unreachable"] == 0),
        "inbound_infra": ~client & opens & transport & _IS_INFRA[port],
        "small": single & (packets <= SMALL_FLOW_PACKETS),
        "login": single & tcp & IS_LOGIN[port],
    }
    summed = {
        "packets": packets,
        "packets_out": rows["packets_out"],
        "tcp_packets": packets * tcp,
        "udp_packets": packets * udp,
        "control": packets * ~transport,
        "bytes_out": rows["bytes_out"],
        "bytes_in": rows["bytes_in"],
        "unnamed_bytes_out": rows["bytes_out"] * (outside & (rows["named"] == 0)),
        "queries": rows["dns_queries"] * client,
        "nxdomain": rows["dns_nxdomain"] * client,
        **{name: rows[name] * client for name in ("names", "new_names", "name_chars", "name_bits")},
    }
    sums = np.zeros((groups, len(SUMS)))
    for at, name in enumerate(SUMS):
        if name in chosen:
            sums[:, at] = count(group[chosen[name]], groups)
        elif name in summed and summed[name].any():
            sums[:, at] = total(group, summed[name], groups)
    return sums


def _to_resolver(rows: Columns) -> NDArray[np.bool_]:
    """HTTPS, or QUIC, to a public resolver's address: DNS that is not to be seen."""
    known = np.zeros(len(rows), np.bool_)
    https = np.flatnonzero(rows["server_port"] == _HTTPS)
    known[https] = np.isin(rows["peer_lo"][https], _RESOLVERS) & (rows["peer_hi"][https] == 0)
    return known


def _distinct(
    rows: Columns, group: NDArray[np.int64], groups: int
) -> tuple[dict[str, tuple[NDArray[np.int64], NDArray[np.uint64]]], NDArray[np.float64]]:
    """The pairs of each kind, and how many each window has, (groups, kinds)."""
    client = rows["role"] == AS_CLIENT
    transport = (rows["protocol"] == TCP) | (rows["protocol"] == UDP)
    port = rows["server_port"]
    to_one = np.flatnonzero(client & (rows["group"] == 0))
    window, item, of_row = _peer_pairs(rows, group, to_one)
    pairs = {"servers": (window, item)}
    odd = transport & ~_IS_COMMON[port]
    for kind, flag in (
        ("failed_servers", rows["failed"] == 1),
        ("internal_servers", rows["peer_internal"] == 1),
        ("odd_port_servers", odd),
    ):
        flagged = np.bincount(of_row[flag[to_one]], minlength=len(window)) > 0
        pairs[kind] = (window[flagged], item[flagged])
    inbound = np.flatnonzero(~client & (rows["opened"] == 1) & (rows["unreachable"] == 0))
    pairs["inbound_peers"] = _peer_pairs(rows, group, inbound)[:2]
    ports = client & transport
    both = np.unique(group[ports] << 16 | port[ports].astype(np.int64))
    pairs["server_ports"] = (both >> 16, (both & 0xFFFF).astype(np.uint64))
    counts = np.stack([count(pairs[kind][0], groups) for kind in KINDS], axis=1)
    return pairs, counts


def _peer_pairs(
    rows: Columns, group: NDArray[np.int64], chosen: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.uint64], NDArray[np.int64]]:
    """Distinct (window, peer) of chosen rows: window, the peer as a value, and each row's pair."""
    hi, lo = rows["peer_hi"][chosen], rows["peer_lo"][chosen]
    of_row, first = combined(group[chosen], address_ids(hi, lo)[0])
    return group[chosen][first], host_keys(hi[first], lo[first]), of_row


def _count_new(
    windows: NDArray[np.void],
    servers: tuple[NDArray[np.int64], NDArray[np.uint64]],
    seen: SeenBefore,
    new: NDArray[np.float64],
) -> None:
    """Servers that a host had not met before: credited to the window that met them first."""
    window, item = servers
    if len(window) == 0:
        return
    own = host_keys(windows["host_hi"], windows["host_lo"])
    value, first = np.unique(mixed(own[window] + np.uint64(1)) ^ item, return_index=True)
    fresh = seen.take(value, int(windows["window_start_ns"][0]))
    new += count(window[first[fresh]], len(windows))
