"""A finding: what was found, on what evidence, under which article (CONTRACTS: Findings)."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from detectors.window_features import SECOND_NS

SCHEMA = 1
SUBJECT_KINDS = ("host", "service", "app", "app-third-party", "operator", "campus", "sensor")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Subject:
    """Whom a finding is about; the value of a host is its address, which sinks pseudonymise."""

    kind: str
    value: str


@dataclass(frozen=True, slots=True)
class Finding:
    """One finding; times are nanoseconds of event time.

    `evidence` holds figures by name; `evidence["peers"]`, where present, is the list of addresses
    in it. No text holds an address. `limits` says what the wire could not show.
    """

    id: str
    campus: str
    sensor: str
    rule: str
    article: tuple[str, ...]
    subject: Subject
    start_ns: int
    end_ns: int
    p_value: float | None
    confidence: float
    patterns: tuple[str, ...]
    evidence: Mapping[str, Any]
    limits: Mapping[str, str]
    text: Mapping[str, str]
    schema: int = field(default=SCHEMA)

    def to_json(self) -> dict[str, Any]:
        """The fields of CONTRACTS.md, times as RFC 3339 in UTC with nanoseconds."""
        return {
            "schema": self.schema,
            "id": self.id,
            "campus": self.campus,
            "sensor": self.sensor,
            "rule": self.rule,
            "article": list(self.article),
            "subject": {"kind": self.subject.kind, "value": self.subject.value},
            "start": rfc3339(self.start_ns),
            "end": rfc3339(self.end_ns),
            "p_value": self.p_value,
            "confidence": self.confidence,
            "patterns": list(self.patterns),
            "evidence": dict(self.evidence),
            "limits": dict(self.limits),
            "text": dict(self.text),
        }


@dataclass(frozen=True, slots=True)
class Origin:
    """Where findings come from, and the key that makes their ids."""

    campus: str
    sensor: str
    key: bytes

    def finding_id(self, rule: str, subject: Subject, start_ns: int) -> str:
        """HMAC-SHA256 over rule, subject and start, 128 bits as hexadecimal digits."""
        told = "\0".join((rule, subject.kind, subject.value, str(start_ns)))
        return hmac.new(self.key, told.encode(), hashlib.sha256).hexdigest()[:32]


def rfc3339(time_ns: int) -> str:
    """A time of nanoseconds since 1970 as RFC 3339 text in UTC."""
    seconds, nanoseconds = divmod(time_ns, SECOND_NS)
    moment = _EPOCH + timedelta(seconds=seconds)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{nanoseconds:09d}Z"
