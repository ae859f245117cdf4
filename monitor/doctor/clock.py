"""Is the system's clock right? Packets are stamped by it; windows, curfews and reports follow."""

from __future__ import annotations

import ctypes
import time

from monitor.doctor.check import BAD, GOOD, UNKNOWN, WARN, Check
from wire.capture.ring import now_ns

_STA_UNSYNC, _TIME_ERROR = 0x0040, 5  # linux/timex.h
_TIMEX_BYTES, _STATUS_AT = 208, 40  # struct timex of 64-bit Linux
_FIRST_RELEASE_NS = 1_760_000_000_000_000_000  # no clock can be right that says less
_JUMP_NS = 100_000_000


def offset_ns() -> int:
    """The system's clock against one that nobody sets; a step between two calls is a jump."""
    return now_ns() - time.monotonic_ns()


def clock(offset_before_ns: int) -> Check:
    """Synchronised? Stepped since `offset_before_ns` was taken?"""
    jump = offset_ns() - offset_before_ns
    seen: dict[str, object] = {"jump_ms": round(jump / 1e6, 3)}
    if now_ns() < _FIRST_RELEASE_NS:
        remedy = ("设置时间并启用 NTP：timedatectl set-ntp true", "set it; then timedatectl set-ntp true")
        return Check("clock", BAD, "系统时间早于本软件", "the clock is behind the software", *remedy, seen)
    if abs(jump) > _JUMP_NS:
        remedy = ("用 chrony 缓慢校时，不要 ntpdate", "let chrony slew it; do not step it with ntpdate")
        told = f"{jump / 1e9:+.2f} s"
        return Check(
            "clock", WARN, f"检查期间时钟跳变 {told}", f"the clock stepped by {told} meanwhile", *remedy, seen
        )
    synchronised = _synchronised()
    if synchronised is None:
        return Check("clock", UNKNOWN, "内核不告知是否同步", "the kernel does not say", seen=seen)
    seen["synchronised"] = synchronised
    if not synchronised:
        remedy = ("启用 NTP：timedatectl set-ntp true", "turn NTP on: timedatectl set-ntp true")
        return Check("clock", WARN, "时钟未与时间源同步", "the clock is not synchronised", *remedy, seen)
    return Check("clock", GOOD, "时钟已同步", "the clock is synchronised", seen=seen)


def _synchronised() -> bool | None:
    """adjtimex(2), only reading."""
    buffer = ctypes.create_string_buffer(_TIMEX_BYTES)
    state = ctypes.CDLL(None, use_errno=True).adjtimex(buffer)
    if state < 0:
        return None
    status = int.from_bytes(buffer.raw[_STATUS_AT : _STATUS_AT + 4], "little")
    return state != _TIME_ERROR and not status & _STA_UNSYNC
