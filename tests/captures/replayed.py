"""A capture replayed by the command itself, and its outputs read back."""

from __future__ import annotations

import contextlib
import io
import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from monitor.cli import run

MDNS, LLMNR = 5353, 5355
DISCOVERY = (MDNS, LLMNR)


@dataclass(frozen=True, slots=True)
class Replayed:
    """Exit code, rows of flows.parquet, summary.json, findings.jsonl of one replay."""

    code: int
    flows: list[dict[str, Any]]
    summary: dict[str, Any]
    findings: list[dict[str, Any]]

    def endpoints(self, proto: str) -> set[frozenset[tuple[str, int]]]:
        """Distinct unordered pairs of (address, port) of the protocol's flows."""
        return {
            frozenset([(row["client_ip"], row["client_port"]), (row["server_ip"], row["server_port"])])
            for row in self.flows
            if row["proto"] == proto
        }

    def server_names(self, proto: str) -> set[str]:
        """Server names in TLS or QUIC hellos as they stood there, ECH's outer names among them."""
        return _present(
            row[column]
            for row in self.flows
            if row["proto"] == proto
            for column in ("server_name", "outer_name")
        )

    def http_hosts(self) -> set[str]:
        """Hosts of cleartext HTTP requests."""
        return _present(row["http_host"] for row in self.flows) | _listed(self.flows, "more_hosts")

    def dns_names(self, *, discovery: bool = False) -> set[str]:
        """Names asked for by DNS; or, apart, by mDNS and LLMNR."""
        rows = [row for row in self.flows if (_is_discovery(row)) == discovery]
        return _listed(rows, "dns_query")


def _is_discovery(row: dict[str, Any]) -> bool:
    return row["proto"] == "udp" and (row["server_port"] in DISCOVERY or row["client_port"] in DISCOVERY)


def _present(values: Iterable[str | None]) -> set[str]:
    return {value for value in values if value}


def _listed(rows: Iterable[dict[str, Any]], column: str) -> set[str]:
    return {value for row in rows for value in row[column] or ()}


def replay(capture: Path, out: Path) -> Replayed:
    """Run `campuswatch replay CAPTURE --out OUT` and read what it wrote."""
    with contextlib.redirect_stdout(io.StringIO()):
        code = run(["replay", str(capture), "--out", str(out), "--format", "json"])
    lines = (out / "findings.jsonl").read_text(encoding="utf-8").splitlines()
    return Replayed(
        code,
        pq.read_table(out / "flows.parquet").to_pylist(),
        json.loads((out / "summary.json").read_text(encoding="utf-8")),
        [json.loads(line) for line in lines],
    )
