"""What is in the Debian package and in the wheelhouse, without installing them."""

from __future__ import annotations

import hashlib
import io
import re
import subprocess
import tarfile
from pathlib import Path

import pytest

from monitor import __version__
from monitor.config.config_file import load
from tests.systemd.conftest import run
from tests.systemd.units import SERVICES


@pytest.fixture(scope="module")
def unpacked(small_package: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("unpacked")
    run("dpkg-deb", "--raw-extract", str(small_package), str(folder))
    return folder


def test_control_says_what_it_is(small_package: Path) -> None:
    fields = dict(
        line.split(": ", 1)
        for line in run("dpkg-deb", "--field", str(small_package)).splitlines()
        if not line.startswith(" ")
    )
    architecture = run("dpkg", "--print-architecture").strip()
    assert small_package.name == f"campuswatch_{__version__}_{architecture}.deb"
    assert (fields["Package"], fields["Version"], fields["Architecture"]) == (
        "campuswatch", __version__, architecture,
    )  # fmt: skip
    assert re.search(r"python3 \(>= 3\.\d+~\), python3 \(<< 3\.\d+~\)", fields["Depends"])
    assert int(fields["Installed-Size"]) > 1_000
    assert "@" not in run("dpkg-deb", "--field", str(small_package)).replace("campuswatch@localhost", "")


def test_files_stand_where_they_belong(small_package: Path, root: Path, unpacked: Path) -> None:
    for name in SERVICES:
        installed = unpacked / "usr" / "lib" / "systemd" / "system" / name
        assert installed.read_bytes() == (root / "systemd" / name).read_bytes()
    for folder in ("sysusers.d", "tmpfiles.d"):
        assert (unpacked / "usr" / "lib" / folder / "campuswatch.conf").is_file()
    assert (unpacked / "DEBIAN" / "conffiles").read_text() == "/etc/campuswatch/campuswatch.yaml\n"
    assert load(unpacked / "etc" / "campuswatch" / "campuswatch.yaml").capture.interfaces == ()
    assert load(unpacked / "usr" / "share" / "doc" / "campuswatch" / "campuswatch.example.yaml")
    shipped = {path.relative_to(unpacked).parts[0] for path in unpacked.iterdir()}
    assert shipped == {"DEBIAN", "etc", "opt", "usr"}


def test_everything_is_roots_and_nobody_else_may_write(small_package: Path) -> None:
    content = subprocess.run(
        ["dpkg-deb", "--fsys-tarfile", str(small_package)], capture_output=True, timeout=60, check=True
    )
    with tarfile.open(fileobj=io.BytesIO(content.stdout)) as tar:
        members = tar.getmembers()
    for member in members:
        assert (member.uid, member.gid) == (0, 0), member.name
        assert member.issym() or member.mode & 0o022 == 0, member.name
        assert member.mode & 0o7000 == 0, member.name
        readable = 0o555 if member.isdir() else 0o444
        assert member.mode & readable == readable, member.name


def test_digests_cover_every_file(unpacked: Path) -> None:
    listed = dict(
        reversed(line.split("  ", 1)) for line in (unpacked / "DEBIAN" / "md5sums").read_text().splitlines()
    )
    files = {
        str(path.relative_to(unpacked)): hashlib.md5(path.read_bytes()).hexdigest()
        for path in unpacked.rglob("*")
        if path.is_file() and not path.is_symlink() and "DEBIAN" not in path.parts
    }
    assert listed == files


def test_the_environment_names_no_place_but_its_own(unpacked: Path, root: Path) -> None:
    home = unpacked / "opt" / "campuswatch"
    assert {path.name for path in (home / "bin").iterdir()} == {
        "campuswatch", "python", "python3", next(p.name for p in (home / "bin").glob("python3.*")),
    }  # fmt: skip
    program = (home / "bin" / "campuswatch").read_text()
    assert program.startswith("#!/opt/campuswatch/bin/python3 -IB\n")
    assert (home / "bin" / "python3").readlink() == Path("/usr/bin/python3")
    assert "home = /usr/bin\n" in (home / "pyvenv.cfg").read_text()
    sources = {path.stem for path in home.rglob("*.py")}
    compiled = {path.name.partition(".")[0] for path in home.rglob("*.pyc")}
    assert sources <= compiled  # nobody who runs it could write them
    beside = root.parent if root.parent != Path("/") else root
    made_in = re.compile(rb"/tmp/tmp\.|/wheelhouse/|" + re.escape(f"{beside}/".encode()))
    assert not [p for p in home.rglob("*") if p.is_file() and made_in.search(p.read_bytes())]


@pytest.mark.parametrize("name", ["postinst", "prerm", "postrm"])
def test_scripts_of_the_package_are_sound(unpacked: Path, name: str) -> None:
    script = unpacked / "DEBIAN" / name
    assert script.stat().st_mode & 0o777 == 0o755
    assert script.read_text().startswith("#!/bin/sh\n")
    assert "set -e\n" in script.read_text()
    run("sh", "-n", str(script))


def test_the_wheelhouse_knows_its_files_by_digest(small_house: Path, tmp_path: Path) -> None:
    listed = (small_house / "SHA256SUMS").read_text().splitlines()
    files = {f"./{path.relative_to(small_house)}" for path in small_house.rglob("*") if path.is_file()}
    assert {line.split("  ", 1)[1] for line in listed} == files - {"./SHA256SUMS"}
    assert "--hash=sha256:" in (small_house / "requirements.txt").read_text()


def test_a_wheel_that_was_exchanged_is_refused(small_house: Path, tmp_path: Path) -> None:
    house = tmp_path / "house"
    run("cp", "-r", str(small_house), str(house))
    (wheel,) = house.glob("wheels/campuswatch-*.whl")
    wheel.write_bytes(wheel.read_bytes() + b"\0")
    done = subprocess.run(
        ["sh", str(house / "environment"), str(tmp_path / "made")],
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode != 0
    assert "hash" in done.stderr.lower()
