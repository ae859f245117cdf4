"""Reading a scenario: every error at once, with its file, line and key."""

from __future__ import annotations

from difflib import get_close_matches
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from monitor.config.tree import Location, Tree, dotted, read_tree
from monitor.simulate.hosts import ScenarioError
from monitor.simulate.scenario import App, Scenario


def load_scenario(path: Path) -> Scenario:
    """The scenario in a YAML file. Raises ScenarioError with every error, a line each."""
    tree = read_tree(path)
    problems = list(tree.problems)
    try:
        scenario = Scenario.model_validate(tree.data)
    except ValidationError as error:
        problems += [_described(path, tree, each) for each in error.errors()]
    if problems:
        raise ScenarioError("\n".join(problems))
    return scenario


def _described(path: Path, tree: Tree, error: Any) -> str:
    # Where items are of several kinds, the location also holds the kind, which no file has.
    location = tuple(error["loc"])
    known: Location = ()
    for part in location:
        if (*known, part) in tree.places:
            known = (*known, part)
    what = str(error["msg"]).removeprefix("Value error, ")
    if error["type"] == "extra_forbidden":
        near = get_close_matches(str(location[-1]), _keys_of(location[:-1]), n=1)
        what = "unknown key" + (f"; did you mean `{near[0]}`?" if near else "")
    elif error["type"] == "missing":
        what = f"`{location[-1]}` is missing"
    return f"{tree.place_of(known) or f'{path}:1'}: {dotted(known)}: {what}"


def _keys_of(location: Location) -> list[str]:
    """The keys that the part at `location` knows."""
    section: type[BaseModel] = Scenario
    for name in location:
        if name in section.model_fields:
            found = _parts(section.model_fields[str(name)].annotation)
            if not found:
                return []
            section = found[0]
        else:  # an incident's kind
            kinds = [each for each in _incidents() if name in get_args(each.model_fields["kind"].annotation)]
            section = kinds[0] if kinds else section
    return list(section.model_fields)


def _parts(annotation: Any) -> list[type[BaseModel]]:
    """The parts of a scenario that an annotation such as tuple[App, ...] speaks of."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [part for inner in get_args(annotation) for part in _parts(inner)]


def _incidents() -> list[type[BaseModel]]:
    return [part for of in (Scenario, App) for part in _parts(of.model_fields["incidents"].annotation)]
