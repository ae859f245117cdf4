"""The kernel cache's path follows the sources of all kernels, callees too."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
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


def digest_of(module: ModuleType, source: str) -> str:
    """The digest as a new process would see it."""
    module.digest.cache_clear()
    module._text.cache_clear()
    module._surroundings.cache_clear()
    module._place_of.cache_clear()
    found: str = module.digest(source)
    return found


def test_the_digest_is_of_the_content_not_of_the_place(copied: tuple[Path, ModuleType], root: Path) -> None:
    tree, module = copied
    before = digest_of(module, "wire/flows/track.py")
    assert len(before) == 16
    os.utime(tree / "wire" / "flows" / "track.py", (1, 1))
    assert digest_of(module, "wire/flows/track.py") == before
    assert digest_of(wire.kernel_cache, "wire/flows/track.py") == before


@pytest.mark.parametrize(
    "source",
    [
        "wire/flows/track.py",  # the kernel that the program calls
        "wire/flows/bytes_be.py",  # a callee of a callee
        "wire/flows/records.py",  # a dtype that kernels read
        "wire/kernel.py",  # the options that all are compiled with
    ],
)
def test_a_change_in_anything_a_kernel_imports_changes_its_digest(
    copied: tuple[Path, ModuleType], source: str
) -> None:
    tree, module = copied
    before = digest_of(module, "wire/flows/track.py")
    append_line(tree / source)
    assert digest_of(module, "wire/flows/track.py") != before


def test_a_change_in_constants_that_a_package_is_asked_for_changes_the_digest(
    copied: tuple[Path, ModuleType],
) -> None:
    """`from wire.capture import link_types`: the file is named behind the `import`."""
    tree, module = copied
    before = digest_of(module, "wire/capture/pcap.py")
    append_line(tree / "wire" / "capture" / "link_types.py")
    assert digest_of(module, "wire/capture/pcap.py") != before


def test_the_place_is_looked_up_once_for_all_kernels_of_a_file(
    copied: tuple[Path, ModuleType], monkeypatch: pytest.MonkeyPatch
) -> None:
    tree, module = copied
    asked: list[str] = []
    find = module.cache_directory
    monkeypatch.setattr(module, "cache_directory", lambda source: asked.append(source) or find(source))
    file = str(tree / "wire" / "flows" / "track.py")
    places = {module._Locator.from_function(find, file).get_cache_path() for _ in range(3)}
    assert places == {str(find("wire/flows/track.py"))}
    assert asked == ["wire/flows/track.py"]


def test_a_change_elsewhere_leaves_a_kernels_digest(copied: tuple[Path, ModuleType]) -> None:
    tree, module = copied
    before = digest_of(module, "wire/flows/track.py")
    append_line(tree / "wire" / "names" / "tls.py")
    assert digest_of(module, "wire/flows/track.py") == before


@pytest.mark.parametrize("what", ["library", "processor"])
def test_library_versions_and_processor_take_part(monkeypatch: pytest.MonkeyPatch, what: str) -> None:
    before = digest_of(wire.kernel_cache, "wire/kernel.py")
    change: Callable[..., str] = lambda *_: "another"  # noqa: E731
    monkeypatch.setattr(wire.kernel_cache, "version" if what == "library" else "_cpu_model", change)
    after = digest_of(wire.kernel_cache, "wire/kernel.py")
    monkeypatch.undo()
    assert digest_of(wire.kernel_cache, "wire/kernel.py") == before != after


def test_where_the_cache_is(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    source = "wire/flows/track.py"
    name = f"wire.flows.track-{wire.kernel_cache.digest(source)}"
    monkeypatch.setenv("CAMPUSWATCH_KERNEL_CACHE", str(tmp_path / "named"))
    assert wire.kernel_cache.cache_directory(source) == tmp_path / "named" / name

    monkeypatch.delenv("CAMPUSWATCH_KERNEL_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "person"))
    system = tmp_path / "system"
    monkeypatch.setattr(wire.kernel_cache, "SYSTEM_CACHE", system)
    assert wire.kernel_cache.cache_directory(source) == tmp_path / "person" / "campuswatch" / "kernels" / name

    (system / "wire.flows.track-0123456789abcdef").mkdir(parents=True)  # another version's
    assert wire.kernel_cache.cache_directory(source) == tmp_path / "person" / "campuswatch" / "kernels" / name
    (system / name).mkdir()
    assert wire.kernel_cache.cache_directory(source) == system / name


_ONE_KERNEL = """
from wire.flows.bytes_be import u16
import numpy as np
print(int(u16(np.arange(4, dtype=np.uint8), 1)))
print(sum(u16.stats.cache_hits.values()), sum(u16.stats.cache_misses.values()))
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="gives a folder to another user")
def test_a_service_reads_a_cache_that_it_cannot_write(root: Path, tmp_path: Path) -> None:
    place = tmp_path / "kernels"

    def run(*prefix: str) -> list[str]:
        done = subprocess.run(
            [*prefix, sys.executable, "-c", _ONE_KERNEL],
            env={**os.environ, "CAMPUSWATCH_KERNEL_CACHE": str(place), "PYTHONPATH": str(root)},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.split()

    def kept() -> list[str]:
        return sorted(path.name for path in place.rglob("*"))

    without_capabilities = ("setpriv", "--bounding-set=-all", "--inh-caps=-all")
    place.mkdir()
    os.chown(place, 65_534, 65_534)
    assert run(*without_capabilities) == ["258", "0", "1"]
    assert kept() == []
    assert run() == ["258", "0", "1"]
    filled = kept()
    assert len(filled) > 1
    for path in (place, *place.rglob("*")):
        os.chown(path, 65_534, 65_534)
    assert run(*without_capabilities) == ["258", "1", "0"]
    assert kept() == filled
