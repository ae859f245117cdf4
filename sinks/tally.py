"""Totals of a run: what the summary tells and the metrics expose."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from detectors.catalogue.categories import CATEGORIES
from detectors.findings import Finding
from detectors.findings_text import PATTERNS
from detectors.parts import Parts, json_of, of_json
from detectors.window_features import HOUR_SECONDS, PHASES
from sinks.metrics.definitions import RULES, VISIBILITY
from wire.flows.one_way import TCP_SEEN, one_way_share, tcp_seen
from wire.flows.records import PROTO_NAMES, TCP, TCP_END_NAMES, TUNNEL_NAMES, UDP
from wire.names.facts import ECH_NAMES, ECH_OUTER, NAME_SOURCES, SOURCE_NONE
from wire.names.identifiers import IDENTIFIER_KINDS
from wire.record_arrays import picked

#: The arrays that a state keeps.
_TOTALS = (
    "proto", "tcp_seen", "tcp_end", "tunnel", "source", "ech", "visibility", "category", "category_bytes",
    "phase", "identifiers",
)  # fmt: skip
_BY_SERVICE = ("service", "service_bytes")
_NAMED, _ECH_HIDDEN, _UNNAMED = range(len(VISIBILITY))


class Tally:
    """Adds up flow rows, windows and findings; vectorised, bounded by the closed sets."""

    def __init__(self, services: Sequence[str]) -> None:
        self._services = services
        self._proto = np.zeros(256, np.int64)
        self._tcp_end = np.zeros(len(TCP_END_NAMES), np.int64)
        self._tcp_seen = np.zeros(len(TCP_SEEN), np.int64)
        self._tunnel = np.zeros(len(TUNNEL_NAMES), np.int64)
        self._source = np.zeros(len(NAME_SOURCES), np.int64)
        self._ech = np.zeros(len(ECH_NAMES), np.int64)
        self._visibility = np.zeros(len(VISIBILITY), np.int64)
        self._category = np.zeros(len(CATEGORIES), np.int64)
        self._category_bytes = np.zeros((len(CATEGORIES), 2), np.int64)
        self._service = np.zeros(len(services) + 1, np.int64)  # [0] is flows of no service
        self._service_bytes = np.zeros(len(services) + 1, np.int64)
        self._service_category = np.zeros(len(services), np.int64)
        self._phase = np.zeros(len(PHASES), np.int64)
        self._identifiers = np.zeros(len(IDENTIFIER_KINDS), np.int64)
        self.rows = 0
        self.rules = dict.fromkeys(RULES, 0)
        self.patterns = dict.fromkeys(PATTERNS, 0)

    def learn_services(self, services: Sequence[str]) -> None:
        """Services that a new catalogue brings; those known so far stand first, with their totals."""
        more = len(services) - len(self._services)
        self._services = services
        self._service = np.append(self._service, np.zeros(more, np.int64))
        self._service_bytes = np.append(self._service_bytes, np.zeros(more, np.int64))
        self._service_category = np.append(self._service_category, np.zeros(more, np.int64))

    def add_flows(
        self,
        rows: NDArray[np.void],
        facts: NDArray[np.void],
        service: NDArray[np.int32],
        category: NDArray[np.uint8],
    ) -> None:
        """Count rows, (n,) each. Bytes count with every row, a flow once, with its last row."""
        self.rows += len(rows)
        size = np.ascontiguousarray(rows["bytes"])
        for direction in range(2):
            _add(self._category_bytes[:, direction], category, size[:, direction])
        _add(self._service_bytes, service + 1, size.sum(axis=1))
        self._tcp_seen += tcp_seen(rows)
        last = rows["checkpoint"] == 0
        if not last.all():
            rows, facts = picked(rows, last), picked(facts, last)
            service, category = service[last], category[last]
        protocol, source, ech = rows["protocol"], facts["name_source"], facts["ech"]
        _add(self._proto, protocol)
        _add(self._tcp_end, rows["tcp_end"][protocol == TCP])
        _add(self._tunnel, rows["tunnel"])
        _add(self._source, source)
        _add(self._ech, ech)
        _add(self._category, category)
        _add(self._service, service + 1)
        personal = facts["personal"]
        if personal.any():
            for at in range(len(IDENTIFIER_KINDS)):
                self._identifiers[at] += np.count_nonzero(personal & (1 << at))
        state = np.where(source != SOURCE_NONE, _NAMED, np.where(ech == ECH_OUTER, _ECH_HIDDEN, _UNNAMED))
        _add(self._visibility, state[(protocol == TCP) | (protocol == UDP)])
        self._service_category[service[service >= 0]] = category[service >= 0]

    def add_windows(self, windows: NDArray[np.void]) -> None:
        """Count minute WINDOWs by phase; hours hold the same again."""
        _add(self._phase, windows["phase"][windows["seconds"] != HOUR_SECONDS])

    def add_findings(self, findings: Sequence[Finding]) -> None:
        """Count findings by rule and by pattern."""
        for finding in findings:
            self.rules[finding.rule] += 1
            self.add_patterns(finding.patterns)

    def add_patterns(self, patterns: Iterable[str]) -> None:
        """Count the patterns that a finding shows."""
        for pattern in patterns:
            self.patterns[pattern] += 1

    def state(self) -> Parts:
        """All totals; those of services by their ids, which a new catalogue numbers otherwise."""
        totals = {name: getattr(self, f"_{name}") for name in (*_TOTALS, *_BY_SERVICE)}
        plain = {"services": list(self._services), "rules": self.rules, "patterns": self.patterns}
        return {**totals, "plain": of_json({**plain, "rows": self.rows})}

    def restore(self, parts: Parts) -> None:
        """Take totals back; into a tally that has counted nothing."""
        plain = json_of(parts["plain"])
        self.rows = plain["rows"]
        for own, kept in ((self.rules, plain["rules"]), (self.patterns, plain["patterns"])):
            own.update({name: count for name, count in kept.items() if name in own})
        for name in _TOTALS:
            own_total = getattr(self, f"_{name}")
            if own_total.shape == parts[name].shape:  # else a set has grown with a new version
                own_total[...] = parts[name]
        place = {service: i for i, service in enumerate(self._services)}
        now = [place.get(service, -1) + 1 for service in plain["services"]]  # those that left: no service
        np.add.at(self._service, [0, *now], parts["service"])
        np.add.at(self._service_bytes, [0, *now], parts["service_bytes"])

    @property
    def flows(self) -> int:
        """Flows that ended."""
        return int(self._proto.sum())

    def by_proto(self) -> dict[str, int]:
        """Flows that ended, by protocol."""
        return {name: int(self._proto[number]) for number, name in sorted(PROTO_NAMES.items())}

    def by_tcp_end(self) -> dict[str, int]:
        """TCP flows that ended, by how."""
        return _named(TCP_END_NAMES, self._tcp_end)

    def by_tcp_seen(self) -> dict[str, int]:
        """TCP connections by which directions passed by the tap."""
        return _named(TCP_SEEN, self._tcp_seen)

    @property
    def one_way_share(self) -> float:
        """Share of TCP connections that were seen one way."""
        both_ways, one_way, _ = self._tcp_seen.tolist()
        return one_way_share(both_ways, one_way)

    def by_tunnel(self) -> dict[str, int]:
        """Flows that ended, by the innermost tunnel."""
        return _named(TUNNEL_NAMES, self._tunnel)

    def by_source(self) -> dict[str, int]:
        """Flows that ended, by the evidence that named them."""
        return _named(NAME_SOURCES, self._source)

    def by_ech(self) -> dict[str, int]:
        """Flows that ended, by Encrypted Client Hello."""
        return _named(ECH_NAMES, self._ech)

    def by_visibility(self) -> dict[str, int]:
        """TCP and UDP flows that ended, by what is visible."""
        return _named(VISIBILITY, self._visibility)

    def by_category(self) -> dict[str, int]:
        """Flows that ended, by category."""
        return _named(CATEGORIES, self._category)

    def category_bytes(self) -> dict[str, tuple[int, int]]:
        """Bytes on the wire by category: client to server, server to client."""
        pairs = zip(CATEGORIES, self._category_bytes.tolist(), strict=True)
        return {name: (sent, received) for name, (sent, received) in pairs}

    def service_bytes(self) -> dict[str, int]:
        """Bytes on the wire, by service; zeros too."""
        return _named(self._services, self._service_bytes[1:])

    def by_identifier(self) -> dict[str, int]:
        """Flows of cleartext HTTP that ended, by the kinds of personal identifiers in them."""
        return _named(IDENTIFIER_KINDS, self._identifiers)

    def by_phase(self) -> dict[str, int]:
        """Windows, by what became of them."""
        return _named(PHASES, self._phase)

    def top_services(self, most: int) -> dict[str, list[tuple[str, int, int]]]:
        """For each category that has any: services, flows, bytes; the most bytes first."""
        top: dict[str, list[tuple[str, int, int]]] = {}
        size = self._service_bytes[1:]
        seen = np.flatnonzero(size)
        for i in seen[np.lexsort((seen, -size[seen]))].tolist():
            of_category = top.setdefault(CATEGORIES[self._service_category[i]], [])
            if len(of_category) < most:
                of_category.append((self._services[i], int(self._service[i + 1]), int(size[i])))
        return {name: top[name] for name in CATEGORIES if name in top}


def _add(
    totals: NDArray[np.int64], index: NDArray[np.integer], weight: NDArray[np.int64] | None = None
) -> None:
    """totals[index] += weight, or 1; exact, as floating-point weights are not."""
    if weight is None:
        totals += np.bincount(index, minlength=len(totals))
    else:
        np.add.at(totals, index, weight)


def _named(names: Sequence[str], totals: NDArray[np.int64]) -> dict[str, int]:
    return dict(zip(names, totals.tolist(), strict=True))
