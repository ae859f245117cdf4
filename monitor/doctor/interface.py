"""Does the tap's interface exist, is it up, does it have a carrier, can it be promiscuous?"""

from __future__ import annotations

from monitor.doctor import link
from monitor.doctor.check import BAD, GOOD, WARN, Check
from wire.capture.errors import CaptureError
from wire.capture.packet_socket import SocketPlan, open_packet_socket

_FEW_BLOCKS = {"block_bytes": 1 << 16, "blocks": 4, "frame_timeout_ms": 10}


def interface(name: str, promiscuous: bool, filter_text: str | None = None) -> Check:
    """The interface, and whether a packet socket opens on it as configured, with its filter."""
    check = f"interface {name}"
    try:
        flags = link.flags(name)
    except OSError:
        known = ", ".join(link.names())
        return Check(
            check,
            BAD,
            f"没有接口 {name}",
            f"there is no interface {name}",
            f"改配置 capture.interfaces；现有：{known}",
            f"set capture.interfaces to one of: {known}",
        )
    seen = {"flags": hex(flags), "mtu": link.mtu(name)}
    if not flags & link.IFF_UP:
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
                filter_text=filter_text,
            )
        ).close()
    except CaptureError as error:
        remedy = ("见权限一项；过滤式见 capture.filter", "see privileges, and capture.filter")
        return Check(check, BAD, f"{name} 无法抓包", f"no capture: {error}", *remedy, seen)
    if not flags & link.IFF_RUNNING:
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
