"""A progress bar on a terminal, nothing elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from wire.capture.files import CaptureReader


@contextmanager
def progress_of(reader: CaptureReader) -> Iterator[Callable[[int], None]]:
    """A function to call after every block; draws how much of the reader's files is behind us."""
    if not sys.stderr.isatty():
        yield lambda clock_ns: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeElapsedColumn

    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TextColumn("{task.fields[packets]} 包 packets"),
        TimeElapsedColumn(),
        console=Console(stderr=True),
        transient=True,
    )
    with bar:
        task = bar.add_task("读取 reading", total=reader.bytes_total, packets="0")

        def advance(clock_ns: int) -> None:
            bar.update(task, completed=reader.bytes_read, packets=f"{reader.frames_read:,}")

        yield advance
