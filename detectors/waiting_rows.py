"""Rows that wait for the end of their minute or hour: as they are, or compressed where they wait long."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import zstandard
from numpy.typing import NDArray

from detectors.parts import Parts
from wire.record_arrays import as_bytes

_LEVEL = 1
_ABOUT = 4  # bytes, rows, first and last minute


@dataclass(frozen=True, slots=True)
class WaitingRows:
    """Rows that came together, at least one, and the first and last of their minutes.

    Packed, a row of an hour takes an eighth or less: most of its bytes are zero or its neighbour's.
    """

    count: int
    first_ns: int
    last_ns: int
    dtype: np.dtype[Any]
    _rows: NDArray[np.void] | None
    _packed: bytes

    @classmethod
    def of(cls, rows: NDArray[np.void], packed: bool) -> WaitingRows:
        """From rows with `window_start_ns`."""
        start_ns = rows["window_start_ns"]
        return cls(
            len(rows),
            int(start_ns.min()),
            int(start_ns.max()),
            rows.dtype,
            None if packed else rows,
            _packed(rows) if packed else b"",
        )

    @property
    def loose_bytes(self) -> int:
        """What the rows take while they wait as they are; 0 when they are packed."""
        return 0 if self._rows is None else self._rows.nbytes

    def packed(self) -> WaitingRows:
        """The same, compressed."""
        return self if self._rows is None else self.of(self._rows, packed=True)

    def rows(self) -> NDArray[np.void]:
        """The rows as they came."""
        if self._rows is not None:
            return self._rows
        bytes_of_all = self.count * self.dtype.itemsize
        text = zstandard.decompress(self._packed, max_output_size=bytes_of_all)
        return np.frombuffer(bytearray(text), self.dtype)


def _packed(rows: NDArray[np.void]) -> bytes:
    """What the library returns keeps the room that the rows might have taken; a copy does not."""
    return bytes(memoryview(zstandard.compress(as_bytes(rows).view(np.uint8).data, _LEVEL)))


def packed_state(waiting: list[WaitingRows]) -> Parts:
    """Packed rows for a checkpoint, without unpacking them; nothing where there are none."""
    if not waiting:
        return {}
    waiting = [each.packed() for each in waiting]
    about = [[len(each._packed), each.count, each.first_ns, each.last_ns] for each in waiting]
    return {
        "packed": np.frombuffer(b"".join(each._packed for each in waiting), np.uint8),
        "packed_about": np.array(about, np.int64),
        "packed_dtype": np.zeros(0, waiting[0].dtype),
    }


def from_packed_state(parts: Parts) -> list[WaitingRows]:
    """What `packed_state` was given. ValueError: it is damaged."""
    if "packed" not in parts:
        return []
    about, text, dtype = parts["packed_about"], parts["packed"].tobytes(), parts["packed_dtype"].dtype
    if about.shape[1:] != (_ABOUT,) or int(about[:, 0].sum()) != len(text):
        raise ValueError("packed rows do not add up")
    found, at = [], 0
    for size, count, first_ns, last_ns in about.tolist():
        found.append(WaitingRows(count, first_ns, last_ns, dtype, None, text[at : at + size]))
        at += size
    return found
