"""Reading the configuration: every error at once, with its file, line, key and remedy."""

from __future__ import annotations

import os
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError

from monitor.config.config import Config
from monitor.config.tree import INCLUDE, Location, Tree, dotted, read_tree

#: A path of this form is a credential that systemd hands to the service (systemd.exec(5)).
CREDENTIAL = "credential:"
_CREDENTIALS_DIRECTORY = "CREDENTIALS_DIRECTORY"


class ConfigError(Exception):
    """The configuration cannot be used. `lines`: an error each, `file:line: key: what is wrong`."""

    def __init__(self, lines: list[str]) -> None:
        super().__init__("\n".join(lines))
        self.lines = lines


def load(path: Path | None) -> Config:
    """The configuration in `path` and what it includes; the defaults without one.

    A relative path starts at the file it stands in; `credential:NAME` is a file of the directory
    in which systemd hands credentials to the service. Raises ConfigError with every error.
    """
    return load_with_places(path)[0]


def load_with_places(path: Path | None) -> tuple[Config, Tree]:
    """As `load`; also where each key stands."""
    if path is None:
        return Config(), Tree()
    tree = read_tree(path)
    problems = list(tree.problems)
    try:
        config = Config.model_validate(tree.data)
    except ValidationError as error:
        problems += [_describe(path, tree, each) for each in error.errors()]
    if problems:
        raise ConfigError(problems)
    config = _anchored(config, tree, (), problems)
    if problems:
        raise ConfigError(problems)
    return config, tree


def show(config: Config) -> str:
    """The effective configuration as YAML."""
    return yaml.safe_dump(config.model_dump(mode="json"), sort_keys=False, allow_unicode=True)


def show_with_places(config: Config, tree: Tree) -> str:
    """The effective configuration as YAML; beside each value its file and line, or `default`."""
    return "".join(_lines(config.model_dump(mode="json"), tree, ()))


def _lines(section: dict[str, Any], tree: Tree, at: Location) -> list[str]:
    told = []
    for key, value in section.items():
        here = (*at, key)
        indent = "  " * len(at)
        if isinstance(value, dict) and value:
            told += [f"{indent}{key}:\n", *_lines(value, tree, here)]
            continue
        inline = yaml.safe_dump([value], default_flow_style=True, allow_unicode=True, width=1 << 20)
        text = f"{indent}{key}: {inline.strip()[1:-1]}"
        told.append(f"{text:<48}  # {tree.places.get(here) or 'default'}\n")
    return told


def _describe(path: Path, tree: Tree, error: Any) -> str:
    location: Location = tuple(error["loc"])
    known = location
    while known and known not in tree.places:
        known = known[:-1]
    what = str(error["msg"]).removeprefix("Value error, ")
    if error["type"] == "extra_forbidden":
        keys = _keys_of(location[:-1])
        near = get_close_matches(str(location[-1]), keys, n=1)
        what = "unknown key" + (f"; did you mean `{near[0]}`?" if near else f"; known are {', '.join(keys)}")
    else:
        what += _remedy(known)
    place = tree.places.get(known)
    return f"{place or f'{path}:1'}: {dotted(known or location)}: {what}"


def _remedy(location: Location) -> str:
    """What would be right in this place: the default, where it says something."""
    value: Any = Config()
    for name in location:
        if not isinstance(value, BaseModel) or name not in type(value).model_fields:
            return ""
        value = getattr(value, str(name))
    if isinstance(value, BaseModel):
        return f"; write its keys under it, such as `{next(iter(type(value).model_fields))}:`"
    if value is None or value == ():
        return ""
    told = [str(each) for each in value] if isinstance(value, tuple) else value
    return f"; default: {yaml.safe_dump([told], default_flow_style=True, width=1 << 20).strip()[1:-1]}"


def _keys_of(location: Location) -> list[str]:
    """The keys that the section at `location` knows."""
    section: type[BaseModel] = Config
    for name in location:
        inner = section.model_fields[str(name)].annotation if name in section.model_fields else None
        if not (isinstance(inner, type) and issubclass(inner, BaseModel)):
            return []
        section = inner
    return [*section.model_fields, *([] if location else [INCLUDE])]


def _anchored(section: Any, tree: Tree, at: Location, problems: list[str]) -> Any:
    """Relative paths, made absolute from the folder of the file they stand in."""
    changed = {}
    for name in type(section).model_fields:
        value, here = getattr(section, name), (*at, name)
        if here not in tree.places:
            continue
        if isinstance(value, BaseModel):
            changed[name] = _anchored(value, tree, here, problems)
        elif isinstance(value, Path):
            changed[name] = _absolute(value, tree, here, problems)
        elif isinstance(value, tuple) and value and isinstance(value[0], Path):
            changed[name] = tuple(_absolute(each, tree, (*here, i), problems) for i, each in enumerate(value))
        elif isinstance(value, tuple) and value and isinstance(value[0], BaseModel):
            changed[name] = tuple(_anchored(each, tree, (*here, i), problems) for i, each in enumerate(value))
    return section.model_copy(update=changed)


def _absolute(path: Path, tree: Tree, at: Location, problems: list[str]) -> Path:
    place = tree.place_of(at)
    assert place is not None
    text = str(path)
    if "\0" in text:
        problems.append(f"{place}: {dotted(at)}: {text!r} names no file: it holds a zero byte")
        return path
    if not text.startswith(CREDENTIAL):
        return place.path.resolve().parent / path
    name, folder = text.removeprefix(CREDENTIAL), os.environ.get(_CREDENTIALS_DIRECTORY)
    if not name or "/" in name or name in (".", ".."):
        problems.append(f"{place}: {dotted(at)}: {text}: write a credential's name, such as credential:key")
    elif not folder:
        problems.append(
            f"{place}: {dotted(at)}: {text}: no credentials were handed over; "
            f"add LoadCredential={name}:FILE to the unit, or write a file's path"
        )
    else:
        return Path(folder) / name
    return path
