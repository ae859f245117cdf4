"""Files of one JSON object a line, to which lines are added now and then; a crash may cut one off."""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path
from typing import Any

_TAIL_BYTES = 1 << 20


def append(path: Path, told: dict[str, Any]) -> None:
    """Add a line, on the disk when this returns; one that a crash cut off goes. Raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    line = json.dumps(told, ensure_ascii=False, sort_keys=True).encode() + b"\n"
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    try:
        whole = _whole_bytes(descriptor)
        os.ftruncate(descriptor, whole)
        if os.write(descriptor, line) != len(line):
            os.ftruncate(descriptor, whole)
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def whole_lines(path: Path) -> list[bytes]:
    """The lines that have an end. Raises OSError."""
    return path.read_bytes().split(b"\n")[:-1]


def _whole_bytes(descriptor: int) -> int:
    """Where the last line that has an end is over; lines are shorter than what is looked at."""
    start = max(os.fstat(descriptor).st_size - _TAIL_BYTES, 0)
    return start + os.pread(descriptor, _TAIL_BYTES, start).rfind(b"\n") + 1
