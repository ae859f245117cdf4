"""How little room on a disk is too little: for the doctor, and for the daemon's health."""

from __future__ import annotations

_LEAST_FREE_BYTES, _LEAST_FREE_SHARE = 1 << 30, 0.05


def least_free_bytes(size_bytes: int) -> int:
    """What has to stay free on a disk of this size: 1 GiB, or a twentieth of a large one."""
    return max(_LEAST_FREE_BYTES, int(_LEAST_FREE_SHARE * size_bytes))
