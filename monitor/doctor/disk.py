"""Is there room where findings, state and history are written, and may they be?"""

from __future__ import annotations

import os
import shutil
import stat
from contextlib import suppress
from pathlib import Path

from monitor.doctor.check import BAD, GOOD, WARN, Check
from monitor.health.disk_room import least_free_bytes

_GIB = 1 << 30


def disk(directory: Path, history_gib: float) -> Check:
    """The state directory's disk against what the history may grow to; 0: no history."""
    place = next(each for each in (directory, *directory.parents) if each.exists())
    usage = shutil.disk_usage(place)
    free, used = usage.free / _GIB, _size(directory) / _GIB
    least = least_free_bytes(usage.total) / _GIB
    seen = {"directory": str(directory), "free_gib": round(free, 2), "used_gib": round(used, 2)}
    if not os.access(place, os.W_OK):
        return Check(
            "disk",
            BAD,
            f"{place} 不可写",
            f"{place} cannot be written",
            "以服务的用户运行，或改其属主；systemd 的 StateDirectory 会做好",
            "run as the service's user, or change its owner; systemd's StateDirectory sees to it",
            seen,
        )
    if free < least:
        remedy = ("腾出空间，或减小 history.max_gib", "make room, or lower history.max_gib")
        return Check("disk", BAD, f"只剩 {free:.1f} GiB", f"only {free:.1f} GiB left", *remedy, seen)
    if history_gib - used > free - least:
        remedy = ("减小 history.max_gib，或换更大的盘", "lower history.max_gib, or give it a larger disk")
        zh = f"历史最多 {history_gib:g} GiB，剩余仅 {free:.1f} GiB"
        en = f"the history may take {history_gib:g} GiB, {free:.1f} GiB are left"
        return Check("disk", WARN, zh, en, *remedy, seen)
    return Check("disk", GOOD, f"剩余 {free:.1f} GiB", f"{free:.1f} GiB left", seen=seen)


def _size(directory: Path) -> int:
    total = 0
    for path in directory.rglob("*"):
        with suppress(FileNotFoundError):  # a daemon at work renames and deletes
            kept = path.lstat()
            total += kept.st_size if stat.S_ISREG(kept.st_mode) else 0
    return total
