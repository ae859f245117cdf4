"""configs/schema/: a JSON Schema for each output, made from the closed sets of the code.

`python -m sinks.schemas configs/schema` writes them; a test compares, and another checks every
output of real runs against them. Rows of Parquet are described as objects whose times are RFC 3339.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from detectors.catalogue.categories import CATEGORIES
from detectors.findings import SUBJECT_KINDS
from detectors.findings_text import PATTERNS
from detectors.forest.model import PART_NAMES
from detectors.forest.trust import LENGTHS, STANDINGS
from detectors.involvement import ROLES
from detectors.window_features import FEATURES, MINUTE_FEATURES, PHASES
from sinks.metrics.definitions import METRICS, NAME_EVENTS, RULES, VISIBILITY
from sinks.records.flow_fields import FLOW_FIELDS
from sinks.summary import SHED
from wire.capture.pcapng_blocks import SKIPPED
from wire.flows.one_way import TCP_SEEN
from wire.flows.packet import REJECT_REASONS
from wire.flows.records import PROTO_NAMES, TCP_END_NAMES, TUNNEL_NAMES
from wire.names.facts import ECH_NAMES, NAME_SOURCES
from wire.names.identifiers import IDENTIFIER_KINDS

_DIALECT = "https://json-schema.org/draft/2020-12/schema"
_COUNT = {"type": "integer", "minimum": 0}
_TEXT = {"type": "string"}
_TIME = {"type": "string", "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$"}
_BOTH = {"zh": _TEXT, "en": _TEXT}


def schemas() -> dict[str, dict[str, Any]]:
    """The schemas by file name."""
    return {
        "flows.json": _schema("A row of flows.parquet", {name: dict(f) for name, f in FLOW_FIELDS.items()}),
        "windows.json": _schema("A row of windows.parquet", _windows()),
        "findings.json": _schema("A line of findings.jsonl", _finding()),
        "embeddings.json": _schema("A line of embeddings.jsonl", _embedding()),
        "summary.json": _schema("summary.json", _summary()),
        "metrics.json": _schema("Metric families of metrics.prom, by name", _metrics()),
    }


def _schema(title: str, properties: dict[str, Any]) -> dict[str, Any]:
    return {"$schema": _DIALECT, "title": title, **_object(properties)}


def _object(properties: dict[str, Any]) -> dict[str, Any]:
    """An object with exactly these keys."""
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def _counts(names: tuple[str, ...]) -> dict[str, Any]:
    return _object(dict.fromkeys(names, _COUNT))


def _nullable(of: dict[str, Any]) -> dict[str, Any]:
    return {**of, "type": [of["type"], "null"]}


def _windows() -> dict[str, Any]:
    features = {
        name: {
            "type": "number",
            "description": f"{unit}{', the forest sees its logarithm' if logged else ''}",
        }
        for name, unit, logged in FEATURES
    }
    return {
        "window_start": _TIME,
        "window_seconds": {"enum": [60, 3600]},
        "host": {"type": "string", "description": "internal address, or its pseudonym"},
        **features,
        "score": {
            "type": ["number", "null"],
            "minimum": 0,
            "maximum": 1,
            "description": "higher is stranger",
        },
        "p_value": {"type": ["number", "null"], "minimum": 0, "maximum": 1},
        "phase": {"enum": list(PHASES)},
        **_involvement(),
    }


def _involvement() -> dict[str, Any]:
    return {
        "involved_as": {"enum": list(ROLES), "description": "the host's part in what was found"},
        "involvement": {
            "type": "number",
            "minimum": 0,
            "maximum": 1,
            "description": "confidence of the strongest sign that it took part in; 0 without one",
        },
    }


def _finding() -> dict[str, Any]:
    return {
        "schema": {"const": 1},
        "id": {"type": "string", "pattern": "^[0-9a-f]{32}$"},
        "campus": _TEXT,
        "sensor": _TEXT,
        "rule": {"enum": list(RULES)},
        "article": {"type": "array", "items": _TEXT, "minItems": 1},
        "subject": _object({"kind": {"enum": list(SUBJECT_KINDS)}, "value": _TEXT}),
        "start": _TIME,
        "end": _TIME,
        "p_value": {"type": ["number", "null"], "minimum": 0, "maximum": 1},
        "confidence": {"type": "number", "minimum": 0, "maximum": 1},
        "patterns": {"type": "array", "items": {"enum": list(PATTERNS)}},
        "evidence": {"type": "object"},
        "limits": _object(_BOTH),
        "text": _object(_BOTH),
    }


def _embedding() -> dict[str, Any]:
    minutes = "minutes with the third party that one session of the app adds"
    return {
        "app": {**_TEXT, "description": "service id"},
        "third_party": {**_TEXT, "description": "service id"},
        "category": {"enum": ["advertising", "tracking", "functional", "game"]},
        "sessions": {**_COUNT, "description": "of the app"},
        "sessions_with": {**_COUNT, "description": "in which the third party showed up, why ever"},
        "effect": {"type": "number", "description": minutes},
        "low": {"type": "number", "description": "95% interval of the effect, lower end"},
        "high": {"type": "number", "description": "upper end"},
        "q_value": {"type": "number", "minimum": 0, "maximum": 1},
        "clients": {**_COUNT, "description": "distinct clients in whose sessions it showed up"},
        "accepted": {"type": "boolean", "description": "held to ride along with the app"},
    }


def _forest() -> dict[str, Any]:
    groups = _object({name: {"enum": list(STANDINGS)} for name in PART_NAMES})
    return _object(
        {
            "findings": {**_COUNT, "description": "with a sign of the forest"},
            "expected_false": {
                "type": "number",
                "minimum": 0,
                "description": "findings by chance alone, at most, if the calibration holds",
            },
            "false_discovery_rate": {
                "type": ["number", "null"],
                "minimum": 0,
                "maximum": 1,
                "description": "expected_false of findings; null without a finding",
            },
            "tails": {
                **_object(dict.fromkeys(LENGTHS, groups)),
                "description": "what stands beyond the calibration's reach; missing: the pooled one's",
            },
            "drift": {
                "type": "object",
                "propertyNames": {"enum": list(MINUTE_FEATURES)},
                "additionalProperties": {"type": "number"},
                "description": "stability index of the last 24 h by feature; empty where none is measured",
            },
        }
    )


def _budget() -> dict[str, Any]:
    kind = {
        "findings": _COUNT,
        "per_day": {"type": ["number", "null"], "minimum": 0, "description": "null under a day"},
        "accepted_per_day": {"type": ["number", "null"], "description": "null: thresholds know no chance"},
    }
    return _object(
        {
            "days": {"type": "number", "minimum": 0, "description": "of event time in which a host was seen"},
            "hosts": {**_object(kind), "description": "with a sign of the forest"},
            "services": {**_object(kind), "description": "anomalous-service"},
            "patterns": {**_object(kind), "description": "anomalous-host by patterns alone"},
        }
    )


def _summary() -> dict[str, Any]:
    service = _object({"service": _TEXT, "flows": _COUNT, "bytes": _COUNT})
    services = {"type": "array", "items": service}
    return {
        "schema": {"const": 1},
        "version": _TEXT,
        "complete": {"type": "boolean", "description": "every capture was read to its end"},
        "problems": {"type": "array", "items": _TEXT},
        "packets": _COUNT,
        "bytes": {**_COUNT, "description": "on the wire"},
        "event_clock": _nullable(_TIME),
        "decoded": _COUNT,
        "duplicates": _COUNT,
        "malformed": _counts(REJECT_REASONS[1:]),
        "skipped_blocks": _counts(SKIPPED),
        "shed": _counts(SHED),
        "flows": {**_COUNT, "description": "flows that ended"},
        "flow_rows": {**_COUNT, "description": "rows of flows.parquet, checkpoints included"},
        "protocols": _counts(tuple(sorted(PROTO_NAMES.values()))),
        "tcp_seen": _counts(TCP_SEEN),
        "tcp_ends": _counts(TCP_END_NAMES),
        "tunnels": _counts(TUNNEL_NAMES),
        "names": _counts(NAME_SOURCES),
        "name_events": _counts(NAME_EVENTS),
        "visibility": _counts(VISIBILITY),
        "ech": _counts(ECH_NAMES),
        "categories": _counts(CATEGORIES),
        "category_bytes": _object(dict.fromkeys(CATEGORIES, _counts(("c2s", "s2c")))),
        "top_services": {
            "type": "object",
            "properties": dict.fromkeys(CATEGORIES, services),
            "additionalProperties": False,
        },
        "windows": _counts(PHASES),
        "hosts_are_clients": {"type": "boolean", "description": "no address lay in the campus networks"},
        "findings": _counts(RULES),
        "cleartext_identifiers": _counts(IDENTIFIER_KINDS),
        "silent": {**_counts(RULES), "description": "times that a rule kept silent for want of a list"},
        "patterns": _counts(tuple(PATTERNS)),
        "forest": _forest(),
        "budget": _budget(),
        "seconds": {"type": "number", "minimum": 0, "description": "real time taken"},
    }


def _metrics() -> dict[str, Any]:
    """A family as an object: its kind, and the labels of each sample."""
    families = {}
    for metric in METRICS:
        labels = {
            name: _TEXT if allowed is None else {"enum": list(allowed)} for name, allowed in metric.labels
        }
        samples = {"type": "array", "minItems": 1, "items": _object(labels)}
        families[metric.name] = _object({"kind": {"const": metric.kind}, "samples": samples})
    version = {"type": "array", "minItems": 1, "items": _object({"version": _TEXT})}
    families["campuswatch_build_info"] = _object({"kind": {"const": "gauge"}, "samples": version})
    return families


def text_of(schema: dict[str, Any]) -> str:
    """A schema as its file holds it."""
    return json.dumps(schema, ensure_ascii=False, indent=2) + "\n"


if __name__ == "__main__":
    for file_name, content in schemas().items():
        (Path(sys.argv[1]) / file_name).write_text(text_of(content), encoding="utf-8")
