"""Services and catalogue files made by hand."""

from __future__ import annotations

from typing import Any

from detectors.catalogue.schema import Service

HEAD = "schema: 1\nservices:\n"
GOOD = """\
  - id: some-app
    name: {zh: 某应用, en: Some App}
    operator: ""
    category: game
    suffixes: [some.example]
    source: a test
    checked: 2026-11-24
"""


def made(id_: str, category: str = "advertising", **fields: Any) -> Service:
    """A service as a file would hold it; a line for every name."""
    names = (*fields.get("suffixes", ()), *fields.get("hosts", ()))
    given = {"suffixes": (), "hosts": (), "path": f"{id_}.yaml", **fields}
    return Service(
        id=id_, name_zh=id_, name_en=id_, operator="", category=category, kind=None, source="a test",
        checked="2026-11-24", file=given["path"], line=1, lines=tuple(range(1, len(names) + 1)), **given,
    )  # fmt: skip
