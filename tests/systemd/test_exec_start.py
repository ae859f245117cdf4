"""What the unit runs, run as systemd would: its own lines, an account without rights but one, a socket
to be told on, folders and key by environment. For machines whose first process is not systemd.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from monitor.kernels import kernel_folder
from tests.end_to_end.live_daemon import eventually
from tests.systemd.units import command, values
from tests.wire.capture.namespaces import ip, own_namespace, pair, sender
from wire import kernel_cache

NOBODY = 65_534
AS_ACCOUNT = (
    "setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", "--no-new-privs",
    "--inh-caps=-all,+net_raw", "--ambient-caps=-all,+net_raw", "--bounding-set=-all,+net_raw",
)  # fmt: skip
#: In a mount namespace: the folders within $1 stay where they are, and everybody may pass through it.
OPEN_UP = """
set -e
closed="$1" hold="$2"; shift 2
for entry in "$closed"/* "$closed"/.[!.]*; do
    [ -d "$entry" ] && [ ! -L "$entry" ] || continue
    mkdir -p "$hold/${entry##*/}" && mount --rbind "$entry" "$hold/${entry##*/}"
done
mount -t tmpfs -o mode=755 tmpfs "$closed"
for entry in "$hold"/* "$hold"/.[!.]*; do
    [ -d "$entry" ] || continue
    mkdir "$closed/${entry##*/}" && mount --rbind "$entry" "$closed/${entry##*/}"
done
exec "$@"
"""
CONFIG = """
capture: {interfaces: [cwunit], ring_mib: 16, block_kib: 256}
metrics: {port: 0}
"""


class Service:
    """The unit's lines, run by hand. folder: where its folders, configuration and key are."""

    def __init__(self, root: Path, folder: Path, cache: Path) -> None:
        self.unit = root / "systemd" / "campuswatch.service"
        self.folder, self.cache, self.root = folder, cache, root
        self.configuration = folder / "campuswatch.yaml"
        self.configuration.write_text(CONFIG)
        self.told: list[str] = []
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(str(folder / "notify"))
        self.socket.setblocking(False)
        (folder / "notify").chmod(0o777)
        credentials = folder / "credentials"
        credentials.mkdir()
        (credentials / "privacy.key").write_text("f" * 64)
        for name in ("state", "run"):
            (folder / name).mkdir()
            os.chown(folder / name, NOBODY, NOBODY)
        given = dict(line.split("=", 1) for line in values(self.unit, "Environment"))
        assert given["CAMPUSWATCH_KERNEL_CACHE"] == str(kernel_cache.SYSTEM_CACHE)
        self.environment = {
            **given,
            "PATH": os.environ["PATH"], "PYTHONPATH": str(root), "HOME": "/nonexistent",
            "STATE_DIRECTORY": str(folder / "state"), "RUNTIME_DIRECTORY": str(folder / "run"),
            "CREDENTIALS_DIRECTORY": str(credentials), "NOTIFY_SOCKET": str(folder / "notify"),
            "WATCHDOG_USEC": "3000000", "CAMPUSWATCH_KERNEL_CACHE": str(cache),
        }  # fmt: skip

    def start(self, key: str) -> subprocess.Popen[str]:
        """Start the command of one of the unit's keys, as its account."""
        words = command(self.unit, key, [sys.executable, "-m", "monitor.cli"], self.configuration)
        return subprocess.Popen(
            [*self._opened_up(), *AS_ACCOUNT, *words],
            env=self.environment, cwd="/", text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip

    def run(self, key: str) -> tuple[int, str]:
        """Run it to its end; exit code and what it said."""
        process = self.start(key)
        said, _ = process.communicate(timeout=120)
        return process.returncode, said

    def hears(self, line: str) -> bool:
        """Whether this line was ever told on the socket."""
        while True:
            try:
                self.told += self.socket.recv(65_536).decode().splitlines()
            except BlockingIOError:
                return line in self.told

    def _opened_up(self) -> list[str]:
        """What lets the account pass where only root may (a checkout in root's home)."""
        needed = (self.root, Path(sys.executable), Path(sys.executable).resolve(), self.folder, self.cache)
        closed = {
            above for path in needed for above in path.parents if above.stat().st_mode & 0o005 != 0o005
        }
        line: list[str] = []
        for above in sorted(closed):
            hold = self.folder.parent / f"hold{len(line)}"
            hold.mkdir(exist_ok=True)
            line += ["unshare", "--mount", "sh", "-c", OPEN_UP, "sh", str(above), str(hold)]
        return line


@pytest.fixture
def service(root: Path) -> Iterator[Service]:
    if os.geteuid() != 0 or shutil.which("setpriv") is None:
        pytest.skip("needs root and setpriv")
    if not kernel_folder.is_whole(kernel_cache.SYSTEM_CACHE):
        pytest.skip("the system's kernel cache is not whole: `campuswatch warm` as root")
    with folder_for_all() as folder:
        cache = folder / "kernels"
        shutil.copytree(kernel_cache.SYSTEM_CACHE, cache)
        for path in (cache, *cache.rglob("*")):
            os.chown(path, NOBODY, NOBODY)
        with own_namespace():
            pair("cwunit", "cwunitfar")
            ip("link", "set", "lo", "up")
            (folder / "service").mkdir()
            made = Service(root, folder / "service", cache)
            yield made
            made.socket.close()


@contextmanager
def folder_for_all() -> Iterator[Path]:
    """A folder that every account may pass through; pytest's are their owner's alone."""
    folder = Path(subprocess.run(["mktemp", "-d"], capture_output=True, text=True, check=True).stdout.strip())
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


def test_the_units_lines_run_under_its_account(service: Service) -> None:
    code, said = service.run("ExecStartPre")
    assert code == 0, said
    compiled = {path.name for path in service.cache.rglob("*")}
    process = service.start("ExecStart")
    try:
        eventually(lambda: process.poll() is not None or service.hears("READY=1"), 120)
        assert process.poll() is None, process.communicate()[0]
        assert f"MAINPID={process.pid}" in service.told
        with sender("cwunitfar") as sock:
            for i in range(200):
                sock.send(bytes(12) + b"\x08\x00" + bytes([0x45, 0, 0, 50]) + bytes([i]) * 46)
        eventually(lambda: service.hears("WATCHDOG=1"))

        code, said = service.run("ExecReload")
        assert code == 0, said
        eventually(lambda: service.hears("RELOADING=1"))
        service.configuration.write_text(CONFIG + "\nno_such_section: 1\n")
        code, said = service.run("ExecReload")
        assert code != 0
        assert "no_such_section" in said
        assert process.poll() is None
    finally:
        process.send_signal(signal.SIGTERM)
        said, _ = process.communicate(timeout=60)
    assert process.returncode == 0, said
    assert service.hears("STOPPING=1")
    # The key came from systemd, so none was made; what a service would compile it would keep here.
    assert not (service.folder / "state" / "privacy.key").exists()
    assert {path.name for path in service.cache.rglob("*")} == compiled


def test_a_service_without_an_interface_says_so(service: Service) -> None:
    service.configuration.write_text("metrics: {port: 0}\n")
    code, said = service.run("ExecStart")
    assert code == 2
    assert "no interface" in said


def test_the_systems_cache_is_roots_alone(service: Service) -> None:
    system = kernel_cache.SYSTEM_CACHE
    for path in (system.parent, system, *system.rglob("*")):
        told = path.stat()
        assert told.st_uid == 0, path
        assert told.st_mode & 0o022 == 0, path
        assert told.st_mode & 0o004, path
