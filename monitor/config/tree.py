"""A configuration's files as one tree of plain data, with the file and line of every key.

`include: [file, …]` at the top of a file reads others first, relative to it. What the file says
itself stands above what it includes: the override is written where the include is. Two included
files that set the same key are a clash and an error, since nothing says which is meant. Sections
are merged key by key; a list is replaced whole.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

INCLUDE = "include"
_MAX_BYTES = 1 << 20
_MAX_DEPTH = 8
_MAX_NODES = 10_000
_MAX_INCLUDE_DEPTH = 4
_MAX_FILES = 32
Location = tuple[int | str, ...]


@dataclass(frozen=True, slots=True)
class Place:
    """Where something stands."""

    path: Path
    line: int

    def __str__(self) -> str:
        return f"{self.path}:{self.line}"


@dataclass(slots=True)
class Tree:
    """The files' content. places: of every key and list item. problems: a line each."""

    data: Any = None
    places: dict[Location, Place] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)

    def place_of(self, location: Location) -> Place | None:
        """The place of a key, or of the nearest around it; None where no file says anything."""
        while location and location not in self.places:
            location = location[:-1]
        return self.places.get(location)


def read_tree(path: Path) -> Tree:
    """Read a file and all it includes. What is wrong stands in `problems`; the rest is read."""
    return _Reader().read(path, ())


class _Reader:
    def __init__(self) -> None:
        self._files = 0

    def read(self, path: Path, including: tuple[Path, ...]) -> Tree:
        tree = Tree(data={})
        self._files += 1
        if self._files > _MAX_FILES:
            tree.problems.append(f"{path}: more than {_MAX_FILES} files are included")
            return tree
        root = _compose(path, tree)
        if root is None:
            return tree
        tree.data = _plain(path, root, (), tree)
        if not isinstance(tree.data, dict):
            return tree
        # A section whose keys are all commented out is an empty one.
        tree.data = {key: value for key, value in tree.data.items() if value is not None}
        if INCLUDE in tree.data:
            self._include(path, tree, (*including, path.resolve()))
        return tree

    def _include(self, path: Path, tree: Tree, including: tuple[Path, ...]) -> None:
        """Put what the included files say under what the file says."""
        place = tree.places[(INCLUDE,)]
        names = tree.data.pop(INCLUDE)
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            tree.problems.append(f"{place}: {INCLUDE}: write a list of files, such as [local.yaml]")
            return
        below = Tree(data={})
        for i, name in enumerate(names):
            at, target = tree.places[(INCLUDE, i)], path.parent / name
            try:
                whole = target.resolve()
            except (OSError, RuntimeError, ValueError) as error:  # a loop of links; a zero byte
                tree.problems.append(f"{at}: {INCLUDE}: {name!r} names no file: {error}")
                continue
            if whole in including:
                tree.problems.append(f"{at}: {INCLUDE}: {target} includes itself; remove one of the includes")
            elif len(including) > _MAX_INCLUDE_DEPTH:
                tree.problems.append(f"{at}: {INCLUDE}: deeper than {_MAX_INCLUDE_DEPTH} files")
            else:
                other = self.read(target, including)
                tree.problems += other.problems
                if isinstance(other.data, dict):
                    _merge(below, other, (), tree.problems)
                elif other.data is not None:
                    tree.problems.append(f"{target}:1: the file: write sections, such as `campus:`")
        _merge(below, Tree(tree.data, tree.places), (), None)
        tree.data, tree.places = below.data, below.places


def _merge(below: Tree, above: Tree, at: Location, clashes: list[str] | None) -> None:
    """Lay `above` over `below`. With `clashes`, a key that both set is a problem."""
    under, over = _within(below.data, at), _within(above.data, at)
    for key, value in over.items():
        here = (*at, key)
        if isinstance(value, dict) and isinstance(under.get(key), dict):
            _merge(below, above, here, clashes)
            continue
        if key in under and clashes is not None:
            clashes.append(
                f"{above.places[here]}: {dotted(here)}: also set in {below.place_of(here)}; "
                "set it in one of them, or in the file that includes both"
            )
        for stale in [each for each in below.places if each[: len(here)] == here]:
            del below.places[stale]
        under[key] = value
        for location, place in above.places.items():
            if location[: len(here)] == here:
                below.places[location] = place
    if at in above.places:
        below.places[at] = above.places[at]


def _within(data: Any, at: Location) -> Any:
    for key in at:
        data = data[key]
    return data


def _compose(path: Path, tree: Tree) -> yaml.Node | None:
    try:
        with path.open("rb") as file:
            text = file.read(_MAX_BYTES + 1)
    except OSError as error:
        tree.problems.append(f"{path}: cannot be read: {error.strerror or error}")
        return None
    if len(text) > _MAX_BYTES:
        tree.problems.append(f"{path}: larger than {_MAX_BYTES >> 20} MiB")
        return None
    try:
        return yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError as error:
        tree.problems.append(_not_yaml(path, error))
    except UnicodeDecodeError:
        tree.problems.append(f"{path}:1: not UTF-8 text")
    except RecursionError:
        tree.problems.append(f"{path}:1: nested too deeply")
    return None


def _not_yaml(path: Path, error: yaml.YAMLError) -> str:
    mark = getattr(error, "problem_mark", None)
    what = getattr(error, "problem", None) or str(error).partition("\n")[0]
    return f"{path}:{mark.line + 1 if mark else 1}: not YAML: {what}"


def _plain(path: Path, node: yaml.Node, at: Location, tree: Tree) -> Any:
    """A node as plain data; notes the line of every key. Refuses what a mapping would swallow."""
    place = Place(path, node.start_mark.line + 1)
    tree.places.setdefault(at, place)
    if len(at) > _MAX_DEPTH or len(tree.places) > _MAX_NODES:
        problem = f"{place}: nested too deeply, or too long"
        if problem not in tree.problems:
            tree.problems.append(problem)
        return None
    if isinstance(node, yaml.MappingNode):
        result: dict[str, Any] = {}
        for key, value in node.value:
            name = str(key.value)
            here = (*at, name)
            if name in result:
                tree.problems.append(f"{path}:{key.start_mark.line + 1}: {dotted(here)}: stands twice")
                continue
            tree.places[here] = Place(path, key.start_mark.line + 1)
            result[name] = _plain(path, value, here, tree)
        return result
    if isinstance(node, yaml.SequenceNode):
        return [_plain(path, item, (*at, i), tree) for i, item in enumerate(node.value)]
    try:
        return yaml.SafeLoader("").construct_object(node)
    except (yaml.YAMLError, ValueError) as error:  # ValueError: a date that no calendar has
        what = getattr(error, "problem", None) or str(error)
        tree.problems.append(f"{place}: {dotted(at)}: not YAML: {what}")
        return None


def dotted(location: Location) -> str:
    """A location as it is told to a user."""
    return ".".join(str(part) for part in location) or "the file"
