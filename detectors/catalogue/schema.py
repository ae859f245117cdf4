"""The form of a catalogue file, checked entry by entry with the line of every error."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import yaml

from detectors.catalogue.categories import ENTRY_CATEGORIES, KINDS

SCHEMA = 1
_ID = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?")
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
_REQUIRED = ("id", "name", "operator", "category", "source", "checked")
_FIELDS = frozenset((*_REQUIRED, "kind", "suffixes", "hosts", "note"))
_MAX_FILE_BYTES = 16 << 20


class CatalogueError(ValueError):
    """A catalogue that can't be used; the message has one line per error, each `file:line: what`."""

    def __init__(self, errors: list[str]) -> None:
        super().__init__("\n".join(errors))
        self.errors = errors


@dataclass(frozen=True, slots=True)
class Service:
    """One entry: a service and the names that belong to it.

    `suffixes` hold for the name itself and every name below it, `hosts` for that very name.
    `lines` gives the line of each suffix and host in `file`, in the order suffixes, hosts.
    """

    id: str
    name_zh: str
    name_en: str
    operator: str
    category: str
    kind: str | None
    suffixes: tuple[str, ...]
    hosts: tuple[str, ...]
    source: str
    checked: str
    file: str
    line: int
    lines: tuple[int, ...]


def read_file(path: Path, errors: list[str]) -> Iterator[Service]:
    """Yield the entries of a file; what is wrong is added to `errors` and its entry left out."""
    try:
        text = path.read_bytes()
    except OSError as error:
        errors.append(f"{path}:0: can't be read: {error.strerror}")
        return
    if len(text) > _MAX_FILE_BYTES:
        errors.append(f"{path}:0: larger than {_MAX_FILE_BYTES >> 20} MiB")
        return
    try:
        root = yaml.compose(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        mark = getattr(error, "problem_mark", None)
        what = getattr(error, "problem", None) or "not UTF-8 text"
        errors.append(f"{path}:{mark.line + 1 if mark else 0}: not YAML: {what}")
        return
    yield from _Reader(path, errors).services(root)


class _Reader:
    """Walks the nodes of one file. Aliases are followed no deeper than the form is deep."""

    def __init__(self, path: Path, errors: list[str]) -> None:
        self._path = path
        self._errors = errors

    def services(self, root: yaml.Node | None) -> Iterator[Service]:
        top = self._mapping(root, "a catalogue file") if root else None
        if top is None:
            if root is None:
                self._errors.append(f"{self._path}:1: empty; needs `schema` and `services`")
            return
        for key in top.keys() - {"schema", "services"}:
            self._error(top[key], f"unknown key `{key}`")
        schema = top.get("schema")
        if schema is None or getattr(schema, "value", None) != str(SCHEMA):
            self._error(schema or root, f"`schema` must be {SCHEMA}")
            return
        entries = top.get("services")
        if not isinstance(entries, yaml.SequenceNode):
            self._error(entries or root, "`services` must be a list")
            return
        for node in entries.value:
            service = self._service(node)
            if service is not None:
                yield service

    def _service(self, node: yaml.Node) -> Service | None:
        before = len(self._errors)
        fields = self._mapping(node, "an entry")
        if fields is None:
            return None
        for key in sorted(fields.keys() - _FIELDS):
            self._error(fields[key], f"unknown key `{key}`")
        for key in _REQUIRED:
            if key not in fields:
                self._error(node, f"`{key}` is missing")
        if len(self._errors) > before:
            return None
        name = self._mapping(fields["name"], "`name`") or {}
        if name.keys() != {"zh", "en"}:
            self._error(fields["name"], "`name` needs `zh` and `en`, nothing else")
        suffixes = self._names(fields.get("suffixes"), "suffixes", least_labels=2)
        hosts = self._names(fields.get("hosts"), "hosts", least_labels=2)
        if not suffixes and not hosts:
            self._error(node, "needs `suffixes` or `hosts`")
        category = self._choice(fields["category"], "category", ENTRY_CATEGORIES)
        service = Service(
            id=self._text(fields["id"], "id", _ID),
            name_zh=self._text(name.get("zh"), "name.zh"),
            name_en=self._text(name.get("en"), "name.en"),
            operator=self._text(fields["operator"], "operator", empty=True),
            category=category,
            kind=self._kind(node, fields.get("kind"), category),
            suffixes=tuple(text for text, _ in suffixes),
            hosts=tuple(text for text, _ in hosts),
            source=self._text(fields["source"], "source"),
            checked=self._text(fields["checked"], "checked", _DATE),
            file=self._path.name,
            line=node.start_mark.line + 1,
            lines=tuple(line for _, line in suffixes + hosts),
        )
        return service if len(self._errors) == before else None

    def _kind(self, entry: yaml.Node, node: yaml.Node | None, category: str) -> str | None:
        kinds = KINDS.get(category)
        if kinds is None:
            if node is not None:
                self._error(node, f"`kind` has no meaning for `{category}`")
            return None
        if node is None:
            self._error(entry, f"`kind` is missing; one of {', '.join(kinds)}")
            return None
        return self._choice(node, "kind", kinds)

    def _names(
        self, node: yaml.Node | None, key: str, least_labels: int
    ) -> list[tuple[str, int]]:
        if node is None:
            return []
        if not isinstance(node, yaml.SequenceNode):
            self._error(node, f"`{key}` must be a list")
            return []
        names = []
        for item in node.value:
            text = self._text(item, key)
            labels = text.split(".")
            if len(text) > 253 or not all(_LABEL.fullmatch(label) for label in labels):
                self._error(item, f"`{text}` is no host name in lower-case ASCII (IDN as xn--)")
            elif len(labels) < least_labels:
                self._error(item, f"`{text}` is a whole top-level domain")
            else:
                names.append((text, item.start_mark.line + 1))
        return names

    def _mapping(self, node: yaml.Node | None, what: str) -> dict[str, yaml.Node] | None:
        if not isinstance(node, yaml.MappingNode):
            if node is not None:
                self._error(node, f"{what} must be a mapping")
            return None
        fields: dict[str, yaml.Node] = {}
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode):
                self._error(key, "a key must be plain text")
            elif key.value in fields:
                self._error(key, f"`{key.value}` stands twice")
            else:
                fields[key.value] = value
        return fields

    def _text(
        self, node: yaml.Node | None, key: str, form: re.Pattern[str] | None = None, empty: bool = False
    ) -> str:
        if not isinstance(node, yaml.ScalarNode) or (not node.value and not empty):
            if node is not None:
                self._error(node, f"`{key}` must be text")
            return ""
        if form is not None and not form.fullmatch(node.value):
            self._error(node, f"`{key}`: `{node.value}` is not of the form {form.pattern}")
        return str(node.value)

    def _choice(self, node: yaml.Node, key: str, allowed: tuple[str, ...]) -> str:
        text = self._text(node, key)
        if text and text not in allowed:
            self._error(node, f"`{key}`: `{text}` is none of {', '.join(allowed)}")
        return text

    def _error(self, node: yaml.Node | None, what: str) -> None:
        line = node.start_mark.line + 1 if node is not None else 0
        self._errors.append(f"{self._path}:{line}: {what}")

