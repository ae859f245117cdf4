"""Whether larger tables fit into memory before a running daemon takes them."""

from __future__ import annotations

from pathlib import Path

from monitor.config.config import Config
from monitor.config.config_file import ConfigError

#: What an open flow takes in all tables of a worker and its share of analysis (docs/performance.md).
_BYTES_A_FLOW = 900
#: Of a string beside its text: hash, place, slots; of an answer in its two maps.
_BYTES_A_STRING, _BYTES_AN_ANSWER = 33, 120
_MIB = 1 << 20


def table_bytes(config: Config) -> int:
    """What the tables of flows and names take when they are full, in all workers and analysis."""
    names, workers = config.names, config.capture.workers
    strings = names.max_string_bytes + _BYTES_A_STRING * names.max_strings
    answers = _BYTES_AN_ANSWER * names.max_answers
    return workers * _BYTES_A_FLOW * config.flows.max_flows + (workers + 1) * strings + answers


def refuse_what_does_not_fit(current: Config, config: Config, available_bytes: int | None) -> None:
    """Raises ConfigError where tables grow by more than there is. None: nobody knows how much that is."""
    more = table_bytes(config) - table_bytes(current)
    if available_bytes is not None and more > max(available_bytes, 0):
        raise ConfigError(
            [
                f"flows, names: 内存不足，表将多占 {more // _MIB} MiB，可用 {available_bytes // _MIB} MiB; "
                f"tables would take {more // _MIB} MiB more, and {available_bytes // _MIB} MiB are available"
            ]
        )


def available_bytes(proc: Path = Path("/proc"), groups: Path = Path("/sys/fs/cgroup")) -> int | None:
    """What this process and its children may still take: of the machine, and of their control group."""
    of_machine = [
        int(line.split()[1]) * 1024 for line in _lines(proc / "meminfo") if line.startswith("MemAvailable:")
    ]
    own = [line.removeprefix("0::").lstrip("/") for line in _lines(proc / "self/cgroup") if line[:3] == "0::"]
    of_groups = [left for each in own[:1] if (left := _left_in(groups / each)) is not None]
    return min([*of_machine, *of_groups], default=None)


def _left_in(group: Path) -> int | None:
    """Bytes below a control group's limit; pages of files would make room. None: there is no limit."""
    limit, current = ("".join(_lines(group / f"memory.{name}")) for name in ("max", "current"))
    if not limit.isdigit() or not current.isdigit():
        return None
    files = [int(line.split()[1]) for line in _lines(group / "memory.stat") if line[:14] == "inactive_file "]
    return int(limit) - int(current) + sum(files)


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="ascii").splitlines()
    except OSError:
        return []
