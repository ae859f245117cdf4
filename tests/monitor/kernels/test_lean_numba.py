"""A process that works with kernels has no linear algebra in it, and can still have it afterwards."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

_TELL = """
import json, sys
from monitor.kernels import lean_numba
lean_numba.import_lean()
from wire.names.strings import StringTable
strings = StringTable(10, 100)
strings.add(b"a.example")
before = "scipy.linalg" in sys.modules
from numba.np import linalg
linalg.ensure_blas()
print(json.dumps([before, "scipy.linalg" in sys.modules]))
"""


def test_kernels_load_without_linear_algebra(root: Path) -> None:
    command = [sys.executable, "-c", _TELL]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=True, timeout=300)
    assert json.loads(done.stdout) == [False, True]
