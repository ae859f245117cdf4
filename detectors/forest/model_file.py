"""A model on disk: arrays and a description in an npz, read without pickle, refitted on load."""

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

from detectors.forest.features import FEATURE_SCHEMA, WIDTH
from detectors.forest.isolation import ForestSettings, IsolationForest
from detectors.forest.model import PART_NAMES, POOLED, Model, Part
from detectors.window_features import FEATURE_NAMES, MINUTE_SECONDS

FILE_SCHEMA = 2
_MAX_FILE_BYTES = 1 << 30
_MOST_ARRAYS = 1 + 3 * 2 * len(PART_NAMES)


class ModelFileError(ValueError):
    """The file is no model, is damaged, or was made with other features; the message says which."""


def save(model: Model, path: Path) -> None:
    """Write the sorted training matrices, the calibrations and what is needed to refit.

    The file appears whole or not at all.
    """
    settings = model.forest.settings
    arrays = arrays_of(model)
    about: dict[str, Any] = {
        "schema": FILE_SCHEMA,
        "feature_schema": FEATURE_SCHEMA,
        "features": list(FEATURE_NAMES),
        "trees": settings.trees,
        "max_samples": settings.max_samples,
        "seed": settings.seed,
        "training_rows": sum(len(part.forest.training) for part in model.parts.values()),
        "calibration_rows": sum(len(part.calibration.scores) for part in model.parts.values()),
        "learned_from_ns": model.span_ns[0],
        "learned_until_ns": model.span_ns[1],
        "libraries": _libraries(),
        "digest": _digest(arrays),
    }
    text = np.frombuffer(json.dumps(about, sort_keys=True).encode(), np.uint8)
    part = path.with_name(path.name + ".part")
    with part.open("wb") as file:
        np.savez_compressed(file, allow_pickle=False, about=text, **arrays)
        file.flush()
        os.fsync(file.fileno())
    os.replace(part, path)


def load(path: Path) -> Model:
    """Read and refit a model. Raises ModelFileError."""
    about, arrays = _read(path)
    for key, wanted in (
        ("schema", FILE_SCHEMA),
        ("feature_schema", FEATURE_SCHEMA),
        ("features", list(FEATURE_NAMES)),
    ):
        if about.get(key) != wanted:
            raise ModelFileError(
                f"{path}: made with another {key.replace('_', ' ')} than this version has; train it anew"
            )
    if about.get("digest") != _digest(arrays):
        raise ModelFileError(f"{path}: its content does not match its digest")
    settings = _settings(path, about)
    span_ns = tuple(int(about.get(key) or 0) for key in ("learned_from_ns", "learned_until_ns"))
    try:
        return from_arrays(arrays, settings, (span_ns[0], span_ns[1]))
    except (ValueError, KeyError) as error:
        raise ModelFileError(f"{path}: its arrays are not those of a model ({error})") from error


def arrays_of(model: Model) -> dict[str, NDArray[np.float64]]:
    """What the model is made from, by `SECONDS.GROUP.training`, `.calibration` and `.statistics`."""
    arrays = {}
    for (seconds, group), part in model.parts.items():
        for name, array in (
            ("training", part.forest.training),
            ("calibration", part.calibration.scores),
            ("statistics", part.tail.statistics),
        ):
            arrays[f"{seconds}.{PART_NAMES[group]}.{name}"] = array
    return arrays


def from_arrays(
    arrays: Mapping[str, NDArray[np.float64]], settings: ForestSettings, span_ns: tuple[int, int] = (0, 0)
) -> Model:
    """The model that gave these arrays, its forests fitted anew. Raises ValueError, KeyError."""
    parts = {}
    for name in sorted(name for name in arrays if name.endswith(".training")):
        seconds, group, _ = name.split(".")
        training, scores, statistics = (
            arrays[f"{seconds}.{group}.{kind}"] for kind in ("training", "calibration", "statistics")
        )
        whole = (
            training.ndim == 2
            and training.shape[1] == 2 * WIDTH
            and len(training) >= 2
            and all(each.ndim == 1 and len(each) > 0 for each in (scores, statistics))
            and all(
                each.dtype == np.float64 and bool(np.isfinite(each).all())
                for each in (training, scores, statistics)
            )
        )
        if not whole:
            raise ValueError(f"{seconds}.{group}")
        forest = IsolationForest(training, settings)
        parts[int(seconds), PART_NAMES.index(group)] = Part.of(forest, scores, statistics)
    if (MINUTE_SECONDS, POOLED) not in parts:
        raise ValueError("no pooled part")
    return Model(parts, span_ns)


def describe(path: Path) -> dict[str, Any]:
    """What a model file says of itself, with the sizes of its arrays. Raises as `load` does."""
    about, arrays = _read(path)
    return {**about, "intact": about.get("digest") == _digest(arrays)}


def _settings(path: Path, about: dict[str, Any]) -> ForestSettings:
    numbers = [about.get(key) for key in ("trees", "max_samples", "seed")]
    limits = (10_000, 1 << 20, 1 << 32)
    if not all(type(n) is int and 0 < n < most for n, most in zip(numbers, limits, strict=True)):
        raise ModelFileError(f"{path}: its parameters are out of range")
    trees, max_samples, seed = (int(number or 0) for number in numbers)
    return ForestSettings(trees, max_samples, seed)


def _read(path: Path) -> tuple[dict[str, Any], dict[str, NDArray[np.float64]]]:
    try:
        if path.stat().st_size > _MAX_FILE_BYTES or _unpacked_bytes(path) > _MAX_FILE_BYTES:
            raise ModelFileError(f"{path}: too large for a model")
        with np.load(path, allow_pickle=False) as file:
            if len(file.files) > _MOST_ARRAYS:
                raise ValueError("too many arrays")
            arrays = {key: np.asarray(file[key]) for key in file.files}
            about = json.loads(arrays.pop("about").tobytes())
    except ModelFileError:
        raise
    except OSError as error:
        raise ModelFileError(f"{path}: cannot be read: {error.strerror or error}") from error
    except (ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise ModelFileError(f"{path}: not a model file ({error})") from error
    if not isinstance(about, dict):
        raise ModelFileError(f"{path}: not a model file")
    return about, arrays


def _unpacked_bytes(path: Path) -> int:
    with zipfile.ZipFile(path) as archive:
        return sum(entry.file_size for entry in archive.infolist())


def _digest(arrays: dict[str, NDArray[np.float64]]) -> str:
    digest = hashlib.sha256()
    for key in sorted(arrays):
        array = np.ascontiguousarray(arrays[key])
        digest.update(f"{key} {array.dtype.str} {array.shape}\n".encode())
        digest.update(array.tobytes())
    return digest.hexdigest()


def _libraries() -> dict[str, str]:
    import sklearn

    return {"numpy": np.__version__, "scikit-learn": sklearn.__version__}
