"""The networks that are a campus's own unless the configuration says otherwise. Needs no NumPy."""

from __future__ import annotations

from ipaddress import IPv4Network, IPv6Network, ip_network

Network = IPv4Network | IPv6Network

#: RFC 1918, RFC 6598 (carrier NAT) and RFC 4193 (IPv6 unique local).
DEFAULT_NETWORKS: tuple[Network, ...] = tuple(
    ip_network(text)
    for text in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "fc00::/7")
)
