"""Does the tap's interface exist, is it up, does it have a carrier, can it be promiscuous?"""

from __future__ import annotations

from pathlib import Path

from monitor.doctor.check import BAD, GOOD, WARN, Check
from wire.capture.errors import CaptureError
from wire.capture.packet_socket import SocketPlan, open_packet_socket

_SYS = Path("/sys/class/net")
_IFF_UP = 0x1
_FEW_BLOCKS = {"block_bytes": 1 << 16, "blocks": 4, "frame_timeout_ms": 10}


def interface(name: str, promiscuous: bool) -> Check:
    """The interface, and whether a packet socket opens on it as configured."""
    check = f"interface {name}"
    folder = _SYS / name
    if "/" in name or name in ("", ".", "..") or not folder.exists():
        known = ", ".join(sorted(path.name for path in _SYS.iterdir()))
        return Check(
            check,
            BAD,
            f"没有接口 {name}",
            f"there is no interface {name}",
            f"改配置 capture.interfaces；现有：{known}",
            f"set capture.interfaces to one of: {known}",
        )
    flags = int(_text(folder / "flags") or "0", 16)
    seen = {"operstate": _text(folder / "operstate"), "mtu": _text(folder / "mtu"), "flags": hex(flags)}
    if not flags & _IFF_UP:
        return Check(
            check,
            BAD,
            f"{name} 未启用",
            f"{name} is down",
            f"ip link set {name} up；并在网络配置中固定",
            f"ip link set {name} up, and make it last in the network's configuration",
            seen,
        )
    try:
        open_packet_socket(
            SocketPlan(
                **_FEW_BLOCKS,
                interface=name,
                promiscuous=promiscuous,
                fanout_group=None,
                fanout_size=1,
                filter_text=None,
            )
        ).close()
    except CaptureError as error:
        remedy = ("见权限一项", "see privileges")
        return Check(check, BAD, f"{name} 无法抓包", f"no capture: {error}", *remedy, seen)
    if seen["operstate"] == "down" or _text(folder / "carrier") == "0":
        return Check(
            check,
            WARN,
            f"{name} 没有链路信号",
            f"{name} has no carrier",
            "检查网线、光模块与镜像口是否启用",
            "check the cable, the optics, and that the mirror port is enabled",
            seen,
        )
    mode = ("，混杂模式可用", ", promiscuous mode works") if promiscuous else ("", "")
    return Check(check, GOOD, f"{name} 可抓包{mode[0]}", f"{name} can be captured{mode[1]}", seen=seen)


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii", errors="replace").strip()
    except OSError:
        return ""
