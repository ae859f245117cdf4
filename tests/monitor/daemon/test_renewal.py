"""When a process begins anew for want of room for names."""

from __future__ import annotations

import pytest

from monitor.daemon.renewal import LEAST_LIFE_SECONDS, NEARLY_FULL, Renewal
from wire.names.strings import StringTable


@pytest.mark.parametrize(("most", "size"), [(100, 1_000_000), (100_000, 800)])
def test_a_nearly_full_table_is_a_reason_after_some_hours(most: int, size: int) -> None:
    strings = StringTable(most, size)
    renewal = Renewal(strings, born=5.0)
    late = 5.0 + LEAST_LIFE_SECONDS
    added = 0
    while not renewal.due(late):
        strings.add(f"{added:08d}".encode())
        added += 1
    assert added == round(100 * NEARLY_FULL)
    assert not renewal.due(late - 1), "a flood of names does not make processes restart all the time"
