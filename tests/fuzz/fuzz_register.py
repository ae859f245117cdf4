"""Fuzz the readers of registers: the first byte of an input says whether it is a table or a workbook.

    PYTHONPATH=. python tests/fuzz/fuzz_register.py tests/fuzz/corpus/register -max_total_time=10

Whatever comes, a list is read whole or refused with a line an error; what is read holds statuses of the
closed set, days in order, and is the same when it comes back from the store.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["detectors.register"]):
    from detectors.register.errors import RegisterError
    from detectors.register.files import read_lists
    from detectors.register.lists import RegisterList, Told
    from detectors.register.statuses import STATUSES
    from detectors.register.store import Store

_FOLDER = Path(tempfile.mkdtemp(prefix="campuswatch-fuzz-"))
_TABLE, _WORKBOOK = _FOLDER / "名单.csv", _FOLDER / "名单.xlsx"


def _hold(each: RegisterList) -> None:
    assert each.entries
    for entry in each.entries:
        assert entry.name or entry.filings or entry.hosts or entry.service
        assert entry.row > 0
        for fact in entry.facts:
            assert fact.value in STATUSES[fact.status]
            assert fact.first is not None
            assert fact.last is None or fact.first <= fact.last


def _hold_refusal(path: Path, error: RegisterError) -> None:
    assert error.errors
    for line in error.errors:
        assert line.startswith((str(path), "... and"))


def one_input(data: bytes) -> None:
    """Read `data` as a list."""
    if not data:
        return
    path = _WORKBOOK if data[0] & 1 else _TABLE
    path.write_bytes(data[1:16384])
    try:
        lists = read_lists(path, Told())
    except RegisterError as error:
        _hold_refusal(path, error)
        return
    store = Store(_FOLDER / "store")
    for each in lists:
        _hold(each)
        store.add(each)
    assert store.lists() == list(dict.fromkeys(lists))
    shutil.rmtree(store.folder)


if __name__ == "__main__":
    atheris.Setup(sys.argv, one_input)
    atheris.Fuzz()
