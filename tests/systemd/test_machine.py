"""The package in the life of a gateway: installed, started, reloaded, crashed, upgraded, removed, purged.

A Debian 12 of its own boots its own systemd; nothing reaches a network.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.end_to_end.live_daemon import eventually
from tests.systemd.conftest import DEBIAN_PYTHON, needs_packaging_tools, run
from tests.systemd.machine import Machine, bare_machine
from tests.systemd.units import SERVICES

pytestmark = pytest.mark.slow

CONFIG, KEY = "etc/campuswatch/campuswatch.yaml", "etc/campuswatch/privacy.key"
STATE, CACHE = "var/lib/campuswatch", "var/cache/campuswatch"
NEXT_VERSION = "99.1.0"
CAP_NET_RAW = 1 << 13

#: Sends the frames of a capture; run on the machine's network by the interpreter of the tests.
SEND = """
import socket, sys, dpkt
sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
sock.bind((sys.argv[2], 0))
with open(sys.argv[1], 'rb') as file:
    for _, frame in dpkt.pcap.UniversalReader(file):
        if len(frame) <= 1514:
            sock.send(frame)
"""
READ_METRICS = """
import sys, urllib.request
text = urllib.request.urlopen(f'http://127.0.0.1:{sys.argv[1]}/metrics', timeout=10).read().decode()
print(sum(float(l.split()[-1]) for l in text.splitlines() if l.startswith('campuswatch_flows_opened_total')))
"""


#: Six hours of ten hosts, and the lesson that is due then.
LEARN = """
import time
import numpy as np
from detectors.forest.isolation import ForestSettings
from detectors.forest.learner import Learner, Schedule
from detectors.window_features import MINUTE_NS, WINDOW
from monitor.daemon import lessons
draw = np.random.default_rng(1)
schedule = Schedule(collect_seconds=6 * 3600, least_windows=500)
learner = Learner(ForestSettings(trees=20), schedule, teacher=lessons.begin)
windows = np.zeros(3600, WINDOW)
windows["window_start_ns"] = np.repeat(np.arange(360), 10) * MINUTE_NS
windows["host_lo"] = 0xFFFF_0A00_0000 + np.tile(np.arange(10), 360)
windows["features"] = draw.lognormal(3.0, 0.5, windows["features"].shape)
learner.take(windows)
give_up = time.monotonic() + 300
while learner.trainings == 0 and time.monotonic() < give_up:
    time.sleep(0.5)
    windows["window_start_ns"] += MINUTE_NS
    learner.take(windows[-10:].copy())
