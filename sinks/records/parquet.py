"""How Parquet is written here: the same table gives the same bytes."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq


def open_parquet(path: Path, schema: pa.Schema) -> pq.ParquetWriter:
    """A writer of Zstandard-compressed Parquet. Raises OSError.

    Arrow's own schema is left out of the file, so that every reader sees plain strings where the
    writer held dictionaries; times keep their zone by Parquet's own types.
    """
    return pq.ParquetWriter(
        path,
        schema,
        version="2.6",
        compression="zstd",
        compression_level=1,
        use_dictionary=[field.name for field in schema if pa.types.is_dictionary(field.type)],
        write_statistics=["ts_start", "ts_end", "window_start"],
        store_schema=False,
    )
