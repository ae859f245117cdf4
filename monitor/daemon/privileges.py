"""What a process may do. Linux capabilities are a thread's own, so they are given up while there is
one thread: before NumPy is imported, whose threads would keep what they had.
"""

from __future__ import annotations

import ctypes
import os

CAP_NET_RAW = 13
_CAP_SETPCAP = 8
_LAST_CAPABILITY_FILE = "/proc/sys/kernel/cap_last_cap"
_VERSION_3 = 0x20080522  # linux/capability.h: two words of 32 bits a set
# linux/prctl.h
_PR_CAPBSET_DROP = 24
_PR_SET_NO_NEW_PRIVS = 38
_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_CLEAR_ALL = 47, 4


class PrivilegeError(Exception):
    """The process could not give up what it must; it does not go on."""


class _Header(ctypes.Structure):
    _fields_ = (("version", ctypes.c_uint32), ("pid", ctypes.c_int))


class _Word(ctypes.Structure):
    _fields_ = (
        ("effective", ctypes.c_uint32),
        ("permitted", ctypes.c_uint32),
        ("inheritable", ctypes.c_uint32),
    )


_libc = ctypes.CDLL(None, use_errno=True)


def keep_only(*kept: int) -> None:
    """Give up every capability but `kept` (numbers) for good, for this process and all it starts.

    What the process does not hold it does not gain. `no_new_privs` is set first: without it a
    program started by root would have everything again (capabilities(7)). Raises PrivilegeError.
    """
    if len(os.listdir("/proc/self/task")) != 1:
        raise PrivilegeError("capabilities are given up too late: there are threads that would keep them")
    _prctl(_PR_SET_NO_NEW_PRIVS, 1)
    _prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_CLEAR_ALL)
    effective, permitted = _held()
    if effective >> _CAP_SETPCAP & 1:
        for capability in range(_last_capability() + 1):
            if capability not in kept:
                _prctl(_PR_CAPBSET_DROP, capability)
    _hold(permitted & sum(1 << capability for capability in set(kept)))


def holds(capability: int) -> bool:
    """Whether this thread may use a capability now."""
    return bool(_held()[0] >> capability & 1)


def _held() -> tuple[int, int]:
    """Effective and permitted capabilities, as bits."""
    words = (_Word * 2)()
    _check(_libc.capget(ctypes.byref(_Header(_VERSION_3, 0)), words), "capget")
    return (
        words[0].effective | words[1].effective << 32,
        words[0].permitted | words[1].permitted << 32,
    )


def _hold(capabilities: int) -> None:
    """Permitted and effective: these; inheritable: none."""
    halves = (capabilities & 0xFFFFFFFF, capabilities >> 32)
    words = (_Word * 2)(*(_Word(half, half, 0) for half in halves))
    _check(_libc.capset(ctypes.byref(_Header(_VERSION_3, 0)), words), "capset")


def _prctl(option: int, value: int) -> None:
    zero = ctypes.c_ulong(0)
    _check(_libc.prctl(option, ctypes.c_ulong(value), zero, zero, zero), f"prctl {option}")


def _check(result: int, what: str) -> None:
    if result != 0:
        raise PrivilegeError(f"{what}: {os.strerror(ctypes.get_errno())}")


def _last_capability() -> int:
    with open(_LAST_CAPABILITY_FILE, encoding="ascii") as file:
        return int(file.read())
