"""JSON Schemas of what the sensor tells of itself: /readyz and /healthz, and `doctor --format json`.

python -m monitor.health.answer_schemas configs/schema
"""

from __future__ import annotations

import sys
from dataclasses import fields
from pathlib import Path
from typing import Any

from monitor.config.schema import text_of
from monitor.doctor.check import BAD, GOOD, UNKNOWN, WARN
from monitor.health.health import REASONS, SEVERITIES, Snapshot

_DRAFT = "https://json-schema.org/draft/2020-12/schema"
_TEXT = {"type": "string", "minLength": 1}
_COUNT = {"type": ["integer", "null"], "minimum": 0}
_NUMBER = {"type": "number", "minimum": 0}
#: The rates beside the totals of a Snapshot.
_RATES = (
    *("packets_per_second", "lost_share", "duplicate_share", "one_way_share"),
    *("seconds_without_packet", "seconds_without_progress"),
)


def schemas() -> dict[str, dict[str, Any]]:
    """File name -> schema."""
    return {"health.json": _health(), "doctor.json": _doctor()}


def _object(properties: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def _health() -> dict[str, Any]:
    reason = _object(
        {"code": {"enum": list(REASONS)}, "severity": {"enum": list(SEVERITIES)}, "zh": _TEXT, "en": _TEXT}
    )
    figures = {**{each.name: _COUNT for each in fields(Snapshot)}, **dict.fromkeys(_RATES, _NUMBER)}
    told = {
        "live": {"type": "boolean", "description": "the work goes on; else a restart is due"},
        "ready": {"type": "boolean", "description": "packets are captured and findings can be written"},
        "reasons": {"type": "array", "items": reason},
        "figures": _object(figures),
    }
    return {"$schema": _DRAFT, "title": "health", **_object(told)}


def _doctor() -> dict[str, Any]:
    verdict = {"enum": [GOOD, WARN, BAD, UNKNOWN]}
    remedy = {"type": "string"}
    check = _object(
        {
            "name": _TEXT,
            "verdict": verdict,
            "zh": _TEXT,
            "en": _TEXT,
            "remedy_zh": remedy,
            "remedy_en": remedy,
            "seen": {"type": "object"},
        }
    )
    told = {"checks": {"type": "array", "items": check}, "verdict": {"enum": [GOOD, WARN, BAD]}}
    return {"$schema": _DRAFT, "title": "doctor", **_object(told)}


if __name__ == "__main__":
    for file_name, content in schemas().items():
        (Path(sys.argv[1]) / file_name).write_text(text_of(content), encoding="utf-8")
