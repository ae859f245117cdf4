"""Reading the configuration from YAML: every error with its file, line and key."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any, TypeVar, get_args

import yaml
from pydantic import BaseModel, ValidationError

from monitor.config import Config

_MAX_BYTES = 1 << 20
_MAX_DEPTH = 8
_MAX_NODES = 10_000
_Location = tuple[int | str, ...]
_Model = TypeVar("_Model", bound=BaseModel)


class ConfigError(Exception):
    """The configuration cannot be used. `lines`: an error each, `file:line: key: what is wrong`."""

    def __init__(self, lines: list[str]) -> None:
        super().__init__("\n".join(lines))
        self.lines = lines


def load(path: Path | None) -> Config:
    """The configuration in `path`; the defaults without one. Relative paths in it start at the file.

    Raises ConfigError.
    """
    if path is None:
        return Config()
    return _anchored(checked(path, Config), path.resolve().parent)


def checked(path: Path, model: type[_Model]) -> _Model:
    """The YAML file at `path` as a `model`; bounded in size and depth. Raises ConfigError."""
    places: dict[_Location, int] = {}
    tree = _read(path, places)
    try:
        return model.model_validate(tree)
    except ValidationError as error:
        raise ConfigError([_describe(path, places, model, each) for each in error.errors()]) from None


def show(config: Config) -> str:
    """The effective configuration as YAML."""
    return yaml.safe_dump(config.model_dump(mode="json"), sort_keys=False, allow_unicode=True)


def _read(path: Path, places: dict[_Location, int]) -> Any:
    try:
        with path.open("rb") as file:
            text = file.read(_MAX_BYTES + 1)
    except OSError as error:
        raise ConfigError([f"{path}: cannot be read: {error.strerror or error}"]) from None
    if len(text) > _MAX_BYTES:
        raise ConfigError([f"{path}: larger than {_MAX_BYTES >> 20} MiB"])
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
        tree = {} if root is None else _plain(path, root, (), places)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        what = getattr(error, "problem", None) or str(error).partition("\n")[0]
        raise ConfigError([f"{path}:{mark.line + 1 if mark else 1}: not YAML: {what}"]) from None
    except UnicodeDecodeError:
        raise ConfigError([f"{path}:1: not UTF-8 text"]) from None
    # A section whose keys are all commented out is an empty one.
    return {k: v for k, v in tree.items() if v is not None} if isinstance(tree, dict) else tree


def _plain(path: Path, node: yaml.Node, at: _Location, places: dict[_Location, int]) -> Any:
    """A node as plain data; notes the line of every key. Refuses what a mapping would swallow."""
    line = node.start_mark.line + 1
    places.setdefault(at, line)
    if len(at) > _MAX_DEPTH or len(places) > _MAX_NODES:
        raise ConfigError([f"{path}:{line}: nested too deeply, or too long"])
    if isinstance(node, yaml.MappingNode):
        result: dict[str, Any] = {}
        for key, value in node.value:
            name, key_line = str(key.value), key.start_mark.line + 1
            if name in result:
                raise ConfigError([f"{path}:{key_line}: {_dotted((*at, name))}: stands twice"])
            places[(*at, name)] = key_line
            result[name] = _plain(path, value, (*at, name), places)
        return result
    if isinstance(node, yaml.SequenceNode):
        return [_plain(path, item, (*at, i), places) for i, item in enumerate(node.value)]
    return yaml.SafeLoader("").construct_object(node)


def _describe(path: Path, places: Mapping[_Location, int], model: type[BaseModel], error: Any) -> str:
    location: _Location = tuple(error["loc"])
    known = location
    while known and known not in places:
        known = known[:-1]
    what = str(error["msg"]).removeprefix("Value error, ")
    if error["type"] == "extra_forbidden":
        what = "unknown key"
        near = get_close_matches(str(location[-1]), _keys_of(model, location[:-1]), n=1)
        what += f"; did you mean `{near[0]}`?" if near else ""
    return f"{path}:{places.get(known, 1)}: {_dotted(known or location)}: {what}"


def _keys_of(model: type[BaseModel], location: _Location) -> list[str]:
    """The keys that the section at `location` knows; none where sections are of several kinds."""
    section = model
    for name in location:
        if isinstance(name, int):
            continue  # a place in a list, whose items the annotation before has given
        field = section.model_fields.get(name)
        inner = None if field is None else field.annotation
        inner = next((each for each in (inner, *get_args(inner)) if _is_section(each)), None)
        if inner is None:
            return []
        section = inner
    return list(section.model_fields)


def _is_section(annotation: object) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)


def _dotted(location: _Location) -> str:
    return ".".join(str(part) for part in location) or "the file"


def _anchored(config: Config, folder: Path) -> Config:
    """Relative paths, made absolute from the folder of the configuration file."""

    def absolute(path: Path | None) -> Path | None:
        return None if path is None else folder / path

    return config.model_copy(
        update={
            "anomaly": config.anomaly.model_copy(update={"model_file": absolute(config.anomaly.model_file)}),
            "privacy": config.privacy.model_copy(update={"key_file": absolute(config.privacy.key_file)}),
            "state": config.state.model_copy(
                update={
                    "directory": absolute(config.state.directory),
                    "runtime_directory": absolute(config.state.runtime_directory),
                }
            ),
            "catalogue": config.catalogue.model_copy(
                update={"paths": tuple(folder / path for path in config.catalogue.paths)}
            ),
            "registers": config.registers.model_copy(
                update={
                    "store": absolute(config.registers.store),
                    "files": tuple(folder / path for path in config.registers.files),
                }
            ),
        }
    )
