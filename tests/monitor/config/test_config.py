"""The configuration: what it refuses, and with which words."""

from __future__ import annotations

import subprocess
import sys
from ipaddress import ip_address
from pathlib import Path

import numpy as np
import pytest

from detectors.forest.host_groups import GROUPS
from detectors.forest.host_groups import HostGroups as HostBehaviour
from detectors.host_memory import HostMemory
from monitor.config.config import HostGroups
from monitor.config.config_file import ConfigError, load, show
from monitor.pipeline.stages import settings_from


def test_the_shipped_file_stands_at_the_defaults(root: Path) -> None:
    assert load(root / "configs" / "campuswatch.yaml") == load(None)


def test_what_is_shown_can_be_loaded(tmp_path: Path) -> None:
    path = tmp_path / "shown.yaml"
    path.write_text(show(load(None)))
    assert load(path) == load(None)


def test_relative_paths_start_at_the_file(tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    path.write_text("privacy: {key_file: k}\ncatalogue: {paths: [lists, /etc/lists]}\n")
    config = load(path)
    assert config.privacy.key_file == tmp_path / "k"
    assert config.catalogue.paths == (tmp_path / "lists", Path("/etc/lists"))


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("campus:\n  netwoks: []\n", "2: campus.netwoks: unknown key; did you mean `networks`?"),
        ("flow: {}\n", "1: flow: unknown key; did you mean `flows`?"),
        ("\nflows:\n  max_flows: many\n", "3: flows.max_flows: Input should be a valid integer"),
        ("flows: {vlan: inner}\n", "1: flows.vlan: Input should be 'ignore', 'outer' or 'full'"),
        (
            "campus:\n  networks:\n    - 10.0.0.0/8\n    - 10.0.0.1/8\n",
            "4: campus.networks.1: 10.0.0.1/8 is no network",
        ),
        ("campus: {timezone: Mars/Base}\n", "1: campus.timezone: 'Mars/Base' is no time zone"),
        ("campus: {id: a, id: b}\n", "1: campus.id: stands twice"),
        ("- 1\n", "1: the file: "),
        ("a: [\n", "2: not YAML: "),
        ("campus: &a {id: *a}\n", "1: nested too deeply"),
        ("metrics: {port: 65536}\n", "1: metrics.port: Input should be less than or equal to 65535"),
        (
            "anomaly:\n  host_groups:\n    server: [10.0.0.1]\n",
            "3: anomaly.host_groups.server: unknown key; did you mean `servers`?",
        ),
        (
            "anomaly:\n  host_groups:\n    things: [10.0.0.9/24]\n",
            "3: anomaly.host_groups.things.0: 10.0.0.9/24 is no network",
        ),
        (
            "anomaly:\n  host_groups: {things: [10.0.0.1], servers: [10.0.0.1/32]}\n",
            "2: anomaly.host_groups: 10.0.0.1/32 is in servers and in things; leave it in one",
        ),
        ("metrics: !!python/object/apply:os.getcwd []\n", "1: "),
    ],
)
def test_errors_name_line_and_key(tmp_path: Path, text: str, error: str) -> None:
    path = tmp_path / "c.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError) as raised:
        load(path)
    assert any(line.startswith(f"{path}:{error}") for line in raised.value.lines), raised.value.lines


def test_the_narrowest_network_tells_a_host_s_group(tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    path.write_text(
        "anomaly: {host_groups: {clients: [10.0.0.0/8], servers: [10.9.0.0/16, fd00::8], things: [10.9.0.7]}}"
    )
    settings = settings_from(load(path), pseudonymise=False).detectors
    memory = HostMemory(HostBehaviour.COLUMNS, max_hosts=8)
    groups = HostBehaviour(memory, settings.host_groups)
    hosts = ["10.1.1.1", "10.9.1.1", "10.9.0.7", "fd00::8", "192.168.0.1"]
    numbers = [int(ip_address(host)) for host in hosts]
    lo = np.array([n & (2**64 - 1) if n >= 2**32 else n | 0xFFFF << 32 for n in numbers], np.uint64)
    hi = np.array([n >> 64 for n in numbers], np.uint64)
    told = groups.of(memory.rows_of(hi, lo, now_ns=0), hi, lo)
    assert [GROUPS[each] for each in told.tolist()] == ["clients", "servers", "things", "servers", "clients"]


def test_the_groups_are_those_of_the_detectors() -> None:
    """The configuration is read without NumPy, so it names them itself."""
    assert tuple(HostGroups.model_fields) == GROUPS


def test_all_errors_are_told_at_once(tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    path.write_text("campus: {id: A}\nflows: {max_flows: 0}\nfoo: 1\n")
    with pytest.raises(ConfigError) as raised:
        load(path)
    assert len(raised.value.lines) == 3


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"none\.yaml: cannot be read: No such file"):
        load(tmp_path / "none.yaml")


def test_bytes_that_are_no_text(tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    path.write_bytes(b"campus: {id: \xff}\n")
    with pytest.raises(ConfigError, match="1: not YAML"):
        load(path)


@pytest.mark.parametrize("line", ["campus: {id: 1, timezone: x}", "campus: {id: A}\nmetrics: {port: -1}"])
def test_each_error_says_what_would_be_right(tmp_path: Path, line: str) -> None:
    path = tmp_path / "c.yaml"
    path.write_text(line)
    with pytest.raises(ConfigError) as raised:
        load(path)
    assert len(raised.value.lines) == 2
    assert all("default: " in told for told in raised.value.lines)


def test_errors_of_the_text_and_of_the_values_come_together(tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    path.write_text("campus: {id: a, id: b}\nflows:\n  max_flow: 1\ninclude: [gone.yaml]\n")
    with pytest.raises(ConfigError) as raised:
        load(path)
    assert [line.partition(": ")[2].partition(":")[0] for line in raised.value.lines] == [
        "campus.id",
        "cannot be read",
        "flows.max_flow",
    ]


def test_the_configuration_loads_without_numpy() -> None:
    """The process that keeps a capability reads it."""
    code = (
        "import sys; from monitor.config import config_file;"
        " config_file.load(None); print('numpy' in sys.modules)"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout == "False\n"
