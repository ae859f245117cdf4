"""A register as a YAML file: which files it is made of, and what each of them is."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from pathlib import Path
from typing import Any

import yaml

from detectors.register.cells import day_of
from detectors.register.errors import RegisterError
from detectors.register.files import read_lists
from detectors.register.lists import RegisterList, Told
from detectors.register.names import filing_number, host_of, plain_name
from detectors.register.statuses import STATUSES

SCHEMA = 1
_MAX_BYTES = 1 << 20
_MAX_NODES = 20_000
_MAX_DEPTH = 6
_KEYS = {"status", "document", "issuer", "school", "from", "until", "complete", "sample"}


class _Loader(yaml.SafeLoader):
    """YAML without aliases: what refers to itself could unfold without end."""

    nodes = 0

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):
            mark = self.peek_event().start_mark
            raise yaml.MarkedYAMLError(problem="aliases (*name) are not read", problem_mark=mark)
        _Loader.nodes += 1
        if _Loader.nodes > _MAX_NODES:
            raise yaml.MarkedYAMLError(problem="too long", problem_mark=self.peek_event().start_mark)
        return super().compose_node(parent, index)


def read_manifest(path: Path) -> tuple[list[RegisterList], dict[str, str]]:
    """The lists that a manifest names, and the decisions of a person that it holds.

    Raises RegisterError with the errors of all files.
    """
    tree = _tree(path)
    errors: list[str] = []
    lists: list[RegisterList] = []
    entries = tree.get("lists", [])
    for key in tree.keys() - {"schema", "lists", "bindings"}:
        errors.append(f"{path}:0: unknown key `{key}`; known are schema, lists, bindings")
    if tree.get("schema") != SCHEMA:
        errors.append(f"{path}:0: `schema` must be {SCHEMA}")
    if not isinstance(entries, list):
        errors.append(f"{path}:0: `lists` must be a list")
        entries = []
    for number, entry in enumerate(entries, 1):
        where = f"{path}:0: list {number}"
        if not isinstance(entry, dict) or not isinstance(entry.get("file"), str):
            errors.append(f"{where}: needs `file`")
            continue
        told = told_from({k: v for k, v in entry.items() if k != "file"}, where, errors)
        try:
            lists.extend(read_lists(path.parent / entry["file"], told))
        except RegisterError as error:
            errors.extend(error.errors)
    bindings = _bindings(path, tree.get("bindings"), errors)
    if errors:
        raise RegisterError(errors)
    return lists, bindings


def told_from(given: Mapping[str, Any], where: str, errors: list[str]) -> Told:
    """What a mapping says of a list as a whole; what is wrong is added to `errors`."""
    told: dict[str, Any] = {}
    for key, value in given.items():
        if key not in _KEYS:
            errors.append(f"{where}: unknown key `{key}`; known are {', '.join(sorted(_KEYS))}")
        elif key in ("complete", "sample"):
            if not isinstance(value, bool):
                errors.append(f"{where}: `{key}` must be true or false")
            told[key] = value is True
        elif key in ("from", "until"):
            try:
                day = value if isinstance(value, date | datetime) else str(value)
                told["first" if key == "from" else "last"] = day_of(day, end=key == "until")
            except ValueError as error:
                errors.append(f"{where}: `{key}`: {error}")
        elif key == "status" and value not in STATUSES:
            errors.append(f"{where}: `status`: `{value}` is none of {', '.join(STATUSES)}")
        else:
            told[key] = str(value)[:200]
    return Told(**told)


def binding_key(text: str) -> str:
    """What a decision is kept under: a host, a filing number or a plain name."""
    host = host_of(text)
    if host is not None and host.isascii() and "." in text:
        return host
    return filing_number(text) if "备" in text else plain_name(text)


def _bindings(path: Path, given: Any, errors: list[str]) -> dict[str, str]:
    if given is None:
        return {}
    if not isinstance(given, dict):
        errors.append(f"{path}:0: `bindings` must map a name, filing number or host to a service id")
        return {}
    return {binding_key(str(key)): str(service) for key, service in given.items()}


def _tree(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as file:
            content = file.read(_MAX_BYTES + 1)
    except OSError as error:
        raise RegisterError([f"{path}:0: cannot be read: {error.strerror or error}"]) from None
    if len(content) > _MAX_BYTES:
        raise RegisterError([f"{path}:0: larger than {_MAX_BYTES >> 20} MiB"])
    _Loader.nodes = 0
    try:
        tree = yaml.load(content, Loader=_Loader)
    except (yaml.YAMLError, UnicodeDecodeError, ValueError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        what = getattr(error, "problem", None) or "not UTF-8 text"
        raise RegisterError([f"{path}:{mark.line + 1 if mark else 0}: not YAML: {what}"]) from None
    if not isinstance(tree, dict):
        raise RegisterError([f"{path}:0: needs `schema` and `lists`"])
    return tree
