"""Every compiled function is guarded, and the program refuses an environment that unguards it."""

from __future__ import annotations

import ast
import importlib
import os
import pkgutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from numba.core.dispatcher import Dispatcher
from numba.core.errors import TypingError

from wire.kernel import KERNELS, kernel

ROOMS = ("wire", "detectors", "sinks", "monitor")


def modules_of(room: str) -> list[ModuleType]:
    package = importlib.import_module(room)
    found = [package]
    for info in pkgutil.walk_packages(package.__path__, f"{room}."):
        found.append(importlib.import_module(info.name))
    return found


@pytest.fixture(scope="module")
def compiled_rooms() -> list[ModuleType]:
    return [module for room in ("wire", "detectors", "sinks") for module in modules_of(room)]


def test_every_kernel_is_guarded(compiled_rooms: list[ModuleType]) -> None:
    assert len(KERNELS) > 50
    assert any(compiled.py_func.__module__ == "wire.flows.track" for compiled in KERNELS)
    for compiled in KERNELS:
        options = compiled.targetoptions
        name = compiled.py_func.__qualname__
        assert options["boundscheck"] is True, name
        assert options["nopython"] is True, name
        assert options["nogil"] is True, name
        assert options["_nrt"] is False, name
        assert not options.get("parallel", False), name
        assert not options.get("fastmath", False), name


def test_every_compiled_function_comes_from_the_one_decorator(compiled_rooms: list[ModuleType]) -> None:
    known = {id(compiled) for compiled in KERNELS}
    for module in compiled_rooms:
        for name, value in vars(module).items():
            if isinstance(value, Dispatcher):
                assert id(value) in known, f"{module.__name__}.{name}"


def test_no_other_module_names_numba(root: Path) -> None:
    """Neither njit nor jit nor prange is reached around the decorator."""
    importers = set()
    for room in ROOMS:
        for source in (root / room).rglob("*.py"):
            for node in ast.walk(ast.parse(source.read_text(encoding="utf-8"))):
                names = []
                if isinstance(node, ast.Import):
                    names = [alias.name for alias in node.names]
                elif isinstance(node, ast.ImportFrom):
                    names = [node.module or ""]
                if any(name.split(".")[0] == "numba" for name in names):
                    importers.add(source.relative_to(root).as_posix())
    # prefetch.py is one instruction; lean_numba.py imports what would otherwise look for a BLAS.
    core = {f"wire/{name}.py" for name in ("kernel", "kernel_cache", "prefetch")}
    assert importers == {*core, "monitor/kernels/lean_numba.py"}


@kernel
def _read(values: Any, at: Any) -> Any:
    return values[at]


@kernel
def _read_by_callee(values: Any, at: Any) -> Any:
    return _read(values, at)


def test_a_read_past_the_end_raises_in_a_kernel_and_in_its_callee() -> None:
    values = np.arange(4)
    assert _read_by_callee(values, 3) == 3
    for function in (_read, _read_by_callee):
        with pytest.raises(IndexError):
            function(values, 4)


def test_a_kernel_that_allocates_does_not_compile() -> None:
    @kernel
    def allocates(size):  # type: ignore[no-untyped-def]
        return np.zeros(size)[0]

    KERNELS.remove(allocates)
    with pytest.raises(TypingError):
        allocates(3)


@pytest.mark.parametrize(
    ("variable", "value", "refused"),
    [
        ("NUMBA_BOUNDSCHECK", "0", True),
        ("NUMBA_DISABLE_JIT", "1", True),
        ("NUMBA_BOUNDSCHECK", "1", False),
        ("NUMBA_DISABLE_JIT", "0", False),
    ],
)
def test_start_refuses_an_environment_that_turns_guards_off(
    root: Path, variable: str, value: str, refused: bool
) -> None:
    environment = {**os.environ, variable: value, "PYTHONPATH": str(root)}
    done = subprocess.run(
        [sys.executable, "-c", "import wire.kernel"],
        env=environment,
        cwd=root,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (done.returncode != 0) == refused
    if refused:
        assert f"{variable}={value} turns off the guards" in done.stderr.splitlines()[-1]


def test_every_kernel_is_kept_in_the_cache_of_its_source(
    root: Path, compiled_rooms: list[ModuleType]
) -> None:
    from wire.kernel_cache import cache_directory

    for compiled in KERNELS:
        file = Path(compiled.py_func.__code__.co_filename)
        if file.is_relative_to(root / "wire"):
            source = file.relative_to(root).as_posix()
            assert compiled._cache.cache_path == str(cache_directory(source))
