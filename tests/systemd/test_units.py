"""The units: what systemd itself says of them, and what must not be lost from them."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.systemd.units import CAPTURES, PROGRAM, SERVICES, lines_of, values

GREATEST_EXPOSURE = 2.0
systemd = pytest.mark.skipif(
    shutil.which("systemd-analyze") is None, reason="no systemd-analyze (package systemd)"
)


def analyze(*words: str) -> subprocess.CompletedProcess[str]:
    line = ["systemd-analyze", *words]
    return subprocess.run(line, capture_output=True, text=True, timeout=60, check=False)


@systemd
@pytest.mark.parametrize("name", SERVICES)
def test_exposure_is_small(root: Path, name: str) -> None:
    done = analyze("security", "--offline=true", "--no-pager", str(root / "systemd" / name))
    (told,) = re.findall(r"Overall exposure level for \S+: ([\d.]+)", done.stdout)
    assert float(told) <= GREATEST_EXPOSURE, done.stdout


@systemd
def test_nothing_is_said_against_the_units(root: Path, tmp_path: Path) -> None:
    program = tmp_path / "campuswatch"  # verify looks whether what a unit runs is there
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    for name in SERVICES:
        text = (root / "systemd" / name).read_text(encoding="utf-8")
        (tmp_path / name).write_text(text.replace(PROGRAM, str(program)), encoding="utf-8")
    for name in ("campuswatch.service", "campuswatch@east.service", "campuswatch-warm.service"):
        done = analyze("verify", "--man=no", "--recursive-errors=no", str(tmp_path / name))
        said = [line for line in done.stderr.splitlines() if "campuswatch" in line]
        assert (done.returncode, said) == (0, [])


@systemd
@pytest.mark.parametrize("wrong", ["NoSuchSetting=yes", "WatchdogSec=soon", "SystemCallFilter=@no-such-set"])
def test_a_mistake_in_a_unit_would_be_said(root: Path, tmp_path: Path, wrong: str) -> None:
    text = (root / "systemd" / "campuswatch.service").read_text(encoding="utf-8")
    unit = tmp_path / "campuswatch.service"
    unit.write_text(text.replace("Type=notify\n", f"Type=notify\n{wrong}\n"), encoding="utf-8")
    done = analyze("verify", "--man=no", "--recursive-errors=no", str(unit))
    assert any(word in done.stderr for word in wrong.split("=")), done.stderr


def test_the_template_differs_only_by_its_instance(root: Path) -> None:
    single, template = (lines_of(root / "systemd" / name) for name in CAPTURES)
    differing = {key for (key, one), (_, other) in zip(single, template, strict=True) if one != other}
    assert [key for key, _ in single] == [key for key, _ in template]
    assert differing == {
        "Description", "ExecStartPre", "ExecStart", "ExecReload", "SyslogIdentifier", "StateDirectory",
        "RuntimeDirectory",
    }  # fmt: skip
    assert all("%i" in value for key, value in template if key in differing)


@pytest.mark.parametrize("name", CAPTURES)
def test_a_capturing_service_holds_one_capability(root: Path, name: str) -> None:
    unit = root / "systemd" / name
    assert values(unit, "AmbientCapabilities") == values(unit, "CapabilityBoundingSet") == ["CAP_NET_RAW"]
    assert values(unit, "User") == ["campuswatch"]


def test_no_service_may_write_the_kernel_cache(root: Path) -> None:
    """CacheDirectory would make the service's account its owner; only the warm, which is root, has one."""
    for name in SERVICES:
        unit = root / "systemd" / name
        assert values(unit, "ProtectSystem") == ["strict"]
        assert values(unit, "ReadWritePaths") == []
        if values(unit, "CacheDirectory"):
            assert values(unit, "User") == []
    for name in CAPTURES:
        assert "CAMPUSWATCH_KERNEL_CACHE=/var/cache/campuswatch/kernels" in values(
            root / "systemd" / name, "Environment"
        )


@systemd
@pytest.mark.skipif(shutil.which("systemd-sysusers") is None, reason="no systemd-sysusers")
def test_account_and_folders_are_made(root: Path, tmp_path: Path) -> None:
    for tool, folder in (("systemd-sysusers", "sysusers.d"), ("systemd-tmpfiles", "tmpfiles.d")):
        (tmp_path / "etc").mkdir(exist_ok=True)
        extra = ["--create"] if tool == "systemd-tmpfiles" else []
        file = root / "systemd" / folder / "campuswatch.conf"
        done = subprocess.run(
            [tool, f"--root={tmp_path}", *extra, "-"],
            input=file.read_text(), capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
    account = (tmp_path / "etc" / "passwd").read_text()
    assert re.search(r"^campuswatch:.*:/var/lib/campuswatch:/usr/sbin/nologin$", account, re.MULTILINE)
    cache = tmp_path / "var" / "cache" / "campuswatch" / "kernels"
    assert cache.stat().st_mode & 0o777 == 0o755
