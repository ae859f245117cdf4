"""The daemon's history: tables that grow while it runs, a Parquet file an hour, the oldest deleted.

    flows-20261124T10Z.parquet           an hour that is over
    flows-20261124T11Z.000042.part       a piece of the hour that goes on

A crash loses what was not flushed. Hours are those of the event clock when rows came. The file of an
hour says which pieces it holds: one that is still there after a crash is not joined again, one that came
later is.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import chain
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from sinks.records.parquet import open_parquet

_HOUR_NS = 3_600_000_000_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_HOUR_NAME = "%Y%m%dT%HZ"
#: Key of the file's metadata: digests of the pieces that were joined in it, by commas.
_JOINED = "campuswatch.joined"


class History:
    """One kind of table. Raises OSError where the disk refuses.

    folder: made where missing. kind: the beginning of the files' names.
    keep_days, max_bytes: what is older, or too much, is deleted, the oldest hour first.
    """

    def __init__(self, folder: Path, kind: str, keep_days: int, max_bytes: int) -> None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._folder = folder
        self._kind = kind
        self._keep = timedelta(days=keep_days)
        self._max_bytes = max_bytes
        for unfinished in folder.glob(f"{kind}-*.unfinished"):
            unfinished.unlink()
        numbers = [int(path.suffixes[0][1:]) for path in folder.glob(f"{kind}-*.part")]
        self._next = max(numbers, default=-1) + 1
        self._swept: str | None = None
        self.deleted_files = 0

    def flush(self, table: pa.Table, clock_ns: int) -> None:
        """Write the rows that came since the last call; finish the hours that are over."""
        hour = hour_of(clock_ns)
        if len(table):
            path = self._folder / f"{self._kind}-{hour}.{self._next:06d}.part"
            self._next += 1
            self._write(path, [table])
        if hour != self._swept:
            self._swept = hour
            self._finish_hours(hour)
            self._delete(clock_ns)

    def _finish_hours(self, current: str) -> None:
        """Join the parts of earlier hours, each hour's in one file."""
        parts: dict[str, list[Path]] = {}
        for path in sorted(self._folder.glob(f"{self._kind}-*.part")):
            parts.setdefault(path.name.partition(".")[0], []).append(path)
        for name, pieces in parts.items():
            if name == f"{self._kind}-{current}":
                continue
            whole = self._folder / f"{name}.parquet"
            self._join(whole, pieces)
            for piece in pieces:
                piece.unlink()

    def _join(self, whole: Path, pieces: list[Path]) -> None:
        """Put pieces into the file of their hour; those that are in it already are left out.

        It exists already after a crash before the pieces were removed, and after the clock was set back.
        """
        earlier = pq.ParquetFile(whole) if whole.exists() else None
        joined = _joined_in(earlier) if earlier is not None else []
        fresh = {piece: digest for piece in pieces if (digest := _digest(piece)) not in joined}
        if not fresh:
            return
        tables = chain(_row_groups(earlier), (pq.ParquetFile(piece).read() for piece in fresh))
        self._write(whole, tables, ",".join([*joined, *fresh.values()]))

    def _write(self, path: Path, tables: Iterable[pa.Table], joined: str = "") -> None:
        """A file that appears whole or not at all. joined: what it says of the pieces in it."""
        unfinished = path.with_name(path.name + ".unfinished")
        writer: pq.ParquetWriter | None = None
        for table in tables:
            writer = writer or open_parquet(unfinished, table.schema)
            writer.write_table(table)
        if writer is None:
            return
        if joined:
            writer.add_key_value_metadata({_JOINED: joined})
        writer.close()
        with unfinished.open("rb") as file:
            os.fchmod(file.fileno(), 0o600)
            os.fsync(file.fileno())
        os.replace(unfinished, path)

    def _delete(self, clock_ns: int) -> None:
        """Remove hours past the limits of age and size."""
        oldest = hour_of(clock_ns - int(self._keep.total_seconds()) * 1_000_000_000)
        files = sorted(self._folder.glob(f"{self._kind}-*.parquet"))
        sizes = {path: path.stat().st_size for path in files}
        total = sum(sizes.values())
        for path in files:
            if path.name.removesuffix(".parquet") >= f"{self._kind}-{oldest}" and total <= self._max_bytes:
                break
            path.unlink()
            self.deleted_files += 1
            total -= sizes[path]


def _digest(piece: Path) -> str:
    return hashlib.blake2b(piece.read_bytes(), digest_size=8).hexdigest()


def _joined_in(whole: pq.ParquetFile) -> list[str]:
    """Digests of the pieces that a file holds."""
    held = (whole.metadata.metadata or {}).get(_JOINED.encode(), b"").decode()
    return held.split(",") if held else []


def _row_groups(whole: pq.ParquetFile | None) -> Iterator[pa.Table]:
    """What a file holds, a part at a time: an hour need not fit into memory."""
    if whole is not None:
        yield from (whole.read_row_group(i) for i in range(whole.num_row_groups))


def hour_of(clock_ns: int) -> str:
    """The hour of a time, in UTC, as it stands in file names."""
    return (_EPOCH + timedelta(hours=clock_ns // _HOUR_NS)).strftime(_HOUR_NAME)
