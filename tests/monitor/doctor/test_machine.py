"""Checks of the machine, each against a real state of it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from monitor.config.config import Config
from monitor.doctor.ages import lists, model
from monitor.doctor.check import BAD, GOOD, UNKNOWN, WARN, Check
from monitor.doctor.clock import clock, offset_ns
from monitor.doctor.disk import disk
from monitor.doctor.examine import examine
from monitor.doctor.interface import interface
from monitor.doctor.kernels import kernels
from monitor.doctor.merging import merging
from monitor.doctor.privileges import privileges
from monitor.doctor.ring_memory import ring_memory
from monitor.kernels import kernel_folder
from tests.end_to_end.live_daemon import eventually
from tests.wire.capture.namespaces import ip, own_namespace, pair

DAY = 86_400


def is_sound(check: Check) -> Check:
    """What holds for every check: both languages, and a remedy exactly where something is to be done."""
    assert check.zh
    assert check.en
    assert bool(check.remedy_zh) == bool(check.remedy_en)
    assert bool(check.remedy_zh) or check.verdict in (GOOD, UNKNOWN)
    json.dumps(check.told())
    return check


def test_privileges_as_root_and_without() -> None:
    if os.geteuid() != 0:
        pytest.skip("needs root")
    assert is_sound(privileges()).verdict == GOOD
    code = (
        "from monitor.daemon.privileges import keep_only; keep_only()\n"
        "from monitor.doctor.privileges import privileges; print(privileges().verdict)"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout == f"{BAD}\n"


def test_interfaces() -> None:
    with own_namespace():
        pair("wire", "tap")
        assert is_sound(interface("tap", promiscuous=True)).verdict == GOOD
        assert is_sound(interface("tap", True, "not port 22")).verdict == GOOD
        assert is_sound(interface("tap", True, "not a filter")).verdict == BAD
        ip("link", "set", "wire", "down")
        # The kernel tells the other end of the lost carrier by and by.
        eventually(lambda: is_sound(interface("tap", promiscuous=True)).verdict == WARN, 10)
        assert is_sound(interface("wire", promiscuous=True)).verdict == BAD  # down


@pytest.mark.parametrize("name", ["nothing0", "../lo", "", ".."])
def test_an_interface_that_is_not_there(name: str) -> None:
    check = is_sound(interface(name, promiscuous=False))
    assert check.verdict == BAD
    assert "lo" in check.remedy_en


def test_offloads_as_ethtool_sets_them() -> None:
    if shutil.which("ethtool") is None:
        pytest.skip("no `ethtool`")
    with own_namespace():
        pair("wire", "tap")
        for state, verdict in (("on", WARN), ("off", GOOD)):
            subprocess.run(["ethtool", "-K", "tap", "gro", state], check=True)
            assert is_sound(merging("tap")).verdict == verdict
    assert is_sound(merging("nothing0")).verdict == UNKNOWN


@pytest.mark.parametrize(("ring_mib", "rings", "verdict"), [(16, 1, GOOD), (4, 1, WARN), (1 << 20, 64, BAD)])
def test_memory_of_rings(ring_mib: int, rings: int, verdict: str) -> None:
    assert is_sound(ring_memory(ring_mib, rings)).verdict == verdict


def test_a_clock_that_is_stepped_while_we_look() -> None:
    assert is_sound(clock(offset_ns())).seen["jump_ms"] == pytest.approx(0, abs=50)
    stepped = is_sound(clock(offset_ns() - 3_000_000_000))
    assert stepped.verdict == WARN
    assert "+3.00 s" in stepped.en


def test_disk(tmp_path: Path) -> None:
    assert is_sound(disk(tmp_path, 0.0)).verdict == GOOD
    assert is_sound(disk(tmp_path / "not" / "yet", 0.0)).verdict == GOOD
    assert is_sound(disk(tmp_path, 1e9)).verdict == WARN
    assert is_sound(disk(Path("/proc/campuswatch"), 0.0)).verdict == BAD


def test_ages(tmp_path: Path) -> None:
    for name in ("old", "new"):
        (tmp_path / f"{name}.yaml").write_text("")
    seconds = (tmp_path / "new.yaml").stat().st_mtime - 200 * DAY
    os.utime(tmp_path / "old.yaml", (seconds, seconds))
    old, new = tmp_path / "old.yaml", tmp_path / "new.yaml"
    assert is_sound(lists([tmp_path], [])).verdict == GOOD
    assert is_sound(lists([old], [])).verdict == WARN
    assert is_sound(lists([tmp_path], [tmp_path / "gone.csv"])).verdict == BAD
    assert is_sound(lists([tmp_path / "gone"], [])).verdict == BAD

    assert is_sound(model(new)).verdict == GOOD
    assert is_sound(model(old)).verdict == WARN
    assert is_sound(model(tmp_path / "gone.npz")).verdict == BAD
    assert is_sound(model(None)).verdict == UNKNOWN


def test_a_list_that_was_fetched_counts_as_young(tmp_path: Path) -> None:
    """What `catalogue update` writes is what the check's remedy asks for."""
    old = tmp_path / "catalogue.yaml"
    old.write_text("", encoding="utf-8")
    os.utime(old, (1, 1))
    config = Config.model_validate(
        {
            "catalogue": {
                "paths": [old],
                "lists": [
                    {"id": "a", "format": "plain", "category": "advertising", "url": "https://a.example/l"}
                ],
            },
            "state": {"directory": tmp_path},
        }
    )
    found = {check.name: check for check in examine(config, 0)}
    assert found["lists"].verdict == WARN
    fetched = tmp_path / "lists" / "a" / "current"
    fetched.parent.mkdir(parents=True)
    fetched.write_text("ads.example\n", encoding="utf-8")
    found = {check.name: check for check in examine(config, 0)}
    assert found["lists"].verdict == GOOD


def test_kernels_on_disk_or_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CAMPUSWATCH_KERNEL_CACHE", str(tmp_path))
    empty = is_sound(kernels())
    assert empty.verdict == WARN
    assert empty.seen["directory"] == str(tmp_path)
    kernel_folder.mark_whole(tmp_path)  # as a warm does when all is there
    assert is_sound(kernels()).verdict == GOOD
