"""A file of a list: CSV or XLSX, told apart by its first bytes and its name."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

from detectors.register.csv_file import read_csv
from detectors.register.errors import RegisterError
from detectors.register.headings import find_heading
from detectors.register.lists import RegisterList, Told
from detectors.register.table import read_table
from detectors.register.xlsx_file import read_xlsx

_ZIP, _OLE = b"PK\x03\x04", b"\xd0\xcf\x11\xe0"
_MACROS = (".xlsm", ".xltm", ".xlsb", ".xlam")


def read_lists(path: Path, told: Told) -> list[RegisterList]:
    """The list of a file, of a workbook one a worksheet; `told` wins over what the file says of itself.

    A worksheet without a heading beside others that have one is taken for an explanation, and the
    other lists note it. Raises RegisterError with all errors.
    """
    if path.suffix.lower() in _MACROS:
        raise RegisterError([f"{path}:0: {path.suffix} may hold macros; save it as .xlsx"])
    try:
        with path.open("rb") as file:
            start = file.read(4)
            file.seek(0)
            digest = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise RegisterError([f"{path}:0: cannot be read: {error.strerror or error}"]) from None
    is_workbook = start in (_ZIP, _OLE) or path.suffix.lower() in (".xlsx", ".xls")
    sheets = read_xlsx(path) if is_workbook else [read_csv(path)]
    if len(sheets) == 1:
        return [read_table(str(path), digest, sheets[0], told)]
    lists: list[RegisterList] = []
    errors: list[str] = []
    tables = [sheet for sheet in sheets if find_heading(sheet.rows) is not None] or sheets
    for sheet in tables:
        try:
            lists.append(read_table(f"{path}[{sheet.name}]", digest, sheet, told))
        except RegisterError as error:
            errors.extend(error.errors)
    if errors:
        raise RegisterError(errors)
    left = [f"{path}: worksheet `{sheet.name}` has no heading and was left out" for sheet in sheets]
    notes = tuple(note for note, sheet in zip(left, sheets, strict=True) if sheet not in tables)
    return [replace(lists[0], notes=(*notes, *lists[0].notes)), *lists[1:]]
