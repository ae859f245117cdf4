"""flows.parquet: the flow history of a run."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from sinks.records.flow_columns import FlowColumns, FlowRows
from sinks.records.flow_order import FlowOrder
from sinks.records.parquet import open_parquet
from wire.flows.records import FLOW_ROW
from wire.names.facts import FACTS

NO_FLOWS = FlowRows(
    np.zeros(0, FLOW_ROW),
    np.zeros(0, FACTS),
    np.zeros(0, np.int32),
    np.zeros(0, np.uint8),
    np.zeros(1, np.int64),
    np.zeros(0, np.int32),
    np.zeros(0, np.int32),
    np.zeros(0, np.uint8),
)


class FlowRecords:
    """Writes flows.parquet, sorted by (ts_start, key), the same bytes for the same rows.

    path: the file; runs that do not fit into memory are set down beside it until `finish`.
    Raises OSError where the disk refuses.
    """

    def __init__(self, path: Path, columns: FlowColumns) -> None:
        self._path = path
        self._columns = columns
        self._order = FlowOrder(path.with_name(path.name + ".runs"))

    def learn_services(self, services: Sequence[str]) -> None:
        """The services of a new catalogue; those known so far keep their places in front."""
        self._columns.services = services

    def write(self, flows: FlowRows) -> None:
        """Take rows in any order. The arrays must not change afterwards."""
        self._order.add(flows)

    def finish(self) -> int:
        """Write the file; the number of rows in it."""
        count = 0
        writer = None
        try:
            for flows in self._order.batches():
                table = self._columns.table(flows)
                writer = writer or open_parquet(self._path, table.schema)
                writer.write_table(table, row_group_size=len(table))
                count += len(table)
            if writer is None:
                writer = open_parquet(self._path, self._columns.table(NO_FLOWS).schema)
        finally:
            if writer is not None:
                writer.close()
            self._order.close()
        return count

    def abandon(self) -> None:
        """Give up: remove what was set down."""
        self._order.close()
