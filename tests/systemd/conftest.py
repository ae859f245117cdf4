"""The package as its recipe builds it."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

DEBIAN_PYTHON = Path("/usr/bin/python3")


def run(*words: str, seconds: float = 600, **environment: str) -> str:
    """Run a command that must succeed; what it wrote."""
    done = subprocess.run(
        words, env={**os.environ, **environment}, capture_output=True, text=True, timeout=seconds, check=False
    )
    assert done.returncode == 0, f"{' '.join(words)}:\n{done.stdout[-4000:]}\n{done.stderr[-4000:]}"
    return done.stdout


def needs_packaging_tools() -> None:
    """Skip where a Debian package cannot be built."""
    if shutil.which("dpkg-deb") is None or not DEBIAN_PYTHON.exists():
        pytest.skip("no dpkg-deb, or no Python of Debian's")
    probe = subprocess.run([DEBIAN_PYTHON, "-c", "import ensurepip"], capture_output=True, check=False)
    if probe.returncode:
        pytest.skip("no python3-venv")


def shared_folder(factory: pytest.TempPathFactory, name: str) -> Path:
    """A folder that all processes of one test run share."""
    base = factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / name
    folder.mkdir(exist_ok=True)
    return folder


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """One process of the test run at a time."""
    with (folder / "lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


@pytest.fixture(scope="session")
def small_house(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A wheelhouse with the program's own wheel alone."""
    needs_packaging_tools()
    house = shared_folder(tmp_path_factory, "small") / "house"
    with locked(house.parent):
        if not (house / "SHA256SUMS").exists():
            script = str(root / "systemd" / "wheelhouse" / "build")
            run("sh", script, str(house), PYTHON=str(DEBIAN_PYTHON), WHEELS="own")
    return house


@pytest.fixture(scope="session")
def small_package(root: Path, small_house: Path) -> Path:
    """A Debian package of it: all but the libraries."""
    out = small_house.parent / "out"
    with locked(small_house.parent):
        if not out.exists():
            script = str(root / "systemd" / "deb" / "build")
            run("sh", script, str(out), str(small_house))
    (package,) = out.glob("*.deb")
    return package