print("learned:", learner.trainings, flush=True)
"""
#: Lines of the unit that a single command has no use for.
OF_A_DAEMON = (
    "Type=", "NotifyAccess=", "Exec", "Restart", "WatchdogSec=", "StateDirectory", "RuntimeDirectory",
    "ConfigurationDirectory=", "LoadCredential=",
)  # fmt: skip


@pytest.fixture(scope="module")
def packages(root: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, Path]:
    """Two versions of the whole package, and the wheelhouse of the first."""
    needs_packaging_tools()
    folder = tmp_path_factory.mktemp("packages")
    tree = folder / "tree"
    shutil.copytree(root, tree, ignore=shutil.ignore_patterns(".*", "__pycache__"))
    made: list[Path] = []
    for version in ("", NEXT_VERSION):
        if version:
            (tree / "monitor" / "__init__.py").write_text(f'"""The daemon."""\n\n__version__ = "{version}"\n')
        house, out = folder / f"house{version}", folder / f"out{version}"
        run("sh", str(tree / "systemd" / "wheelhouse" / "build"), str(house), PYTHON=str(DEBIAN_PYTHON))
        run("sh", str(tree / "systemd" / "deb" / "build"), str(out), str(house), DEB_COMPRESSION="none")
        made += out.glob("*.deb")
    return made[0], made[1], folder / "house"


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    """A fresh Debian machine, not booted yet."""
    folder = tmp_path_factory.mktemp("machine") / "gateway"
    yield bare_machine(folder)
    shutil.rmtree(folder, ignore_errors=True)


def test_the_life_of_a_package(machine: Machine, packages: tuple[Path, Path, Path], root: Path) -> None:
    first, second, house = packages
    bare = files_of_interest(machine)
    install(machine, first)
    after_installing(machine)
    with machine.booted():
        refuses_without_an_interface(machine)
        starts_and_captures(machine, root)
        holds_what_the_unit_allows(machine)
        learns_within_the_sandbox(machine)
        reloads_whole_or_not_at_all(machine)
        comes_back_after_a_crash(machine)
        a_second_tap_beside_it(machine)
        upgrade(machine, second)
        remove(machine)
    purge(machine)
    assert files_of_interest(machine) == bare
    installs_from_the_wheelhouse(machine, house)


def files_of_interest(machine: Machine) -> set[str]:
    """What bears the program's name anywhere; systemd's own memory apart."""
    found = machine.run("find", "/", "-xdev", "-name", "*campuswatch*", "-not", "-path", "/var/lib/systemd/*")
    return {line for line in found.splitlines() if line.startswith("/")}


def install(machine: Machine, package: Path) -> None:
    target = machine.folder / "root" / package.name
    shutil.copy(package, target)
    machine.run("dpkg", "--install", f"/root/{package.name}")
    target.unlink()


def after_installing(machine: Machine) -> None:
    key = machine.folder / KEY
    assert (key.stat().st_mode & 0o777, key.stat().st_uid, len(key.read_text().strip())) == (0o600, 0, 64)
    written = list((machine.folder / CACHE).rglob("*"))
    assert any(path.suffix == ".nbc" for path in written)
    assert all(path.stat().st_uid == 0 and path.stat().st_mode & 0o022 == 0 for path in written)
    assert not (machine.folder / STATE).exists()  # systemd makes it when the service starts
    assert "ready" in machine.run("campuswatch", "warm")  # nothing is left to compile
    size = int(machine.run("du", "-sm", "/opt/campuswatch").split()[0])
    assert size < 800


def refuses_without_an_interface(machine: Machine) -> None:
    assert machine.tried("systemctl", "start", "campuswatch").returncode != 0
    machine.run("systemctl", "stop", "campuswatch")
    assert "no interface" in machine.run("journalctl", "-u", "campuswatch", "--no-pager")


def starts_and_captures(machine: Machine, root: Path) -> None:
    machine.run("ip", "link", "add", "cwtap", "type", "veth", "peer", "name", "cwfar")
    for name in ("cwtap", "cwfar", "lo"):
        machine.run("ip", "link", "set", name, "up")
    configure(machine, "interfaces: [cwtap]")
    before = cached(machine)
    machine.run("systemctl", "start", "campuswatch")
    assert machine.properties("campuswatch", "ActiveState", "User") == ["active", "campuswatch"]
    send(machine, root)
    eventually(lambda: flows(machine, 9465) > 0)
    assert cached(machine) == before


def configure(machine: Machine, interfaces: str) -> None:
    path = machine.folder / CONFIG
    text = path.read_text(encoding="utf-8")
    line = next(line for line in text.splitlines() if line.strip().startswith("interfaces:"))
    path.write_text(text.replace(line, f"  {interfaces}"), encoding="utf-8")


def send(machine: Machine, root: Path) -> None:
    capture = root / "pcaps" / "chromium-quic.pcap"
    machine.on_its_network(sys.executable, "-c", SEND, str(capture), "cwfar")


def flows(machine: Machine, port: int) -> float:
    return float(machine.on_its_network(sys.executable, "-c", READ_METRICS, str(port)))


def cached(machine: Machine) -> set[Path]:
    return set((machine.folder / CACHE).rglob("*"))


def holds_what_the_unit_allows(machine: Machine) -> None:
    """Every thread of every process: the parent one capability, all others none."""
    (parent,) = machine.properties("campuswatch", "MainPID")
    children = machine.run("cat", f"/proc/{parent}/task/{parent}/children").split()
    assert len(children) >= 2
    for process in (parent, *children):
        held = CAP_NET_RAW if process == parent else 0
        for status in machine.run("sh", "-c", f"cat /proc/{process}/task/*/status").split("Name:")[1:]:
            fields = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
            for kind in ("CapInh", "CapAmb", "CapEff", "CapPrm"):
                assert int(fields[kind], 16) & ~held == 0, (process, kind, fields[kind])
            assert int(fields["CapBnd"], 16) == CAP_NET_RAW
            assert (fields["NoNewPrivs"], fields["Seccomp"]) == ("1", "2")
            assert "0" not in fields["Uid"].split()


def learns_within_the_sandbox(machine: Machine) -> None:
    """A model, in a process of its own, under all that the unit forbids."""
    program, unit = machine.folder / "opt/learn.py", machine.folder / "etc/systemd/system/learn.service"
    program.write_text(LEARN, encoding="utf-8")
    service = machine.folder / "lib/systemd/system/campuswatch.service"
    lines = service.read_text(encoding="utf-8").splitlines()
    kept = [line for line in lines if not line.startswith(OF_A_DAEMON)]
    at = kept.index("[Service]") + 1
    kept[at:at] = ["Type=oneshot", "ExecStart=/opt/campuswatch/bin/python -P /opt/learn.py"]
    unit.write_text("\n".join(kept) + "\n", encoding="utf-8")
    machine.run("systemctl", "daemon-reload")
    machine.tried("systemctl", "start", "learn")
    assert "learned: 1" in machine.run("journalctl", "-u", "learn", "--no-pager")
    for file in (program, unit):
        file.unlink()
    machine.run("systemctl", "daemon-reload")


def reloads_whole_or_not_at_all(machine: Machine) -> None:
    (parent,) = machine.properties("campuswatch", "MainPID")
    machine.run("systemctl", "reload", "campuswatch")
    good = (machine.folder / CONFIG).read_text(encoding="utf-8")
    (machine.folder / CONFIG).write_text(good + "\nno_such_section: 1\n", encoding="utf-8")
    assert machine.tried("systemctl", "reload", "campuswatch").returncode != 0
    (machine.folder / CONFIG).write_text(good, encoding="utf-8")
    assert machine.properties("campuswatch", "ActiveState", "MainPID") == ["active", parent]


def comes_back_after_a_crash(machine: Machine) -> None:
    (parent,) = machine.properties("campuswatch", "MainPID")
    machine.run("systemctl", "kill", "--kill-whom=main", "--signal=KILL", "campuswatch")

    def back() -> bool:
        state, now = machine.properties("campuswatch", "ActiveState", "MainPID")
        return state == "active" and now not in ("0", parent)

    eventually(back, 120)
    assert machine.properties("campuswatch", "NRestarts") == ["1"]


def a_second_tap_beside_it(machine: Machine) -> None:
    text = (machine.folder / CONFIG).read_text(encoding="utf-8").replace("cwtap", "cwfar")
    east = machine.folder / "etc" / "campuswatch" / "east.yaml"
    east.write_text(text + "\nmetrics: {port: 9466}\n", encoding="utf-8")
    machine.run("systemctl", "enable", "--now", "campuswatch@east")
    assert machine.properties("campuswatch@east", "ActiveState") == ["active"]
    assert (machine.folder / "var" / "lib" / "campuswatch-taps" / "east").is_dir()
    assert flows(machine, 9466) >= 0


def upgrade(machine: Machine, package: Path) -> None:
    before = machine.properties("campuswatch", "MainPID") + machine.properties("campuswatch@east", "MainPID")
    kept = {path: (machine.folder / path).read_bytes() for path in (KEY, CONFIG)}
    note = machine.folder / STATE / "kept.txt"
    note.write_text("state")
    install(machine, package)
    assert NEXT_VERSION in machine.run("campuswatch", "--version")
    assert {path: (machine.folder / path).read_bytes() for path in kept} == kept
    assert note.read_text() == "state"
    for unit in ("campuswatch", "campuswatch@east"):
        state, parent = machine.properties(unit, "ActiveState", "MainPID")
        assert state == "active"
        assert parent not in before
    assert "ready" in machine.run("campuswatch", "warm")


def remove(machine: Machine) -> None:
    machine.run("dpkg", "--remove", "campuswatch")
    assert machine.run("find", "/proc", "-maxdepth", "1", "-user", "campuswatch") == ""
    assert not (machine.folder / "opt" / "campuswatch").exists()
    for path in (KEY, CONFIG, STATE):
        assert (machine.folder / path).exists()


def purge(machine: Machine) -> None:
    machine.run("dpkg", "--purge", "campuswatch")
    for path in ("etc/campuswatch", STATE, "var/lib/campuswatch-taps", CACHE):
        assert not (machine.folder / path).exists()


def installs_from_the_wheelhouse(machine: Machine, house: Path) -> None:
    """The other way, twice: the second is an upgrade. Its kernels would be the package's: not compiled."""
    there = machine.folder / "root" / "house"
    shutil.copytree(house, there)
    line = ("sh", "-c", "CAMPUSWATCH_WARM=no sh /root/house/install")
    machine.run(*line)
    key = (machine.folder / KEY).read_bytes()
    (machine.folder / CONFIG).write_text("campus: {id: kept}\n")
    machine.run(*line)
    assert (machine.folder / KEY).read_bytes() == key
    assert "id: kept" in machine.run("campuswatch", "config", "show", f"/{CONFIG}")
    units = machine.folder / "usr" / "local" / "lib" / "systemd" / "system"
    assert {path.name for path in units.iterdir()} == set(SERVICES)
    with (there / "prepare").open("a") as script:
        script.write("\n")
    damaged = machine.tried(*line)
    assert damaged.returncode != 0
    assert "damaged" in damaged.stdout
