"""Larger tables are taken only where they fit."""

from __future__ import annotations

from pathlib import Path

import pytest

from monitor.config.config import Capture, Config, Flows
from monitor.config.config_file import ConfigError
from monitor.daemon.memory_room import available_bytes, refuse_what_does_not_fit

_GIB = 1 << 30


def config(max_flows: int, workers: int = 2) -> Config:
    return Config(flows=Flows(max_flows=max_flows), capture=Capture(workers=workers))


def machine(folder: Path, available_kib: int, **group: str) -> dict[str, Path]:
    """Files as the kernel has them: memory of the machine, and what a control group says."""
    proc, groups = folder / "proc", folder / "cgroup"
    (proc / "self").mkdir(parents=True)
    (proc / "meminfo").write_text(f"MemTotal: 99 kB\nMemAvailable:   {available_kib} kB\n")
    (proc / "self" / "cgroup").write_text("0::/system.slice/campuswatch.service\n")
    own = groups / "system.slice" / "campuswatch.service"
    own.mkdir(parents=True)
    for name, text in group.items():
        (own / f"memory.{name}").write_text(text)
    return {"proc": proc, "groups": groups}


def test_growth_is_held_against_what_is_available() -> None:
    small, large = config(1 << 18), config(1 << 22)  # 3,932,160 flows more, twice, 900 bytes each
    refuse_what_does_not_fit(small, large, 7 * _GIB)
    with pytest.raises(ConfigError, match="6750 MiB more, and 6144 MiB are available"):
        refuse_what_does_not_fit(small, large, 6 * _GIB)
    refuse_what_does_not_fit(large, small, 0)
    refuse_what_does_not_fit(small, large, None)


def test_the_machine_bounds_it_and_so_does_the_service(tmp_path: Path) -> None:
    limited = {"max": str(4 * _GIB), "current": str(3 * _GIB), "stat": f"anon 5\ninactive_file {_GIB // 2}\n"}
    assert available_bytes(**machine(tmp_path / "a", 8 << 20, **limited)) == 3 * _GIB // 2
    assert available_bytes(**machine(tmp_path / "b", 1 << 20, **limited)) == _GIB
    assert available_bytes(**machine(tmp_path / "c", 8 << 20, max="max", current="5")) == 8 * _GIB
    assert available_bytes(tmp_path / "none", tmp_path / "none") is None
