"""One batch of flow rows as an Arrow table: the columns of flows.parquet."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from detectors.numbering import distinct_pairs
from sinks.records import columns
from sinks.records.addresses import address_column
from sinks.records.pseudonyms import Pseudonyms
from wire import record_arrays
from wire.flows.records import FIRST_PACKETS, PROTO_NAMES, TCP_END_NAMES, TUNNEL_NAMES
from wire.names.facts import ECH_NAMES, NAME_SOURCES
from wire.names.strings import StringTable
from wire.names.tls_parameters import ja4
from wire.record_arrays import as_bytes

#: Ports of mDNS and LLMNR, whose names are people's and devices' own.
_LOCAL_NAME_PORTS = (5353, 5355)
_TLS_VERSIONS = {
    0x0300: "SSL 3.0",
    0x0301: "TLS 1.0",
    0x0302: "TLS 1.1",
    0x0303: "TLS 1.2",
    0x0304: "TLS 1.3",
}
_DIRECTIONS = ("c2s", "s2c")
_COUNTERS = ("packets", "bytes", "payload_bytes")
_STATISTICS = (
    "size_mean", "size_std", "size_min", "size_max", "iat_mean_ms", "iat_std_ms", "iat_min_ms",
    "iat_max_ms", "tcp_flags", "retransmissions", "zero_windows", "ttl_min", "ttl_max",
)  # fmt: skip


@dataclass(slots=True)
class FlowRows:
    """Rows with what is known of each, in one order; n rows.

    | field | shape, dtype | meaning |
    |---|---|---|
    | rows | (n,) FLOW_ROW | what the flow table counted |
    | facts | (n,) FACTS | what the first bytes told |
    | service | (n,) int32 | index into the catalogue's services, -1 none |
    | category | (n,) uint8 | index into the categories |
    | query_offsets | (n + 1,) int64 | row i asked DNS for query_ids[query_offsets[i]:query_offsets[i + 1]] |
    | query_ids | (m,) int32 | string ids |
    | cloaked_service | (n,) int32 | the tracker behind a first-party name, -1 none |
    | cloaked_category | (n,) uint8 | its category |
    """

    rows: NDArray[np.void]
    facts: NDArray[np.void]
    service: NDArray[np.int32]
    category: NDArray[np.uint8]
    query_offsets: NDArray[np.int64]
    query_ids: NDArray[np.int32]
    cloaked_service: NDArray[np.int32]
    cloaked_category: NDArray[np.uint8]

    def __len__(self) -> int:
        return len(self.rows)

    def owned(self) -> FlowRows:
        """The same rows, holding no more memory than they need."""
        rows = as_bytes(self.rows).copy().view(self.rows.dtype)
        return replace(self, rows=rows)

    def slice(self, start: int, end: int) -> FlowRows:
        """The rows from `start` up to `end`, without a copy."""
        return FlowRows(
            self.rows[start:end],
            self.facts[start:end],
            self.service[start:end],
            self.category[start:end],
            self.query_offsets[start : end + 1],
            self.query_ids,
            self.cloaked_service[start:end],
            self.cloaked_category[start:end],
        )

    def take(self, indices: NDArray[np.int64]) -> FlowRows:
        """The rows at `indices`, in that order."""
        starts, ends = self.query_offsets[indices], self.query_offsets[indices + 1]
        offsets = np.zeros(len(indices) + 1, np.int64)
        np.cumsum(ends - starts, out=offsets[1:])
        within = np.arange(offsets[-1]) - np.repeat(offsets[:-1], ends - starts)
        return FlowRows(
            as_bytes(self.rows)[indices].view(self.rows.dtype),
            as_bytes(self.facts)[indices].view(self.facts.dtype),
            self.service[indices],
            self.category[indices],
            offsets,
            self.query_ids[np.repeat(starts, ends - starts) + within],
            self.cloaked_service[indices],
            self.cloaked_category[indices],
        )


def joined(parts: Sequence[FlowRows]) -> FlowRows:
    """Parts one after the other, at least one."""
    shift = np.cumsum([0] + [int(part.query_offsets[-1] - part.query_offsets[0]) for part in parts])
    starts = [part.query_offsets[:-1] - part.query_offsets[0] for part in parts]
    offsets = [start + by for start, by in zip(starts, shift[:-1], strict=True)]
    return FlowRows(
        record_arrays.joined([part.rows for part in parts]),
        record_arrays.joined([part.facts for part in parts]),
        np.concatenate([part.service for part in parts]),
        np.concatenate([part.category for part in parts]),
        np.concatenate([*offsets, shift[-1:]]),
        np.concatenate([part.query_ids[part.query_offsets[0] : part.query_offsets[-1]] for part in parts]),
        np.concatenate([part.cloaked_service for part in parts]),
        np.concatenate([part.cloaked_category for part in parts]),
    )


@dataclass(slots=True)
class FlowColumns:
    """Turns FlowRows into the table of flows.parquet.

    strings: where string ids of facts and queries point to.
    services, categories: names by index.
    pseudonyms: for internal addresses; None keeps addresses.
    """

    strings: StringTable
    services: Sequence[str]
    categories: Sequence[str]
    pseudonyms: Pseudonyms | None
    _ja4: dict[bytes, str] = field(default_factory=dict)

    def table(self, flows: FlowRows) -> pa.Table:
        """The columns of `flows`, in the order of rows given."""
        rows, facts = flows.rows, flows.facts
        protocol = np.array([PROTO_NAMES.get(i) for i in range(256)], object)
        table = {
            "flow_id": columns.numbers(rows["flow_id"]),
            "ts_start": columns.times(rows["ts_start_ns"]),
            "ts_end": columns.times(rows["ts_end_ns"]),
            "client_ip": address_column(rows["client_hi"], rows["client_lo"], self.pseudonyms),
            "client_port": columns.numbers(rows["client_port"]),
            "server_ip": address_column(rows["server_hi"], rows["server_lo"], self.pseudonyms),
            "server_port": columns.numbers(rows["server_port"]),
            "proto": columns.by_value(rows["protocol"], lambda i: protocol[i], 256),
            "vlan": columns.numbers(rows["vlan"], rows["vlan"] < 0),
            "tunnel": columns.enumeration(rows["tunnel"], TUNNEL_NAMES),
        }
        table |= _both_directions(rows, _COUNTERS)
        table |= {
            "tcp_end": columns.enumeration(rows["tcp_end"], TCP_END_NAMES),
            "rtt_ms": columns.figures(rows["rtt_ms"]),
        }
        table |= self._names(flows)
        table |= {
            "service": columns.enumeration(flows.service, self.services),
            "category": columns.enumeration(flows.category, self.categories),
            "checkpoint": columns.numbers(rows["checkpoint"] != 0),
            "flow_start": columns.times(rows["flow_start_ns"]),
            "midstream": columns.numbers(rows["midstream"] != 0),
            "fragments": columns.numbers(rows["fragments"] != 0),
            "vlan_inner": columns.numbers(rows["vlan_inner"], rows["vlan_inner"] < 0),
            "interface": columns.numbers(rows["interface"]),
        }
        table |= _both_directions(rows, _STATISTICS)
        count = np.minimum(rows["first_count"], FIRST_PACKETS)
        table |= {
            "first_sizes": columns.first_of(rows["first_sizes"], count),
            "first_gaps_us": columns.first_of(rows["first_gaps_us"], count),
            **self._evidence(facts),
            "cloaked_service": columns.enumeration(flows.cloaked_service, self.services),
            "cloaked_category": columns.enumeration(
                np.where(flows.cloaked_service < 0, -1, flows.cloaked_category), self.categories
            ),
        }
        return pa.table(table)

    def _names(self, flows: FlowRows) -> dict[str, pa.Array]:
        facts = flows.facts
        offsets = flows.query_offsets - flows.query_offsets[0]
        ids = flows.query_ids[flows.query_offsets[0] : flows.query_offsets[-1]]
        if self.pseudonyms is not None:
            offsets, ids = _without_local_names(flows.rows, offsets, ids)
        return {
            "name": self._text(facts["name"]),
            "name_source": columns.enumeration(facts["name_source"], NAME_SOURCES),
            "dns_query": columns.lists_by_id(offsets, ids, self.strings),
            "http_host": self._text(facts["http_host"]),
            "user_agent": self._text(facts["user_agent"]),
            "alpn": columns.strings_by_id(facts["alpn"], self.strings, protocol_list),
            "tls_version": columns.by_value(facts["tls_version"], tls_version),
            "ja3": _ja3(facts["ja3"]),
            "ja4": self._fingerprints(facts["parameters"]),
            "ech": columns.enumeration(facts["ech"], ECH_NAMES),
        }

    def _evidence(self, facts: NDArray[np.void]) -> dict[str, pa.Array]:
        hosts = np.ascontiguousarray(facts["more_hosts"])
        offsets = np.zeros(len(facts) + 1, np.int64)
        np.cumsum((hosts >= 0).sum(axis=1), out=offsets[1:])
        return {
            "name_confidence": columns.figures(facts["name_confidence"]),
            "alpn_chosen": self._text(facts["alpn_chosen"]),
            "tls_cipher": columns.by_value(facts["tls_cipher"], lambda i: f"0x{i:04x}" if i else None),
            "server_name": self._text(facts["server_name"]),
            "outer_name": self._text(facts["outer_name"]),
            "cert_name": self._text(facts["cert_name"]),
            "dns_name": self._text(facts["dns_name"]),
            "dns_chain_end": self._text(facts["dns_chain_end"]),
            "proxy_target": self._text(facts["proxy_target"]),
            "more_hosts": columns.lists_by_id(offsets, hosts[hosts >= 0], self.strings),
            "dns_query_count": columns.numbers(facts["dns_query_count"]),
            "dns_responses": columns.numbers(facts["dns_responses"]),
            "dns_nxdomain": columns.numbers(facts["dns_nxdomain"]),
        }

    def _text(self, ids: NDArray[np.int32]) -> pa.DictionaryArray:
        return columns.strings_by_id(ids, self.strings)

    def _fingerprints(self, blob_ids: NDArray[np.int32]) -> pa.DictionaryArray:
        """JA4, worked out once per distinct set of TLS parameters."""
        return columns.strings_by_id(blob_ids, self.strings, self._fingerprint)

    def _fingerprint(self, parameters: bytes) -> str:
        if parameters not in self._ja4:
            self._ja4[parameters] = ja4(parameters)
        return self._ja4[parameters]


def tls_version(number: int) -> str | None:
    """`TLS 1.3`; numbers of drafts and of nobody as hexadecimal; None for 0, unseen."""
    return _TLS_VERSIONS.get(number, f"0x{number:04x}") if number else None


def protocol_list(raw: bytes) -> str:
    """An ALPN protocol list as on the wire (RFC 7301 section 3.1) as text: `h2,http/1.1`."""
    names, at = [], 0
    while at < len(raw):
        names.append(columns.text_of(raw[at + 1 : at + 1 + raw[at]]))
        at += 1 + raw[at]
    return ",".join(names)


def _both_directions(rows: NDArray[np.void], names: Sequence[str]) -> dict[str, pa.Array]:
    return {
        f"{name}_{_DIRECTIONS[i]}": columns.figures(rows[name][:, i])
        for name in names
        for i in range(len(_DIRECTIONS))
    }


def _ja3(digests: NDArray[np.uint8]) -> pa.DictionaryArray:
    words = np.ascontiguousarray(digests).view(">u8").astype(np.uint64)
    high, low = np.ascontiguousarray(words[:, 0]), np.ascontiguousarray(words[:, 1])
    codes, first = distinct_pairs(high, low)
    texts = [bytes(digests[i]).hex() for i in first.tolist()]
    return columns.enumeration(np.where((high | low) == 0, -1, codes), texts)


def _without_local_names(
    rows: NDArray[np.void], offsets: NDArray[np.int64], ids: NDArray[np.int32]
) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
    """The lists of names asked for, empty for mDNS and LLMNR."""
    ports = np.stack([rows["client_port"], rows["server_port"]])
    counts = np.diff(offsets)
    kept = np.where(np.isin(ports, _LOCAL_NAME_PORTS).any(axis=0), 0, counts)
    return np.append(0, np.cumsum(kept)), ids[np.repeat(kept > 0, counts)]
