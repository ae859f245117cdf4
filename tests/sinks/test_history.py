"""The daemon's history: nothing lost at a crash but what was not flushed, an hour a file, bounded."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from sinks.records.history import History, hour_of

HOUR_NS = 3_600_000_000_000
START_NS = 490_000 * HOUR_NS


def _table(*values: int) -> pa.Table:
    return pa.table({"value": pa.array(values, pa.int64())})


def _history(folder: Path, keep_days: int = 30, max_bytes: int = 1 << 30) -> History:
    return History(folder, "flows", keep_days, max_bytes)


def _rows(folder: Path) -> list[int]:
    paths = sorted([*folder.glob("*.parquet"), *folder.glob("*.part")])
    return [value for path in paths for value in pq.read_table(path)["value"].to_pylist()]


def test_an_hour_becomes_one_file(tmp_path: Path) -> None:
    history = _history(tmp_path)
    for i in range(5):
        history.flush(_table(i), START_NS + i)
    assert len(list(tmp_path.glob("*.part"))) == 5
    history.flush(_table(5), START_NS + HOUR_NS)
    whole = tmp_path / f"flows-{hour_of(START_NS)}.parquet"
    assert pq.read_table(whole)["value"].to_pylist() == [0, 1, 2, 3, 4]
    assert _rows(tmp_path) == [0, 1, 2, 3, 4, 5]


def test_what_was_flushed_survives_and_nothing_doubles(tmp_path: Path) -> None:
    _history(tmp_path).flush(_table(1), START_NS)
    (tmp_path / "flows-x.000009.part.unfinished").write_bytes(b"half")
    again = _history(tmp_path)
    again.flush(_table(2), START_NS + 1)
    # A crash after the hour's file was written and before its parts were removed:
    parts = {path: path.read_bytes() for path in tmp_path.glob("*.part")}
    again.flush(_table(3), START_NS + HOUR_NS)
    for path, content in parts.items():
        path.write_bytes(content)
    _history(tmp_path).flush(_table(4), START_NS + HOUR_NS + 1)
    assert sorted(_rows(tmp_path)) == [1, 2, 3, 4]
    assert not list(tmp_path.glob("*.unfinished"))


def test_a_clock_that_falls_back_for_a_moment_loses_no_row(tmp_path: Path) -> None:
    history = _history(tmp_path)
    history.flush(_table(1), START_NS)
    history.flush(_table(), 0)  # a daemon that does not know the time yet: all hours seem over
    history.flush(_table(2), START_NS + 1)
    again = _history(tmp_path)  # numbers its pieces anew when there are none
    again.flush(_table(), 0)
    again.flush(_table(3), START_NS + 2)
    again.flush(_table(4), START_NS + HOUR_NS)
    whole = tmp_path / f"flows-{hour_of(START_NS)}.parquet"
    assert pq.read_table(whole)["value"].to_pylist() == [1, 2, 3]
    assert sorted(_rows(tmp_path)) == [1, 2, 3, 4]


def test_old_hours_are_deleted(tmp_path: Path) -> None:
    history = _history(tmp_path, keep_days=1)
    for hour in range(50):
        history.flush(_table(hour), START_NS + hour * HOUR_NS)
    assert _rows(tmp_path)[0] == 25
    assert history.deleted_files == 25


def test_the_oldest_hours_go_when_there_is_too_much(tmp_path: Path) -> None:
    history = _history(tmp_path)
    history.flush(_table(0), START_NS)
    history.flush(_table(1), START_NS + HOUR_NS)
    one = next(tmp_path.glob("*.parquet")).stat().st_size
    bounded = _history(tmp_path, max_bytes=3 * one)
    for hour in range(2, 9):
        bounded.flush(_table(hour), START_NS + hour * HOUR_NS)
    assert _rows(tmp_path) == [5, 6, 7, 8]


def test_a_quiet_hour_leaves_no_file(tmp_path: Path) -> None:
    history = _history(tmp_path)
    for hour in range(3):
        history.flush(_table(), START_NS + hour * HOUR_NS)
    assert list(tmp_path.iterdir()) == []
