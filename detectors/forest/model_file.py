"""A model on disk: arrays and a description in an npz, read without pickle, refitted on load."""

from __future__ import annotations

import hashlib
import json
import os
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detectors.forest.calibration import Calibration
from detectors.forest.features import FEATURE_SCHEMA
from detectors.forest.isolation import ForestSettings, IsolationForest
from detectors.forest.model import Model
from detectors.window_features import FEATURE_NAMES

FILE_SCHEMA = 1
_MAX_FILE_BYTES = 1 << 30


class ModelFileError(ValueError):
    """The file is no model, is damaged, or was made with other features; the message says which."""


def save(model: Model, path: Path) -> None:
    """Write the sorted training matrix, the calibration scores and what is needed to refit.

    The file appears whole or not at all.
    """
    settings = model.forest.settings
    arrays = {"training": model.forest.training, "calibration": model.calibration.scores}
    about: dict[str, Any] = {
        "schema": FILE_SCHEMA,
        "feature_schema": FEATURE_SCHEMA,
        "features": list(FEATURE_NAMES),
        "trees": settings.trees,
        "max_samples": settings.max_samples,
        "seed": settings.seed,
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
    training, scores = arrays["training"], arrays["calibration"]
    whole = (
        training.dtype == np.float64
        and training.ndim == 2
        and training.shape[1] == len(FEATURE_NAMES)
        and len(training) >= 2
        and scores.dtype == np.float64
        and scores.ndim == 1
        and bool(np.isfinite(training).all() and np.isfinite(scores).all())
    )
    if not whole:
        raise ModelFileError(f"{path}: its arrays are not those of a model")
    settings = _settings(path, about)
    span_ns = tuple(int(about.get(key) or 0) for key in ("learned_from_ns", "learned_until_ns"))
    return Model(IsolationForest(training, settings), Calibration(scores), (span_ns[0], span_ns[1]))


def describe(path: Path) -> dict[str, Any]:
    """What a model file says of itself, with the sizes of its arrays. Raises as `load` does."""
    about, arrays = _read(path)
    sizes = {f"{name}_rows": len(array) for name, array in arrays.items()}
    return {**about, **sizes, "intact": about.get("digest") == _digest(arrays)}


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
            arrays = {key: np.asarray(file[key]) for key in ("about", "training", "calibration")}
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
