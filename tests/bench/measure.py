"""One measured run of one tool: its seconds, its CPU seconds, its peak memory."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PEERS = ROOT / "tests" / "bench" / "peers"
#: The command of this very checkout, whether installed or not (run_once starts it in the tool's folder).
CAMPUSWATCH = (sys.executable, "-c", "from monitor.cli import main; main()")
EARLIER = "earlier tree"
PAGE_KIB = os.sysconf("SC_PAGE_SIZE") // 1024
_TICKS_A_SECOND = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Run:
    """Seconds from start to end, CPU seconds of all its processes, peak resident memory, and what it found.

    `peak_kib` is the sum over the tool's processes at the worst moment; `anonymous_kib` leaves out
    pages of the mapped capture, which the kernel may drop at any time.
    """

    seconds: float
    cpu_seconds: float
    peak_kib: int
    anonymous_kib: int
    flows: int
    named: int


@dataclass(frozen=True, slots=True)
class Tool:
    """A tool under measurement: its command for a capture and how to read flows and names from its output.

    folder: where it is started, which says of which checkout `campuswatch` is.
    """

    name: str
    command: Callable[[Path, Path], list[str]]
    found: Callable[[str, Path], tuple[int, int]]
    folder: Path = ROOT


def _pair(text: str, _: Path) -> tuple[int, int]:
    match = re.search(r"flows=(\d+) named=(\d+)", text)
    if match is None:
        raise RuntimeError(f"no count in the tool's output: {text[-500:]!r}")
    return int(match[1]), int(match[2])


def _ndpi(text: str, out: Path) -> tuple[int, int]:
    match = re.search(r"Unique flows:\s+(\d+)", text)
    return (int(match[1]) if match else 0), 0


def _campuswatch(_: str, out: Path) -> tuple[int, int]:
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    table = pq.read_table(out / "flows.parquet", columns=["name", "dns_query", "checkpoint"])
    ended = table.filter(pc.invert(table["checkpoint"]))
    queries = pc.fill_null(pc.list_value_length(ended["dns_query"]), 0)
    named = pc.or_(pc.is_valid(ended["name"]), pc.greater(queries, 0))
    return ended.num_rows, int(pc.sum(named).as_py() or 0)


def _replay(capture: Path, out: Path) -> list[str]:
    return [*CAMPUSWATCH, "replay", str(capture), "--out", str(out), "--format", "json"]


def earlier_tree(checkout: Path) -> Tool:
    """campuswatch as another checkout has it."""
    return Tool(EARLIER, _replay, _campuswatch, checkout.resolve())


def tools(nfstream_python: Path | None, wanted: list[str]) -> list[Tool]:
    """The tools that are wanted and installed."""
    found = [
        Tool("campuswatch", _replay, _campuswatch),
        Tool(
            "nfstream",
            lambda capture, out: [str(nfstream_python), str(PEERS / "nfstream_loop.py"), str(capture)],
            _pair,
        ),
        # Quiet, it prints nothing at all; -q only drops the listing of flows when -v asks for one.
        Tool("ndpiReader", lambda capture, out: ["ndpiReader", "-i", str(capture)], _ndpi),
        # Flow records are written in argus's own format and thrown away.
        Tool(
            "argus",
            lambda capture, out: ["argus", "-r", str(capture), "-w", "/dev/null"],
            lambda text, out: (0, 0),
        ),
        Tool(
            "argus+ra",
            lambda capture, out: ["sh", "-c", f"argus -r '{capture}' -w - | ra -n -r - | wc -l"],
            lambda text, out: (int(text.split()[-1]), 0),
        ),
        Tool(
            "dpkt loop",
            lambda capture, out: [sys.executable, str(PEERS / "dpkt_loop.py"), str(capture)],
            _pair,
        ),
    ]  # fmt: skip
    absent = {
        "nfstream": nfstream_python is None or not nfstream_python.exists(),
        "ndpiReader": shutil.which("ndpiReader") is None,
        "argus": shutil.which("argus") is None,
        "argus+ra": shutil.which("argus") is None or shutil.which("ra") is None,
    }
    return [tool for tool in found if tool.name in wanted and not absent.get(tool.name, False)]


def tree(root: int) -> list[int]:
    """The process and its descendants, by the kernel's own list of children."""
    found, at = [root], 0
    while at < len(found):
        try:
            for task in Path(f"/proc/{found[at]}/task").iterdir():
                found += [int(child) for child in (task / "children").read_text().split()]
        except OSError:
            pass
        at += 1
    return found


