"""Arrow columns from the arrays that rooms below hand up; Python works per distinct value."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from wire.names.strings import StringTable

TIMESTAMP = pa.timestamp("ns", tz="UTC")
_ABSENT = -1
_PRINTABLE_FIRST, _PRINTABLE_LAST = 0x20, 0x7E


def text_of(raw: bytes) -> str:
    """Bytes from the wire as text; what is not UTF-8 is shown as \\xNN, and so are controls."""
    text = raw.decode("utf-8", "backslashreplace")
    return text if text.isprintable() else "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in text)


def strings_by_id(
    ids: NDArray[np.int32], strings: StringTable, text: Callable[[bytes], str] | None = None
) -> pa.DictionaryArray:
    """A column of interned strings, (n,) ids; null where absent.

    `text` runs once per distinct id; without it, bytes are shown as `text_of` shows them.
    """
    codes, distinct = _number(ids, len(strings))
    if text is None:
        return pa.DictionaryArray.from_arrays(numbers(codes, codes < 0), _texts(distinct, strings))
    return _dictionary(codes, [text(strings[i]) for i in distinct.tolist()])


def lists_by_id(offsets: NDArray[np.int64], ids: NDArray[np.int32], strings: StringTable) -> pa.ListArray:
    """A column of lists of interned strings; list i is ids[offsets[i]:offsets[i + 1]], null when empty."""
    values = strings_by_id(ids, strings)
    starts = numbers(offsets.astype(np.int32), np.append(np.diff(offsets) == 0, False))
    return pa.ListArray.from_arrays(starts, values.cast(pa.string()))


def enumeration(codes: NDArray[np.integer], names: Sequence[str]) -> pa.DictionaryArray:
    """A column over a closed set: index i means names[i]; null outside of it."""
    wide = codes.astype(np.int32)
    return _dictionary(np.where((wide >= 0) & (wide < len(names)), wide, _ABSENT), list(names))


def by_value(
    values: NDArray[np.integer], text: Callable[[int], str | None], limit: int = 65536
) -> pa.DictionaryArray:
    """A column whose text is a function of a small number in [0, limit)."""
    codes, distinct = _number(values.astype(np.int32), limit)
    texts = [text(i) for i in distinct.tolist()]
    known = np.array([t is not None for t in texts] + [False])
    return _dictionary(np.where(known[codes], codes, _ABSENT), [t or "" for t in texts])


def numbers(values: NDArray[Any], null: NDArray[np.bool_] | None = None) -> pa.Array:
    """A column of plain numbers; null where `null` says.

    From its buffers, here and in `texts`: `pa.array` would import pandas, where there is one, to see
    whether it was given a Series, which costs 0.4 s and 54 MiB.
    """
    bits = [
        None if null is None else _bits(~null),
        _bits(values) if values.dtype == np.bool_ else _bytes(values),
    ]
    return pa.Array.from_buffers(pa.from_numpy_dtype(values.dtype), len(values), bits)


def texts(values: Sequence[str | None]) -> pa.StringArray:
    """A column of texts."""
    raw = [(value or "").encode() for value in values]
    offsets = np.zeros(len(raw) + 1, np.int32)
    np.cumsum([len(each) for each in raw], out=offsets[1:])
    known = _bits(np.array([value is not None for value in values], np.bool_))
    return pa.StringArray.from_buffers(len(raw), _bytes(offsets), pa.py_buffer(b"".join(raw)), known)


def figures(values: NDArray[Any]) -> pa.Array:
    """A column of integers, or of floating-point figures; null where NaN."""
    return numbers(values, np.isnan(values) if values.dtype.kind == "f" else None)


def times(nanoseconds: NDArray[np.int64]) -> pa.Array:
    """A column of times, nanoseconds since the epoch, UTC."""
    return numbers(nanoseconds).view(TIMESTAMP)


def first_of(matrix: NDArray[np.integer], counts: NDArray[np.integer]) -> pa.ListArray:
    """A column of lists: the first counts[i] numbers of matrix[i]."""
    counts = np.minimum(counts.astype(np.int32), matrix.shape[1])
    offsets = np.zeros(len(counts) + 1, np.int32)
    np.cumsum(counts, out=offsets[1:])
    kept = np.arange(matrix.shape[1], dtype=np.int32)[None, :] < counts[:, None]
    return pa.ListArray.from_arrays(numbers(offsets), numbers(matrix[kept]))


def _texts(ids: NDArray[np.int64], strings: StringTable) -> pa.StringArray:
    """The text of each id: whole bytes copied where all are printable ASCII, else one by one."""
    starts, arena = strings.arrays.starts, strings.arrays.arena
    lengths = starts[ids + 1] - starts[ids]
    offsets = np.zeros(len(ids) + 1, np.int32)
    np.cumsum(lengths, out=offsets[1:])
    raw = arena[np.arange(offsets[-1]) + np.repeat(starts[ids] - offsets[:-1], lengths)]
    if len(raw) and (raw.min() < _PRINTABLE_FIRST or raw.max() > _PRINTABLE_LAST):
        return texts([text_of(strings[i]) for i in ids.tolist()])
    return pa.StringArray.from_buffers(len(ids), pa.py_buffer(offsets), pa.py_buffer(raw))


def _number(ids: NDArray[np.int32], limit: int) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """Ids in [0, limit) numbered anew in the order in which they first stand, others -1; the distinct ids.

    So a column's dictionary depends on its rows alone, not on who was given which id.
    """
    if len(ids) == 0 or ids.max() < 0:
        return np.full(len(ids), _ABSENT, np.int32), np.zeros(0, np.int64)
    known = np.flatnonzero((ids >= 0) & (ids < limit))
    values = ids[known]
    first = np.full(limit, -1, np.int64)
    first[values[::-1]] = known[::-1]  # the last write is the first place
    distinct = np.flatnonzero(first >= 0)
    distinct = distinct[np.argsort(first[distinct])]
    rank = np.empty(limit, np.int32)
    rank[distinct] = np.arange(len(distinct), dtype=np.int32)
    codes = np.full(len(ids), _ABSENT, np.int32)
    codes[known] = rank[values]
    return codes, distinct


def _dictionary(codes: NDArray[np.integer], values: list[str]) -> pa.DictionaryArray:
    codes = codes.astype(np.int32)
    return pa.DictionaryArray.from_arrays(numbers(codes, codes < 0), texts(values))


def _bytes(values: NDArray[Any]) -> pa.Buffer:
    return pa.py_buffer(np.ascontiguousarray(values))


def _bits(values: NDArray[np.bool_]) -> pa.Buffer:
    return pa.py_buffer(np.packbits(values, bitorder="little"))
