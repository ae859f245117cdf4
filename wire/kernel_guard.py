"""What the environment may not turn off."""

from __future__ import annotations

import os

_FORBIDDEN = {"NUMBA_BOUNDSCHECK": "0", "NUMBA_DISABLE_JIT": "1"}


class UnsafeEnvironment(RuntimeError):
    """The environment turns bounds checks or compilation off; the program refuses to start."""


def refuse_unsafe_environment() -> None:
    """Raise UnsafeEnvironment when a variable turns bounds checks or compilation off."""
    for variable, value in _FORBIDDEN.items():
        if os.environ.get(variable) == value:
            raise UnsafeEnvironment(
                f"{variable}={value} turns off the guards of compiled code; unset it"
            )
