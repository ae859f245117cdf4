"""The folder of compiled kernels: whether it is whole for this program, and what in it is of others.

A whole warm leaves a mark that names what belongs to the program as it is now, so that the next one,
at every boot of a gateway, is a look.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from wire import kernel_cache

_ROOT = Path(kernel_cache.__file__).resolve().parent.parent
_ROOMS = ("wire", "detectors", "sinks")
_DEFINES_KERNELS = b"from wire.kernel import"
_MARK = "whole"


def place() -> Path:
    """Where this person's `warm` writes: as told, the system's cache for root, else their own."""
    told = os.environ.get("CAMPUSWATCH_KERNEL_CACHE")
    if told:
        return Path(told)
    return kernel_cache.SYSTEM_CACHE if os.geteuid() == 0 else kernel_cache.user_cache()


def ours() -> list[str]:
    """The names, digests in them, of the folders that this program's kernels are kept in; sorted."""
    sources = (path for room in _ROOMS for path in (_ROOT / room).rglob("*.py"))
    return sorted(
        kernel_cache.cache_directory(path.relative_to(_ROOT).as_posix()).name
        for path in sources
        if _DEFINES_KERNELS in path.read_bytes()
    )


def is_whole(base: Path) -> bool:
    """Whether a warm of this very program, libraries and CPU ended here and all it left is still there."""
    try:
        wanted, _, left = (base / _MARK).read_text(encoding="ascii").partition("\n\n")
    except (OSError, UnicodeDecodeError):
        return False
    return wanted.split() == ours() and all((base / name).is_dir() for name in left.split())


def mark_whole(base: Path) -> int:
    """Write the mark; how many compiled kernels are there."""
    names = ours()
    left = [name for name in names if (base / name).is_dir()]
    new = base / f"{_MARK}.{os.getpid()}"
    new.write_text("\n".join(names) + "\n\n" + "\n".join(left) + "\n", encoding="ascii")
    new.replace(base / _MARK)
    return sum(1 for name in left for _ in (base / name).glob("*.nbi"))


def is_installed() -> bool:
    """Whether the program is an installed one. Checkouts share a cache, and leave each other's alone."""
    return not (_ROOT / "pyproject.toml").is_file()


def prune(base: Path) -> int:
    """Remove what belongs to other versions, libraries or CPUs; how many folders went.

    A running service of another version has loaded its kernels; if it needs one again it compiles it.
    """
    kept = {*ours(), _MARK}
    old = [path for path in base.iterdir() if path.name not in kept and path.is_dir()]
    for path in old:
        shutil.rmtree(path, ignore_errors=True)
    return len(old)
