"""The kernel cache's path follows the sources of all kernels, callees too."""

from __future__ import annotations

import importlib.util
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

import wire.kernel_cache


@pytest.fixture
def copied(root: Path, tmp_path: Path) -> tuple[Path, ModuleType]:
    """A copy of the compiled rooms, and the copy's own wire/kernel_cache.py."""
    tree = tmp_path / "tree"
    for room in ("wire", "detectors", "sinks"):
        shutil.copytree(root / room, tree / room, ignore=shutil.ignore_patterns("__pycache__"))
    spec = importlib.util.spec_from_file_location("copied_kernel_cache", tree / "wire" / "kernel_cache.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return tree, module


def append_line(path: Path) -> None:
    path.write_text(path.read_text(encoding="utf-8") + "\n# changed\n", encoding="utf-8")


def test_the_digest_is_of_the_content_not_of_the_place(copied: tuple[Path, ModuleType]) -> None:
    tree, module = copied
    before = module.digest()
    assert len(before) == 16
    os.utime(tree / "wire" / "flows" / "track.py", (1, 1))
    assert module.digest() == before


@pytest.mark.parametrize(
    "source",
    [
        "wire/flows/track.py",  # the kernel that the program calls
        "wire/flows/bytes_be.py",  # a callee of a callee
        "wire/flows/records.py",  # a dtype that kernels read
        "wire/names/strings.py",
        "wire/capture/link_types.py",  # constants of a kernel, in a file without one
        "wire/kernel.py",  # the options that all are compiled with
    ],
)
def test_a_change_in_any_kernels_file_changes_the_digest(
    copied: tuple[Path, ModuleType], source: str
) -> None:
    tree, module = copied
    before = module.digest()
    append_line(tree / source)
    assert module.digest() != before


def test_a_new_kernel_file_changes_the_digest_and_other_files_do_not(copied: tuple[Path, ModuleType]) -> None:
    tree, module = copied
    before = module.digest()
    (tree / "wire" / "flows" / "notes.txt").write_text("@kernel", encoding="utf-8")
    (tree / "wire" / "flows" / "plain.py").write_text("x = 1\n", encoding="utf-8")
    assert module.digest() == before
    (tree / "wire" / "flows" / "another.py").write_text("from wire.kernel import kernel\n", encoding="utf-8")
    assert module.digest() != before


@pytest.mark.parametrize("what", ["library", "processor"])
def test_library_versions_and_processor_take_part(monkeypatch: pytest.MonkeyPatch, what: str) -> None:
    before = wire.kernel_cache.digest()
    change: Callable[..., str] = lambda *_: "another"  # noqa: E731
    monkeypatch.setattr(wire.kernel_cache, "version" if what == "library" else "_cpu_model", change)
    assert wire.kernel_cache.digest() != before


def test_where_the_cache_is(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    digest = wire.kernel_cache.digest()
    monkeypatch.setenv("CAMPUSWATCH_KERNEL_CACHE", str(tmp_path / "named"))
    assert wire.kernel_cache.cache_directory() == tmp_path / "named" / digest

    monkeypatch.delenv("CAMPUSWATCH_KERNEL_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "person"))
    system = tmp_path / "system"
    monkeypatch.setattr(wire.kernel_cache, "_SYSTEM_CACHE", system)
    assert wire.kernel_cache.cache_directory() == tmp_path / "person" / "campuswatch" / "kernels" / digest

    (system / "0123456789abcdef").mkdir(parents=True)  # another version's
    assert wire.kernel_cache.cache_directory() == tmp_path / "person" / "campuswatch" / "kernels" / digest
    (system / digest).mkdir()
    assert wire.kernel_cache.cache_directory() == system / digest
