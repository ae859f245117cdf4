"""A file of a list: CSV or XLSX, told apart by its first bytes and its name."""

from __future__ import annotations

import hashlib
from pathlib import Path

from detectors.register.csv_file import read_csv
from detectors.register.errors import RegisterError
from detectors.register.lists import RegisterList, Told
from detectors.register.table import read_table
from detectors.register.xlsx_file import read_xlsx

_ZIP, _OLE = b"PK\x03\x04", b"\xd0\xcf\x11\xe0"
_MACROS = (".xlsm", ".xltm", ".xlsb", ".xlam")


def read_list(path: Path, told: Told) -> RegisterList:
    """Read a list; `told` wins over what the file says of itself. Raises RegisterError with all errors."""
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
    sheet = read_xlsx(path) if is_workbook else read_csv(path)
    return read_table(str(path), digest, sheet, told)
