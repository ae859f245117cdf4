"""A small Debian machine in a folder: it boots its own systemd in namespaces (systemd-nspawn).

Nothing of it touches the machine that runs the tests: it has its own file tree, processes and network.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

_TOOLS = ("systemd-nspawn", "debootstrap", "nsenter", "apt-get")
_PACKAGES = "systemd,systemd-sysv,dbus,python3,iproute2"
_BOOT_SECONDS = 120.0
#: Its own network, no word to a service manager that this machine may not have.
_NSPAWN = ("systemd-nspawn", "--quiet", "--register=no", "--keep-unit", "--private-network", "--console=pipe")


class Machine:
    """folder: its file tree."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._leader: int | None = None

    def run(self, *words: str, seconds: float = 1_800) -> str:
        """Run a command in it, booted or not; what it wrote. It must succeed."""
        done = self.tried(*words, seconds=seconds)
        assert done.returncode == 0, f"{' '.join(words)}:\n{done.stdout[-4000:]}"
        return done.stdout

    def tried(self, *words: str, seconds: float = 1_800) -> subprocess.CompletedProcess[str]:
        """Run a command in it, however it ends; both outputs in one."""
        if self._leader is None:
            line = [*_NSPAWN, "--as-pid2", "-D", str(self.folder), *words]
        else:
            line = [*self._enter("-m", "-u", "-i", "-n", "-p"), *words]
        environment = {"PATH": os.environ["PATH"], "LANG": "C.UTF-8"}
        return subprocess.run(
            line, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, timeout=seconds, check=False,
        )  # fmt: skip

    def on_its_network(self, *words: str) -> str:
        """Run one of this machine's programs on its network; what it wrote."""
        line = [*self._enter("-n"), *words]
        done = subprocess.run(line, capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def properties(self, unit: str, *names: str) -> list[str]:
        """What its systemd says of a unit."""
        return [self.run("systemctl", "show", "-P", name, unit).strip() for name in names]

    @contextmanager
    def booted(self) -> Iterator[None]:
        """Its systemd as its first process, until the end of the block."""
        log = self.folder.with_name(self.folder.name + ".log")
        with log.open("wb") as console:
            process = subprocess.Popen(
                [*_NSPAWN, "--boot", "--kill-signal=SIGRTMIN+3", "-D", str(self.folder)],
                stdin=subprocess.DEVNULL, stdout=console, stderr=console,
            )  # fmt: skip
        try:
            self._leader = _first_child(process)
            give_up = time.monotonic() + _BOOT_SECONDS
            while self.tried("systemctl", "is-system-running").stdout.strip() not in ("running", "degraded"):
                assert time.monotonic() < give_up, f"it did not boot:\n{log.read_text(errors='replace')}"
                time.sleep(0.5)
            yield
        finally:
            self._leader = None
            process.terminate()  # nspawn tells its systemd to power off
            try:
                process.wait(60)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(60)

    def _enter(self, *namespaces: str) -> list[str]:
        assert self._leader is not None, "it is not booted"
        return ["nsenter", "-t", str(self._leader), *namespaces]


def _first_child(process: subprocess.Popen[bytes]) -> int:
    """The machine's first process: nspawn's child."""
    give_up = time.monotonic() + _BOOT_SECONDS
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    while not (found := children.read_text().split()):
        assert process.poll() is None, "systemd-nspawn ended at once"
        assert time.monotonic() < give_up
        time.sleep(0.1)
    return int(found[0])


def bare_machine(folder: Path) -> Machine:
    """A fresh Debian 12 with systemd and Python, from the mirror that this machine uses.

    CAMPUSWATCH_TEST_MACHINE names a tree that debootstrap made earlier: it is copied.
    """
    missing = [tool for tool in _TOOLS if shutil.which(tool) is None]
    if missing or os.geteuid() != 0:
        pytest.skip(f"missing: {', '.join(missing) or 'root'}")
    made = os.environ.get("CAMPUSWATCH_TEST_MACHINE")
    if made:
        subprocess.run(["cp", "-a", "--reflink=auto", made, str(folder)], check=True)
        return Machine(folder)
    listing = subprocess.run(
        ["apt-get", "indextargets", "--format", "$(SITE)", "Created-By: Packages", "Codename: bookworm"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    if not listing.stdout.split():
        pytest.skip("apt knows no mirror of Debian 12")
    site = listing.stdout.split()[0]
    done = subprocess.run(
        ["debootstrap", "--variant=minbase", f"--include={_PACKAGES}", "bookworm", str(folder), site],
        capture_output=True, text=True, timeout=1_800, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    return Machine(folder)
