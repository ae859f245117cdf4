"""`campuswatch warm`: every kernel compiled and kept on disk, so that capturing starts at once."""

from __future__ import annotations

import os
import tempfile
import time
from pathlib import Path

import typer

_SYSTEM_BASE = Path("/var/cache/campuswatch/kernels")


def warm() -> int:
    """Replay the shipped captures, which between them call every kernel; tell where and how long."""
    if os.geteuid() == 0:  # what root compiles serves every user; before the first kernel is imported
        os.environ.setdefault("CAMPUSWATCH_KERNEL_CACHE", str(_SYSTEM_BASE))
    from monitor import config_file
    from monitor.session import Session
    from monitor.shipped import shipped
    from wire.capture.errors import CaptureError
    from wire.capture.files import open_captures
    from wire.kernel import KERNELS
    from wire.kernel_cache import cache_directory

    started = time.monotonic()
    for path in sorted(shipped("pcaps").glob("*.pcap*")):
        with tempfile.TemporaryDirectory(prefix="campuswatch-warm-") as folder:
            try:
                with open_captures([path]) as reader:
                    session = Session(reader, config_file.load(None), Path(folder), pseudonymise=False)
                    session.carry(reader, lambda clock_ns: None)
                    session.publish()
            except CaptureError:
                continue  # some captures are there to be refused
    compiled = sum(bool(kernel.signatures) for kernel in KERNELS)
    seconds = time.monotonic() - started
    typer.echo(f"{compiled} 个内核 kernels: {cache_directory()} ({seconds:.1f} s)")
    return 0
