"""The form of a catalogue file, checked entry by entry with the line of every error."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from ipaddress import ip_network
from pathlib import Path
from typing import TypeVar

import yaml

from detectors.campus_networks import Network
from detectors.catalogue.categories import ENTRY_CATEGORIES, KINDS, OPTIONAL_KINDS
from detectors.catalogue.host_names import host_name
from detectors.catalogue.nodes import TooDeep, compose
from detectors.catalogue.public_suffixes import is_public_suffix

_T = TypeVar("_T")
SCHEMA = 1
_ID = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
_JA4 = re.compile(r"[tq][0-9a-z]{9}_[0-9a-f]{12}_[0-9a-f]{12}")
_HOST_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
_WORD = re.compile(r"[a-z][a-z0-9]{0,62}")
_ALPN = re.compile(r"[!-~]{1,255}")
_PORTS = re.compile(r"(\d{1,5})(?:-(\d{1,5}))?")
_REQUIRED = ("id", "name", "operator", "category", "source", "checked")
_NARROWING = ("ports", "alpn", "ja4")  # only of `addresses`: alone they name no one
_NAMES = ("suffixes", "hosts", "labels", "words")
_FIELDS = frozenset((*_REQUIRED, *_NAMES, "kind", "note", "addresses", *_NARROWING))
_MAX_FILE_BYTES = 16 << 20
_MAX_DEPTH = 6  # file, services, entry, list: and no deeper
_MAX_ERRORS = 1_000


class CatalogueError(ValueError):
    """A catalogue that can't be used; the message has one line per error, each `file:line: what`."""

    def __init__(self, errors: list[str]) -> None:
        super().__init__("\n".join(errors))
        self.errors = errors


@dataclass(frozen=True, slots=True)
class Service:
    """One entry: a service and the names that belong to it.

    `suffixes` hold for the name itself and every name below it, `hosts` for that very name.
    `labels` for whatever name has one of these labels below a registrable domain, `words` for whatever
    has a label there that is made up of known words, one of these among them. Labels of category general
    say nothing, its words may stand beside others.
    `lines` gives the line of each suffix, host, label and word in `file`, in that order.
    Flows without a name belong to the service when their server lies in one of `addresses` and, of
    what else is stated, all holds: server port within `ports`, one of `alpn` offered, `ja4` of the client.
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
    path: str = ""
    labels: tuple[str, ...] = ()
    words: tuple[str, ...] = ()
    addresses: tuple[Network, ...] = ()
    ports: tuple[tuple[int, int], ...] = ()
    alpn: tuple[str, ...] = ()
    ja4: tuple[str, ...] = ()


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
        root = compose(text, _MAX_DEPTH)
    except TooDeep:
        errors.append(f"{path}:0: nested deeper than a catalogue is; see docs/catalogue.md for the form")
        return
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
        suffixes = self._names(fields.get("suffixes"), "suffixes")
        hosts = self._names(fields.get("hosts"), "hosts")
        labels = self._list(fields.get("labels"), "labels", self._label)
        words = self._list(fields.get("words"), "words", self._word)
        addresses: tuple[Network, ...] = self._list(fields.get("addresses"), "addresses", self._network)
        narrowing = [key for key in _NARROWING if key in fields]
        if narrowing and not addresses:
            self._error(fields[narrowing[0]], f"`{narrowing[0]}` narrows `addresses`, which is missing")
        if not any((suffixes, hosts, labels, words, addresses)):
            self._error(node, "needs `suffixes`, `hosts`, `labels`, `words` or `addresses`")
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
            lines=tuple(line for _, line in (*suffixes, *hosts, *labels, *words)),
            path=str(self._path),
            labels=tuple(text for text, _ in labels),
            words=tuple(text for text, _ in words),
            addresses=addresses,
            ports=self._list(fields.get("ports"), "ports", self._ports),
            alpn=self._list(fields.get("alpn"), "alpn", lambda node: self._text(node, "alpn", _ALPN)),
            ja4=self._list(fields.get("ja4"), "ja4", lambda node: self._text(node, "ja4", _JA4)),
        )
        return service if len(self._errors) == before else None

    def _kind(self, entry: yaml.Node, node: yaml.Node | None, category: str) -> str | None:
        kinds = KINDS.get(category)
        if kinds is None:
            kinds = OPTIONAL_KINDS.get(category, ())
            if node is not None and not kinds:
                self._error(node, f"`kind` has no meaning for `{category}`")
            return self._choice(node, "kind", kinds) if node is not None and kinds else None
        if node is None:
            self._error(entry, f"`kind` is missing; one of {', '.join(kinds)}")
            return None
        return self._choice(node, "kind", kinds)

    def _names(self, node: yaml.Node | None, key: str) -> list[tuple[str, int]]:
        found = self._list(node, key, lambda item: (self._name(item, key), item.start_mark.line + 1))
        return [(name, line) for name, line in found if name]

    def _name(self, node: yaml.Node, key: str) -> str:
        """A host name in its comparable form; empty after an error."""
        text = self._text(node, key)
        name = host_name(text)
        if name is None:
            self._error(node, f"`{text}` is no host name; write it without scheme, path and port")
        elif is_public_suffix(name):
            self._error(node, f"`{text}` is a public suffix, which many share; name what lies below it")
        else:
            return name
        return ""

    def _label(self, node: yaml.Node) -> tuple[str, int]:
        return self._text(node, "labels", _HOST_LABEL), node.start_mark.line + 1

    def _word(self, node: yaml.Node) -> tuple[str, int]:
        return self._text(node, "words", _WORD), node.start_mark.line + 1

    def _network(self, node: yaml.Node) -> Network | None:
        text = self._text(node, "addresses")
        try:
            network = ip_network(text)
        except ValueError as error:
            self._error(node, f"`{text}` is no network, such as 203.0.113.0/24: {error}")
            return None
        if network.prefixlen < (8 if network.version == 4 else 16):
            self._error(node, f"`{text}` is no one's alone; name the ranges of the operator")
        return network

    def _ports(self, node: yaml.Node) -> tuple[int, int] | None:
        text = self._text(node, "ports", _PORTS)
        match = _PORTS.fullmatch(text)
        if match is None:
            return None
        first, last = int(match[1]), int(match[2] or match[1])
        if not 0 < first <= last <= 65_535:
            self._error(node, f"`{text}` is no port and no range of ports from low to high")
        return first, last

    def _list(
        self, node: yaml.Node | None, key: str, read: Callable[[yaml.Node], _T | None]
    ) -> tuple[_T, ...]:
        if node is None:
            return ()
        if not isinstance(node, yaml.SequenceNode):
            self._error(node, f"`{key}` must be a list")
            return ()
        items = (read(item) for item in node.value)
        return tuple(item for item in items if item is not None)

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
        if len(self._errors) < _MAX_ERRORS:
            line = node.start_mark.line + 1 if node is not None else 0
            self._errors.append(f"{self._path}:{line}: {what}")
        elif len(self._errors) == _MAX_ERRORS:
            self._errors.append(f"{self._path}: more errors follow")
