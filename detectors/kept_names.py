"""Names in a checkpoint: ids hold for one process, so the strings themselves are kept beside them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from detectors.parts import Parts
from wire.names.strings import ABSENT, StringTable


def strings_of(ids: NDArray[np.int32], strings: StringTable) -> Parts:
    """The distinct strings of `ids` (ABSENT among them or not), for `ids_again`."""
    distinct = np.unique(ids[ids >= 0])
    texts = [strings[known] for known in distinct.tolist()]
    ends = np.cumsum([len(text) for text in texts], dtype=np.int64)
    return {"ids": distinct, "ends": ends, "bytes": np.frombuffer(b"".join(texts), np.uint8)}


def ids_again(ids: NDArray[np.int32], parts: Parts, strings: StringTable) -> NDArray[np.int32]:
    """What became of the ids of a checkpoint in this process's table; ABSENT where it is full."""
    raw, ends = parts["bytes"].tobytes(), parts["ends"].tolist()
    starts = [0, *ends[:-1]]
    new = [strings.add(raw[start:end]) for start, end in zip(starts, ends, strict=True)]
    if not new:
        return np.full(len(ids), ABSENT, np.int32)
    at = np.minimum(np.searchsorted(parts["ids"], ids), len(new) - 1)
    return np.where(ids >= 0, np.array(new, np.int32)[at], ABSENT).astype(np.int32)
