"""Is there memory for the rings, and are they long enough to bridge a pause?"""

from __future__ import annotations

from pathlib import Path

from monitor.doctor.check import BAD, GOOD, WARN, Check

_MIB = 1 << 20
_MOST_SHARE = 0.25
_SHORT_MIB = 16


def ring_memory(ring_mib: int, rings: int) -> Check:
    """`rings` rings of `ring_mib` MiB against the memory that is available."""
    available = _available_mib()
    wanted = ring_mib * rings
    seen = {"ring_mib": ring_mib, "rings": rings, "available_mib": available}
    zh = f"环共 {wanted} MiB（{rings} 个），可用内存 {available} MiB"
    en = f"rings take {wanted} MiB ({rings} of them) of {available} MiB available"
    if wanted > available:
        remedy = ("减小 capture.ring_mib 或 capture.workers", "lower capture.ring_mib or capture.workers")
        return Check("ring memory", BAD, zh, en, *remedy, seen)
    if wanted > available * _MOST_SHARE:
        remedy = ("减小 capture.ring_mib，给流表留内存", "lower capture.ring_mib: flows need memory, too")
        return Check("ring memory", WARN, zh, en, *remedy, seen)
    if ring_mib < _SHORT_MIB:
        remedy = (
            f"设 capture.ring_mib 至少 {_SHORT_MIB}，短暂停顿才不丢包",
            f"set capture.ring_mib to {_SHORT_MIB} at least, to bridge short pauses",
        )
        return Check("ring memory", WARN, zh, en, *remedy, seen)
    return Check("ring memory", GOOD, zh, en, seen=seen)


def _available_mib() -> int:
    for line in Path("/proc/meminfo").read_text(encoding="ascii").splitlines():
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) * 1024 // _MIB
    return 0
