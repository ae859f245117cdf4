"""A model on disk: arrays and a description in an npz, read without pickle.

Files of earlier versions hold what their forests were fitted to instead, and are fitted anew.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detectors.forest import array_file
from detectors.forest.array_file import Arrays, ModelFileError
from detectors.forest.drift import Population
from detectors.forest.features import WIDTH
from detectors.forest.isolation import ForestSettings, IsolationForest
from detectors.forest.model import PART_NAMES, POOLED, Model, Part
from detectors.window_features import MINUTE_SECONDS

FILE_SCHEMA = 4
#: With what the forests are fitted to in place of their trees; and without the population that drift is
#: measured against, too.
_OF_TRAINING, _WITHOUT_POPULATION = 3, 2
_MOST_ARRAYS = 3 + 10 * 2 * len(PART_NAMES)


def save(model: Model, path: Path) -> None:
    """Write forests and calibrations, and from what they were made.

    The file appears whole or not at all.
    """
    settings = model.forest.settings
    arrays = arrays_of(model)
    about: dict[str, Any] = {
        "schema": FILE_SCHEMA,
        "measures_drift": model.population is not None,
        "trees": settings.trees,
        "max_samples": settings.max_samples,
        "seed": settings.seed,
        "training_rows": sum(part.forest.rows for part in model.parts.values()),
        "calibration_rows": sum(len(part.calibration.scores) for part in model.parts.values()),
        "learned_from_ns": model.span_ns[0],
        "learned_until_ns": model.span_ns[1],
        "libraries": _libraries(),
    }
    array_file.write(path, about, arrays)


def load(path: Path) -> Model:
    """Read a model. Raises ModelFileError."""
    about, arrays = array_file.read(path, "model", _MOST_ARRAYS)
    array_file.check(path, about, arrays, (FILE_SCHEMA, _OF_TRAINING, _WITHOUT_POPULATION))
    settings = _settings(path, about)
    span_ns = tuple(int(about.get(key) or 0) for key in ("learned_from_ns", "learned_until_ns"))
    try:
        model = from_arrays(arrays, settings, (span_ns[0], span_ns[1]))
        if _measures_drift(about) and model.population is None:
            raise ValueError("no population")
        return model
    except (ValueError, KeyError) as error:
        raise ModelFileError(f"{path}: its arrays are not those of a model ({error})") from error


def arrays_of(model: Model) -> Arrays:
    """What it is made of: `SECONDS.GROUP.` and the arrays of a part; and its population."""
    arrays: Arrays = {} if model.population is None else dict(model.population.arrays())
    for (seconds, group), part in model.parts.items():
        own: Arrays = {"calibration": part.calibration.scores, "statistics": part.tail.statistics}
        own |= part.forest.arrays()
        arrays |= {f"{seconds}.{PART_NAMES[group]}.{name}": array for name, array in own.items()}
    return arrays


def from_arrays(
    arrays: Mapping[str, NDArray[Any]], settings: ForestSettings, span_ns: tuple[int, int] = (0, 0)
) -> Model:
    """The model that gave these arrays, or those of an earlier version. Raises ValueError, KeyError."""
    parts = {}
    for start in sorted(name.removesuffix("calibration") for name in arrays if name.endswith(".calibration")):
        seconds, group, _ = start.split(".")
        own = {name.removeprefix(start): array for name, array in arrays.items() if name.startswith(start)}
        if not all(_is_whole(own[name], 1, 1) for name in ("calibration", "statistics")):
            raise ValueError(f"{seconds}.{group}")
        forest = (
            _fitted(own["training"], settings)
            if "training" in own
            else IsolationForest.from_arrays(own, settings)
        )
        parts[int(seconds), PART_NAMES.index(group)] = Part.of(forest, own["calibration"], own["statistics"])
    if (MINUTE_SECONDS, POOLED) not in parts:
        raise ValueError("no pooled part")
    known = any(name.startswith("population.") for name in arrays)
    return Model(parts, span_ns, Population.from_arrays(arrays) if known else None)


def _is_whole(array: NDArray[Any], dimensions: int, least: int) -> bool:
    return (
        array.ndim == dimensions
        and len(array) >= least
        and array.dtype == np.float64
        and bool(np.isfinite(array).all())
    )


def _fitted(training: NDArray[Any], settings: ForestSettings) -> IsolationForest:
    if not _is_whole(training, 2, 2) or training.shape[1] != 2 * WIDTH:
        raise ValueError("training")
    return IsolationForest.fit(training, settings)


def describe(path: Path) -> dict[str, Any]:
    """What a model file says of itself, with the sizes of its arrays. Raises as `load` does."""
    about, arrays = array_file.read(path, "model", _MOST_ARRAYS)
    measured = {"measures_drift": _measures_drift(about)}
    return {**about, **measured, "intact": about.get("digest") == array_file.digest(arrays)}


def _measures_drift(about: Mapping[str, Any]) -> bool:
    return bool(about.get("measures_drift", about.get("schema") == _OF_TRAINING))


def _settings(path: Path, about: dict[str, Any]) -> ForestSettings:
    numbers = [about.get(key) for key in ("trees", "max_samples", "seed")]
    limits = (10_000, 1 << 20, 1 << 32)
    if not all(type(n) is int and 0 < n < most for n, most in zip(numbers, limits, strict=True)):
        raise ModelFileError(f"{path}: its parameters are out of range")
    trees, max_samples, seed = (int(number or 0) for number in numbers)
    return ForestSettings(trees, max_samples, seed)


def _libraries() -> dict[str, str]:
    """Without an import of a library that a sensor does not have in memory."""
    return {"numpy": np.__version__, "scikit-learn": version("scikit-learn")}
