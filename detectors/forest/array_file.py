"""Arrays and a description in an npz: written whole or not at all, read without pickle, with a digest."""

from __future__ import annotations

import hashlib
import json
import os
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detectors.forest.features import FEATURE_SCHEMA
from detectors.window_features import FEATURE_NAMES

Arrays = dict[str, NDArray[Any]]

_MAX_FILE_BYTES = 1 << 30


class ModelFileError(ValueError):
    """The file is no model (or set of incidents), is damaged, or was made with other features; says which."""


def write(path: Path, about: Mapping[str, Any], arrays: Arrays) -> None:
    """Write arrays with a description, to which feature schema, features and digest are added."""
    told = {
        **about,
        "feature_schema": FEATURE_SCHEMA,
        "features": list(FEATURE_NAMES),
        "digest": digest(arrays),
    }
    text = np.frombuffer(json.dumps(told, sort_keys=True).encode(), np.uint8)
    part = path.with_name(path.name + ".part")
    with part.open("wb") as file:
        np.savez_compressed(file, allow_pickle=False, about=text, **arrays)
        file.flush()
        os.fsync(file.fileno())
    os.replace(part, path)


def read(path: Path, what: str, most_arrays: int) -> tuple[dict[str, Any], Arrays]:
    """Description and arrays of a file, as they stand. Raises ModelFileError."""
    try:
        if path.stat().st_size > _MAX_FILE_BYTES or _unpacked_bytes(path) > _MAX_FILE_BYTES:
            raise ModelFileError(f"{path}: too large for a {what}")
        with np.load(path, allow_pickle=False) as file:
            if len(file.files) > most_arrays:
                raise ValueError("too many arrays")
            arrays = {key: np.asarray(file[key]) for key in file.files}
            about = json.loads(arrays.pop("about").tobytes())
    except ModelFileError:
        raise
    except OSError as error:
        raise ModelFileError(f"{path}: cannot be read: {error.strerror or error}") from error
    except (ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise ModelFileError(f"{path}: not a {what} file ({error})") from error
    if not isinstance(about, dict):
        raise ModelFileError(f"{path}: not a {what} file")
    return about, arrays


def check(path: Path, about: Mapping[str, Any], arrays: Arrays, schemas: tuple[int, ...]) -> None:
    """Whether this version can use what was read. Raises ModelFileError."""
    wanted = (("feature_schema", FEATURE_SCHEMA), ("features", list(FEATURE_NAMES)))
    wrong = [key for key, value in wanted if about.get(key) != value]
    if about.get("schema") not in schemas:
        wrong.insert(0, "schema")
    if wrong:
        name = wrong[0].replace("_", " ")
        raise ModelFileError(f"{path}: made with another {name} than this version has; make it anew")
    if about.get("digest") != digest(arrays):
        raise ModelFileError(f"{path}: its content does not match its digest")


def digest(arrays: Arrays) -> str:
    """SHA-256 over names, types, shapes and content."""
    made = hashlib.sha256()
    for key in sorted(arrays):
        array = np.ascontiguousarray(arrays[key])
        made.update(f"{key} {array.dtype.str} {array.shape}\n".encode())
        made.update(array.tobytes())
    return made.hexdigest()


def _unpacked_bytes(path: Path) -> int:
    with zipfile.ZipFile(path) as archive:
        return sum(entry.file_size for entry in archive.infolist())
