"""docs/metrics.md, made from the definitions: `python -m sinks.metrics.document > docs/metrics.md`."""

from __future__ import annotations

import sys
from collections.abc import Iterator

from sinks.metrics.definitions import METRICS, Metric

_HEAD = """# Metrics

Made from `sinks/metrics/definitions.py` by `python -m sinks.metrics.document > docs/metrics.md`; a test
compares. Every series stands at zero from the start; label values come from the closed sets below or
from the catalogue, never from the wire. No address and no raw name is a label.

| metric | kind | labels | meaning |
|---|---|---|---|
| `campuswatch_build_info` | gauge | `version` | The program; always 1. |
"""


def markdown() -> str:
    """The whole page."""
    rows = [
        f"| `{metric.name}` | {metric.kind} | {_labels(metric)} | {metric.help} |\n" for metric in METRICS
    ]
    return _HEAD + "".join(rows) + "\n## Closed sets\n\n" + "".join(_sets())


def _labels(metric: Metric) -> str:
    return ", ".join(f"`{label}`" for label, _ in metric.labels)


def _sets() -> Iterator[str]:
    for metric in METRICS:
        for label, allowed in metric.labels:
            values = (
                "ids of the catalogue's services" if allowed is None else ", ".join(f"`{v}`" for v in allowed)
            )
            yield f"- `{metric.name}` `{label}`: {values}\n"


if __name__ == "__main__":
    sys.stdout.write(markdown())
