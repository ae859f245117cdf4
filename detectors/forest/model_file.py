"""A model on disk: arrays and a description in an npz, read without pickle, refitted on load."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detectors.forest import array_file
from detectors.forest.array_file import ModelFileError
from detectors.forest.drift import Population
from detectors.forest.features import WIDTH
from detectors.forest.isolation import ForestSettings, IsolationForest
from detectors.forest.model import PART_NAMES, POOLED, Model, Part
from detectors.window_features import MINUTE_SECONDS

FILE_SCHEMA = 3
#: Without the population that drift is measured against; else the same.
_WITHOUT_POPULATION = 2
_MOST_ARRAYS = 3 + 3 * 2 * len(PART_NAMES)


def save(model: Model, path: Path) -> None:
    """Write the sorted training matrices, the calibrations and what is needed to refit.

    The file appears whole or not at all.
    """
    settings = model.forest.settings
    arrays = arrays_of(model)
    about: dict[str, Any] = {
        "schema": _WITHOUT_POPULATION if model.population is None else FILE_SCHEMA,
        "trees": settings.trees,
        "max_samples": settings.max_samples,
        "seed": settings.seed,
        "training_rows": sum(len(part.forest.training) for part in model.parts.values()),
        "calibration_rows": sum(len(part.calibration.scores) for part in model.parts.values()),
        "learned_from_ns": model.span_ns[0],
        "learned_until_ns": model.span_ns[1],
        "libraries": _libraries(),
    }
    array_file.write(path, about, arrays)


def load(path: Path) -> Model:
    """Read and refit a model. Raises ModelFileError."""
    about, arrays = array_file.read(path, "model", _MOST_ARRAYS)
    array_file.check(path, about, arrays, (FILE_SCHEMA, _WITHOUT_POPULATION))
    settings = _settings(path, about)
    span_ns = tuple(int(about.get(key) or 0) for key in ("learned_from_ns", "learned_until_ns"))
    try:
        model = from_arrays(arrays, settings, (span_ns[0], span_ns[1]))
        if about["schema"] == FILE_SCHEMA and model.population is None:
            raise ValueError("no population")
        return model
    except (ValueError, KeyError) as error:
        raise ModelFileError(f"{path}: its arrays are not those of a model ({error})") from error


def arrays_of(model: Model) -> dict[str, NDArray[np.float64]]:
    """What it is made from: `SECONDS.GROUP.training`, `.calibration`, `.statistics`; and its population."""
    arrays = {} if model.population is None else model.population.arrays()
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
    known = any(name.startswith("population.") for name in arrays)
    return Model(parts, span_ns, Population.from_arrays(arrays) if known else None)


def describe(path: Path) -> dict[str, Any]:
    """What a model file says of itself, with the sizes of its arrays. Raises as `load` does."""
    about, arrays = array_file.read(path, "model", _MOST_ARRAYS)
    measured = {"measures_drift": about.get("schema") == FILE_SCHEMA}
    return {**about, **measured, "intact": about.get("digest") == array_file.digest(arrays)}


def _settings(path: Path, about: dict[str, Any]) -> ForestSettings:
    numbers = [about.get(key) for key in ("trees", "max_samples", "seed")]
    limits = (10_000, 1 << 20, 1 << 32)
    if not all(type(n) is int and 0 < n < most for n, most in zip(numbers, limits, strict=True)):
        raise ModelFileError(f"{path}: its parameters are out of range")
    trees, max_samples, seed = (int(number or 0) for number in numbers)
    return ForestSettings(trees, max_samples, seed)


def _libraries() -> dict[str, str]:
    import sklearn

    return {"numpy": np.__version__, "scikit-learn": sklearn.__version__}
