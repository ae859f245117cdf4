"""When Python looks for cycles of dead objects: seldom while imports make a million that stay."""

from __future__ import annotations

import gc

#: Of new containers that are still there. Python's own 700 costs a start half a second of searching.
_WHILE_STARTING = (100_000, 20, 100)
_USUAL = gc.get_threshold()


def look_seldom() -> None:
    """For a start, and for a command that soon ends."""
    gc.set_threshold(*_WHILE_STARTING)


def look_as_usual() -> None:
    """For a process that stays: what is there by now stays, too, and is not searched again."""
    gc.freeze()
    gc.set_threshold(*_USUAL)
