"""Where compiled kernels are kept on disk.

The cache is code. Its path carries a digest of all sources of the compiled rooms, the library
versions and the CPU, because Numba notices a change in a function's own file but not in a
callee's. Services read the system cache that `campuswatch warm` wrote at install; a person's
own cache serves where there is none.
"""

from __future__ import annotations

import hashlib
import os
import platform
import re
import sys
from importlib.metadata import version
from pathlib import Path

_SYSTEM_CACHE = Path("/var/cache/campuswatch/kernels")
_COMPILED_ROOMS = ("wire", "detectors", "sinks")
_IMPORTED = re.compile(rb"^from ((?:wire|detectors|sinks)[.\w]*) import", re.MULTILINE)


def _cpu_model() -> str:
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="ascii", errors="replace")
    except OSError:
        return platform.processor()
    lines = [line for line in text.splitlines() if line.startswith(("model name", "flags"))]
    return "\n".join(sorted(set(lines)))


def _kernel_sources(root: Path) -> dict[str, bytes]:
    """Files with kernels or dtypes, and all that they import: constants are compiled in."""
    texts = {
        source.relative_to(root).as_posix(): source.read_bytes()
        for room in _COMPILED_ROOMS
        for source in (root / room).rglob("*.py")
    }
    waiting = [
        name
        for name, text in texts.items()
        if b"@kernel" in text or b"import kernel" in text or b"np.dtype" in text
    ]
    taken: dict[str, bytes] = {}
    while waiting:
        name = waiting.pop()
        if name in texts and name not in taken:
            taken[name] = texts[name]
            imported = _IMPORTED.findall(texts[name])
            waiting += [module.decode().replace(".", "/") + ".py" for module in imported]
    return taken


def digest() -> str:
    """Hex digest (16 characters) of kernel sources, library versions, interpreter and CPU."""
    state = hashlib.sha256()
    for name, text in sorted(_kernel_sources(Path(__file__).resolve().parent.parent).items()):
        state.update(name.encode())
        state.update(text)
    for library in ("numba", "llvmlite", "numpy"):
        state.update(f"{library}={version(library)};".encode())
    state.update(sys.version.encode())
    state.update(_cpu_model().encode())
    return state.hexdigest()[:16]


def user_cache() -> Path:
    """The cache of the person who runs the program."""
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(base) / "campuswatch" / "kernels"


def cache_directory() -> Path:
    """The directory to read compiled kernels from: the system's when it fits, else the user's.

    `CAMPUSWATCH_KERNEL_CACHE` names another base directory (tests, packages).
    """
    name = digest()
    base = os.environ.get("CAMPUSWATCH_KERNEL_CACHE")
    if base:
        return Path(base) / name
    system = _SYSTEM_CACHE / name
    return system if system.is_dir() else user_cache() / name