def resident_kib(process: int) -> tuple[int, int]:
    """(resident, of it anonymous) KiB of one process now; (0, 0) when it is gone."""
    try:
        fields = Path(f"/proc/{process}/statm").read_text().split()
    except OSError:
        return 0, 0
    resident, shared = int(fields[1]) * PAGE_KIB, int(fields[2]) * PAGE_KIB
    return resident, resident - shared


def pss_kib(process: int, apart: str = "") -> tuple[int, int]:
    """KiB of PSS of a process: without the mappings whose line holds `apart`, and of these."""
    if not apart:
        text = Path(f"/proc/{process}/smaps_rollup").read_text()
        return int(next(line for line in text.splitlines() if line.startswith("Pss:")).split()[1]), 0
    rest = of_apart = 0
    is_apart = False
    for line in Path(f"/proc/{process}/smaps").read_text().splitlines():
        word = line.split()
        if not word[0].endswith(":"):  # the line that a mapping begins with
            is_apart = apart in line
        elif word[0] == "Pss:":
            rest, of_apart = (rest, of_apart + int(word[1])) if is_apart else (rest + int(word[1]), of_apart)
    return rest, of_apart


def kept_kib(process: int) -> int:
    """KiB that a process keeps of its own, its share of what it shares: without pages of files.

    Those of libraries count less, the more other processes have them mapped.
    """
    text = Path(f"/proc/{process}/smaps_rollup").read_text()
    sizes = dict(line.split(":", 1) for line in text.splitlines()[1:])
    return sum(int(sizes[name].split()[0]) for name in ("Pss_Anon", "Pss_Shmem"))


def cpu_seconds(process: int) -> float:
    """What the threads of a process have spent."""
    fields = Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS_A_SECOND


class _Memory(threading.Thread):
    """Watches a process and its children every 20 ms."""

    def __init__(self, process: int) -> None:
        super().__init__(daemon=True)
        self._process = process
        self.over = threading.Event()
        self.peak_kib = self.anonymous_kib = 0

    def run(self) -> None:
        while not self.over.wait(0.02):
            sizes = [resident_kib(process) for process in tree(self._process)]
            self.peak_kib = max(self.peak_kib, sum(size for size, _ in sizes))
            self.anonymous_kib = max(self.anonymous_kib, sum(size for _, size in sizes))


def run_once(tool: Tool, capture: Path, cores: str) -> Run:
    """Run the tool on the capture, held to `cores`. Raises RuntimeError when it fails."""
    with tempfile.TemporaryDirectory(prefix="campuswatch-bench-") as folder:
        out = Path(folder) / "out"
        command = ["taskset", "-c", cores, *tool.command(capture, out)]
        before = os.times()
        started = time.perf_counter()
        process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=tool.folder
        )
        memory = _Memory(process.pid)
        memory.start()
        output, errors = process.communicate()
        seconds = time.perf_counter() - started
        memory.over.set()
        memory.join()
        after = os.times()
        if process.returncode != 0:
            raise RuntimeError(f"{tool.name} failed ({process.returncode}): {errors[-2000:]}")
        flows, named = tool.found(output, out)
        cpu = after.children_user + after.children_system - before.children_user - before.children_system
        return Run(seconds, cpu, memory.peak_kib, memory.anonymous_kib, flows, named)


def read_through(capture: Path) -> None:
    """Bring the capture into the page cache: machines drop pages that nobody reads for a while."""
    with capture.open("rb", buffering=0) as file:
        buffer = bytearray(1 << 22)
        while file.readinto(buffer):
            pass


def truth(capture: Path) -> dict[str, int]:
    """What the generator put into the capture."""
    loaded: dict[str, int] = json.loads(
        capture.with_suffix(capture.suffix + ".json").read_text(encoding="utf-8")
    )
    return loaded
