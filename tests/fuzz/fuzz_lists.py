"""Fuzz the readers of lists from elsewhere; the first byte of an input chooses the format.

    PYTHONPATH=. python tests/fuzz/fuzz_lists.py tests/fuzz/corpus/lists -max_total_time=10

Whatever comes, a list is read or refused with a line; what is taken are host names and no public
suffixes; and a list that is read once is read the same again.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["detectors.catalogue"]):
    from detectors.catalogue.entries import BELOW, EXCEPTION, FORMS, IMPORTANT, Entries
    from detectors.catalogue.host_names import is_host_name
    from detectors.catalogue.lists.harvest import REASONS
    from detectors.catalogue.lists.reading import read_list
    from detectors.catalogue.public_suffixes import is_public_suffix
    from detectors.catalogue.settings import LIST_FORMATS, ListSettings

_FOLDER = Path(tempfile.mkdtemp(prefix="campuswatch-fuzz-"))


def _read(path: Path, form: str, strict: bool) -> tuple[list[tuple[str, int, int]], list[str]]:
    entries, errors = Entries(), []
    settings = ListSettings("fuzzed", form, "advertising", path, strict=strict)
    report = read_list(settings, entries, 0, 0, errors)
    assert set(report.skipped) <= set(REASONS)
    found = [(entries.name(at).decode(), entries.flags[at], entries.lines[at]) for at in range(len(entries))]
    assert report.taken == len(found)
    return found, errors


def one_input(data: bytes) -> None:
    """Read `data` as a list."""
    if not data:
        return
    form = LIST_FORMATS[data[0] % len(LIST_FORMATS)]
    path = _FOLDER / "list"
    path.write_bytes(data[1:8192])
    found, errors = _read(path, form, strict=False)
    assert found or errors
    for error in errors:
        assert error.startswith(f"{_FOLDER}/")
        assert error.removeprefix(f"{_FOLDER}/").split(":")[1].isdigit()
    for name, flags, line in found:
        assert is_host_name(name)
        assert not is_public_suffix(name)
        assert flags & FORMS <= BELOW
        assert flags & ~(FORMS | EXCEPTION | IMPORTANT) == 0
        assert line > 0
    assert _read(path, form, strict=False)[0] == found
    if not _read(path, form, strict=True)[1]:
        assert not errors


if __name__ == "__main__":
    one_input(b"\0a.example\n")  # the list of public suffixes is read before the clock starts
    atheris.Setup(sys.argv, one_input)
    atheris.Fuzz()
