"""State as named arrays, for a checkpoint: each part of the detectors gives its own and takes them back."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
from numpy.typing import NDArray

Parts = dict[str, NDArray[Any]]


def under(name: str, parts: Parts) -> Parts:
    """The same arrays, each with `name/` before its own."""
    return {f"{name}/{key}": value for key, value in parts.items()}


def within(name: str, parts: Parts) -> Parts:
    """The arrays that `under` named so, by their own names."""
    start = f"{name}/"
    return {key.removeprefix(start): value for key, value in parts.items() if key.startswith(start)}


def rows_in(parts: Parts, dtype: np.dtype[Any]) -> NDArray[Any]:
    """All records of one kind among the arrays."""
    found = [value for value in parts.values() if value.dtype == dtype]
    return np.concatenate([*found, np.zeros(0, dtype)])


def of_json(value: Any) -> NDArray[np.uint8]:
    """Plain data as bytes in an array."""
    return np.frombuffer(json.dumps(value, allow_nan=True).encode(), np.uint8)


def json_of(part: NDArray[np.uint8]) -> Any:
    """What `of_json` was given."""
    return json.loads(part.tobytes())
