"""What is dead: Python looks for cycles seldom while imports make a million objects that stay; and what
is free between things that are kept goes back to the system."""

from __future__ import annotations

import ctypes
import gc

#: Of new containers that are still there. Python's own 700 costs a start half a second of searching.
_WHILE_STARTING = (100_000, 20, 100)
_USUAL = gc.get_threshold()
#: So often a process that stays gives free pages back.
GIVE_BACK_SECONDS = 60.0


def look_seldom() -> None:
    """For a start, and for a command that soon ends."""
    gc.set_threshold(*_WHILE_STARTING)


def look_as_usual() -> None:
    """For a process that stays: what is there by now stays, too, and is not searched again."""
    gc.freeze()
    gc.set_threshold(*_USUAL)


def look_no_more() -> None:
    """For a process that ends: the interpreter would search all that is left before it lets go of it."""
    gc.freeze()


def give_back() -> None:
    """Return the free pages of the heap, in which what lives long lies scattered; 11 ms for 200 MB.

    glibc alone does this; elsewhere nothing happens.
    """
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
