"""configs/schema/campuswatch.json for editors, made from the model and the commented example.

    python -m monitor.config.schema > configs/schema/campuswatch.json

The model says what is allowed; the example's comments say what each key means.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from monitor.config.config import Config
from monitor.config.tree import INCLUDE
from monitor.shipped import shipped

EXAMPLE = "configs/campuswatch.yaml"
_KEY = re.compile(r"^(?P<indent> *)(?P<off># )?(?P<key>[a-z][a-z0-9_]*):(?P<value>.*)$")
_COMMENT = re.compile(r"(?:^|\s)#\s+(?P<text>.*)$")


@dataclass(frozen=True, slots=True)
class ExampleKey:
    """A key of the example: `off` where it is commented out, since its default is to be absent."""

    location: tuple[str, ...]
    comment: str
    off: bool


def example_keys(text: str) -> Iterator[ExampleKey]:
    """All keys of the commented example, those that are commented out included."""
    open_sections: list[tuple[int, str]] = []
    for line in text.splitlines():
        found = _KEY.match(line)
        if found is None:
            continue
        indent = len(found["indent"])
        while open_sections and open_sections[-1][0] >= indent:
            open_sections.pop()
        open_sections.append((indent, found["key"]))
        comment = _COMMENT.search(found["value"])
        told = comment["text"].strip() if comment else ""
        yield ExampleKey(tuple(key for _, key in open_sections), told, found["off"] is not None)


def schema() -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of a configuration file."""
    made = Config.model_json_schema()
    definitions = made["$defs"]
    for key in example_keys(shipped(EXAMPLE).read_text(encoding="utf-8")):
        _describe(made, definitions, key)
    for section in made["properties"].values():
        _allow_empty(section)
    files = {"type": "array", "items": {"type": "string"}, "description": "read first, relative to this file"}
    made["properties"] = {INCLUDE: files, **made["properties"]}
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **made}


def text_of(made: dict[str, Any]) -> str:
    """A schema as its file holds it."""
    return json.dumps(made, ensure_ascii=False, indent=2) + "\n"


def _describe(made: dict[str, Any], definitions: dict[str, Any], key: ExampleKey) -> None:
    node = made
    for name in key.location:
        if "$ref" in node:
            node = definitions[node["$ref"].rpartition("/")[2]]
        node = node.get("properties", {}).get(name, {})
    if key.comment and node:
        node["description"] = key.comment


def _allow_empty(section: dict[str, Any]) -> None:
    """A section may stand there with all its keys commented out."""
    if "$ref" in section:
        section["anyOf"] = [{"$ref": section.pop("$ref")}, {"type": "null"}]


if __name__ == "__main__":
    sys.stdout.write(text_of(schema()))
