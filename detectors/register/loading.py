"""A register from the paths that a configuration names."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from detectors.catalogue.catalogue import Catalogue
from detectors.register.errors import RegisterError
from detectors.register.files import read_lists
from detectors.register.lists import RegisterList, Told
from detectors.register.manifest import read_manifest
from detectors.register.standing import Register
from detectors.register.store import Store

_YAML = (".yaml", ".yml")


def load_register(paths: Sequence[Path], catalogue: Catalogue, schools: Sequence[str] = ()) -> Register:
    """A path is a folder of imports, a manifest (*.yaml), or one CSV or XLSX file.

    Raises RegisterError with the errors of all paths; nothing is half-loaded.
    """
    lists: list[RegisterList] = []
    bindings: dict[str, str] = {}
    errors: list[str] = []
    for path in paths:
        try:
            more, decided = read_path(path)
        except RegisterError as error:
            errors.extend(error.errors)
            continue
        lists.extend(more)
        bindings.update(decided)
    if errors:
        raise RegisterError(errors)
    return Register(lists, catalogue, bindings, schools)


def read_path(path: Path) -> tuple[list[RegisterList], dict[str, str]]:
    """The lists, and a person's decisions, that a path holds. Raises RegisterError."""
    if path.is_dir():
        store = Store(path)
        return store.lists(), store.bindings()
    if path.suffix.lower() in _YAML:
        return read_manifest(path)
    return read_lists(path, Told()), {}
