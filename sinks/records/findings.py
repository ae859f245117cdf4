"""findings.jsonl: a finding a line, as CONTRACTS.md has its fields."""

from __future__ import annotations

import json
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import numpy as np

from detectors.findings import Finding
from sinks.records.pseudonyms import Pseudonyms
from wire.flows.records import IPV4_MAPPED

_WORD = (1 << 64) - 1


def finding_object(finding: Finding, pseudonyms: Pseudonyms | None) -> dict[str, Any]:
    """The finding's fields, ready for JSON; hosts and internal peers as pseudonyms when asked for."""
    told = finding.to_json()
    if pseudonyms is not None:
        if finding.subject.kind == "host":
            told["subject"]["value"] = _hidden(finding.subject.value, pseudonyms, always=True)
        peers = told["evidence"].get("peers", [])
        told["evidence"] = {
            **told["evidence"],
            "peers": [_hidden(peer, pseudonyms, always=False) for peer in peers],
        }
    return told


class FindingRecords:
    """Writes findings as they come. Raises OSError where the disk refuses."""

    def __init__(self, path: Path, pseudonyms: Pseudonyms | None) -> None:
        self._file = path.open("w", encoding="utf-8", newline="\n")
        self._pseudonyms = pseudonyms

    def write(self, finding: Finding) -> None:
        """Add one line."""
        told = finding_object(finding, self._pseudonyms)
        self._file.write(json.dumps(told, ensure_ascii=False, allow_nan=False, sort_keys=True) + "\n")

    def close(self) -> None:
        """Finish the file."""
        self._file.close()


def _hidden(text: str, pseudonyms: Pseudonyms, always: bool) -> str:
    """A pseudonym for an address; `always` also for one outside the campus networks."""
    address = ip_address(text)
    number = int(address) | (IPV4_MAPPED if address.version == 4 else 0)
    high, low = number >> 64, number & _WORD
    inside = pseudonyms.internal(np.array([high], np.uint64), np.array([low], np.uint64))
    return pseudonyms.of(high, low) if always or inside[0] else text
