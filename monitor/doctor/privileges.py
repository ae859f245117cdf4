"""May packets be captured? CAP_NET_RAW is enough; more is more than needed."""

from __future__ import annotations

from pathlib import Path

from monitor.doctor.check import BAD, GOOD, Check

_CAP_NET_RAW = 13  # linux/capability.h


def privileges() -> Check:
    """Whether this process has CAP_NET_RAW."""
    effective = _effective()
    seen = {"effective": f"{effective:x}"}
    if not effective >> _CAP_NET_RAW & 1:
        return Check(
            "privileges",
            BAD,
            "没有抓包权限 CAP_NET_RAW",
            "CAP_NET_RAW is missing: packets cannot be captured",
            "以 root 运行本检查；服务由其 systemd 单元获得该权限",
            "run this check as root; the service gets the capability from its systemd unit",
            seen,
        )
    if effective == 1 << _CAP_NET_RAW:
        return Check("privileges", GOOD, "只有 CAP_NET_RAW", "CAP_NET_RAW and nothing else", seen=seen)
    return Check(
        "privileges",
        GOOD,
        "有 CAP_NET_RAW（此处权限更多；服务只保留这一项）",
        "CAP_NET_RAW is there (and more here; the service keeps this one)",
        seen=seen,
    )


def _effective() -> int:
    for line in Path("/proc/self/status").read_text(encoding="ascii", errors="replace").splitlines():
        if line.startswith("CapEff:"):
            return int(line.split()[1], 16)
    return 0
