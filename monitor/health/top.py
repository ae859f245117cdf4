"""`campuswatch top`: the running daemon in the terminal, once a second."""

from __future__ import annotations

import os
import select
import sys
import termios
import time
import tty
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from detectors.catalogue.categories import CATEGORY_WORDS
from monitor.config import config_file
from monitor.errors import WHOLE, CommandEnd
from monitor.health.inspection import Inspection, inspect
from monitor.health.status import figures, verdict

_ROWS = 12
_BAR = 24


def top(config_path: Path | None, seconds: float, count: int) -> int:
    """Look until `q`, Ctrl-C, or `count` looks (0: no end). Raises CommandEnd where no daemon runs.

    A daemon that restarts meanwhile is waited for.
    """
    config = config_file.load(config_path)
    before, looks = inspect(config), 0
    then = time.monotonic()
    console = Console(highlight=False)
    screen = _screen(before, before, 0.0)
    with (
        Live(screen, console=console, auto_refresh=False, screen=console.is_terminal) as live,
        _keys() as quit_within,
    ):
        while not quit_within(seconds):
            try:
                seen = inspect(config)
            except CommandEnd as gone:
                live.update(Text(gone.message, "red"), refresh=True)
                continue
            now = time.monotonic()
            live.update(_screen(seen, before, now - then), refresh=True)
            before, then, looks = seen, now, looks + 1
            if looks == count:
                break
    return WHOLE


def _screen(seen: Inspection, before: Inspection, seconds: float) -> RenderableType:
    return Group(verdict(seen), _figures(seen), _categories(seen, before, seconds), _services(seen, before))


def _figures(seen: Inspection) -> Table:
    table = Table(box=None, pad_edge=False, show_header=False)
    for _ in range(4):
        table.add_column()
    cells = [cell for name, value in figures(seen).items() for cell in (name, value)]
    for at in range(0, len(cells), 4):
        table.add_row(*cells[at : at + 4])
    return table


def _categories(seen: Inspection, before: Inspection, seconds: float) -> Table:
    """Bits a second by category, since the last look."""
    table = Table(box=None, pad_edge=False)
    table.add_column("类别 category")
    table.add_column("Mbit/s", justify="right")
    table.add_column("")
    rates = {}
    for category in CATEGORY_WORDS:
        more = sum(
            seen.series.get(key, 0.0) - before.series.get(key, 0.0)
            for key in (("classified_bytes_total", category, way) for way in ("c2s", "s2c"))
        )
        rates[category] = max(more, 0.0) * 8e-6 / seconds if seconds else 0.0
    most = max(rates.values()) or 1.0
    for category, rate in rates.items():
        bar = "█" * round(_BAR * rate / most)
        table.add_row(f"{CATEGORY_WORDS[category]} {category}", f"{rate:,.2f}", bar)
    return table


def _services(seen: Inspection, before: Inspection) -> Table:
    """The services with most bytes since the last look, then since the start."""
    table = Table(box=None, pad_edge=False)
    table.add_column("服务 service")
    table.add_column("新增 new MB", justify="right")
    table.add_column("共计 total MB", justify="right")
    now, then = seen.by_label("service_bytes_total"), before.by_label("service_bytes_total")
    order = sorted(now, key=lambda name: (now[name] - then.get(name, 0.0), now[name]), reverse=True)
    for name in [name for name in order if now[name]][:_ROWS]:
        table.add_row(name, f"{(now[name] - then.get(name, 0.0)) / 1e6:,.2f}", f"{now[name] / 1e6:,.1f}")
    return table


@contextmanager
def _keys() -> Iterator:  # type: ignore[type-arg]
    """A function that waits, and says whether `q` was pressed meanwhile; of a terminal or of none."""
    if not sys.stdin.isatty():
        yield lambda seconds: time.sleep(seconds)
        return
    descriptor = sys.stdin.fileno()
    earlier = termios.tcgetattr(descriptor)

    def quit_within(seconds: float) -> bool:
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            if select.select([descriptor], [], [], left)[0] and os.read(descriptor, 1) in (b"q", b"Q", b""):
                return True
        return False

    tty.setcbreak(descriptor, termios.TCSADRAIN)
    try:
        yield quit_within
    finally:
        termios.tcsetattr(descriptor, termios.TCSADRAIN, earlier)
