"""Does the network card merge frames (GRO, LRO), so that sizes are not those of the wire?"""

from __future__ import annotations

from monitor.doctor.check import GOOD, UNKNOWN, WARN, Check
from wire.capture.errors import CaptureError
from wire.capture.offloads import RECEIVE_OFFLOADS, offloads


def merging(interface: str) -> Check:
    """Offloads of frames that come in."""
    name = f"offloads {interface}"
    try:
        found = offloads(interface)
    except CaptureError:
        return Check(name, UNKNOWN, "接口不存在，未检查", "no such interface; not checked")
    on = [each for each in RECEIVE_OFFLOADS if found[each]]
    if not on:
        return Check(name, GOOD, f"{interface} 不合并收到的帧", f"{interface} merges no frames", seen=found)
    told, off = ", ".join(on), " ".join(f"{each} off" for each in on)
    return Check(
        name,
        WARN,
        f"{interface} 合并收到的帧（{told}）：包数与包长不是线上的值",
        f"{interface} merges frames that come in ({told}): sizes and counts are not those of the wire",
        f"ethtool -K {interface} {off}",
        f"ethtool -K {interface} {off}",
        found,
    )
