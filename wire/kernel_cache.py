"""Where compiled kernels are kept on disk.

The cache is code. The path of each module's kernels carries a digest of its source and of all that
it imports, of the library versions and of the CPU, because Numba notices a change in a function's
own file but not in a callee's. Services read the system cache that `campuswatch warm` wrote at
install and cannot write to it; a person's own cache serves where there is none.
"""

from __future__ import annotations

import hashlib
import os
import platform
import re
import sys
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

from numba.core.caching import CompileResultCacheImpl, FunctionCache

SYSTEM_CACHE = Path("/var/cache/campuswatch/kernels")
_ROOT = Path(__file__).resolve().parent.parent
_IMPORTED = re.compile(rb"^from ((?:wire|detectors|sinks)[.\w]*) import (\([^)]*\)|.*)", re.MULTILINE)


@cache
def _surroundings() -> bytes:
    """Libraries, interpreter and CPU: what a kernel was compiled with and for."""
    libraries = "".join(f"{name}={version(name)};" for name in ("numba", "llvmlite", "numpy"))
    return f"{libraries}{sys.version}{_cpu_model()}".encode()


def _cpu_model() -> str:
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="ascii", errors="replace")
    except OSError:
        return platform.processor()
    lines = [line for line in text.splitlines() if line.startswith(("model name", "flags"))]
    return "\n".join(sorted(set(lines)))


@cache
def _text(source: str) -> bytes | None:
    try:
        return (_ROOT / source).read_bytes()
    except OSError:
        return None


def _imported(text: bytes) -> list[str]:
    """The files that a module imports from; of a package, the modules that it names."""
    files: list[str] = []
    for module, names in _IMPORTED.findall(text):
        place = module.decode().replace(".", "/")
        if _text(f"{place}.py") is None:
            files += [f"{place}/{name}.py" for name in re.findall(r"\w+", names.decode())]
        else:
            files.append(f"{place}.py")
    return files


@cache
def digest(source: str) -> str:
    """Hex digest (16 characters) of a module, of all that it imports, and of what compiles it.

    source: the module's file from the project's root on, e.g. `wire/flows/track.py`.
    """
    taken: dict[str, bytes] = {}
    waiting = [source]
    while waiting:
        name = waiting.pop()
        text = _text(name)
        if name in taken or text is None:
            continue
        taken[name] = text
        waiting += _imported(text)
    state = hashlib.sha256(_surroundings())
    for name, text in sorted(taken.items()):
        state.update(name.encode())
        state.update(text)
    return state.hexdigest()[:16]


def user_cache() -> Path:
    """The cache of the person who runs the program."""
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(base) / "campuswatch" / "kernels"


def cache_directory(source: str) -> Path:
    """Where the kernels of a module are read from: the system's cache when it has them, else the user's.

    `CAMPUSWATCH_KERNEL_CACHE` names another base directory (tests, packages).
    """
    name = f"{source.removesuffix('.py').replace('/', '.')}-{digest(source)}"
    base = os.environ.get("CAMPUSWATCH_KERNEL_CACHE")
    if base:
        return Path(base) / name
    system = SYSTEM_CACHE / name
    return system if system.is_dir() else user_cache() / name


@cache
def _place_of(file: str) -> tuple[Path, str]:
    """Where the kernels of a file are kept, and its digest: looked up once for all of its kernels."""
    path = Path(file).resolve()
    source = (path.relative_to(_ROOT) if path.is_relative_to(_ROOT) else path).as_posix()
    return cache_directory(source), digest(source)


class _Locator:
    """What Numba asks about the place of one function's compiled code."""

    def __init__(self, file: str, line: int) -> None:
        self._directory, self._stamp = _place_of(file)
        self._line = line

    @classmethod
    def from_function(cls, function: Any, file: str) -> _Locator:
        return cls(file, function.__code__.co_firstlineno)

    def get_cache_path(self) -> str:
        return str(self._directory)

    def get_source_stamp(self) -> str:
        return self._stamp

    def get_disambiguator(self) -> str:
        return str(self._line)

    def ensure_cache_path(self) -> None:
        self._directory.mkdir(parents=True, exist_ok=True)


class _Implementation(CompileResultCacheImpl):
    _locator_classes = [_Locator]  # noqa: RUF012  # as numba declares it


class KernelCache(FunctionCache):
    """Numba's cache of one function, in our place; where it cannot be written it is only read."""

    _impl_class = _Implementation

    def save_overload(self, sig: Any, data: Any) -> None:
        """Keep what was compiled, unless the place is not ours to write to."""
        try:
            super().save_overload(sig, data)
        except OSError:
            self.disable()
