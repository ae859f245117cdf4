"""A warm calls, with what they are called with, the kernels that no replayed capture calls."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

_CALLED_BY_A_DAEMON = {
    "pass_time", "meet_events", "learn_facts", "note_rows", "end_wholes", "drop_parts", "drop_keys",
    "join_deltas", "join_rows", "whole_facts",
}  # fmt: skip
_CALL = """
from monitor.kernels import warm
warm._compile_flows_and_quic()
warm._compile_halves()
from wire.kernel import KERNELS
print(*(kernel.py_func.__name__ for kernel in KERNELS if kernel.signatures))
"""


def test_what_only_a_daemon_calls_is_compiled(root: Path) -> None:
    ran = subprocess.run([sys.executable, "-c", _CALL], capture_output=True, text=True, check=True, cwd=root)
    assert set(ran.stdout.split()) >= _CALLED_BY_A_DAEMON
